package tailnet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
)

// The JSON of Headscale's REST API, as far as it is used: proto/headscale/v1 of
// v0.29.2. Its numbers of 64 bits are strings.

type newPreAuthKey struct {
	User       string    `json:"user"`
	Reusable   bool      `json:"reusable"`
	Ephemeral  bool      `json:"ephemeral"`
	ACLTags    []string  `json:"aclTags"`
	Expiration time.Time `json:"expiration"`
}

type preAuthKey struct {
	ID        uint64                `json:"id,string"`
	Key       string                `json:"key"` // whole when it is made, and shortened ever after
	User      struct{ Name string } `json:"user"`
	Reusable  bool                  `json:"reusable"`
	Ephemeral bool                  `json:"ephemeral"`
	ACLTags   []string              `json:"aclTags"`

	Expiration time.Time `json:"expiration"`
	CreatedAt  time.Time `json:"createdAt"`
}

func (k preAuthKey) id() string { return strconv.FormatUint(k.ID, 10) }

type node struct {
	ID          uint64       `json:"id,string"`
	GivenName   string       `json:"givenName"`
	IPAddresses []netip.Addr `json:"ipAddresses"`
	Tags        []string     `json:"tags"`
	PreAuthKey  *preAuthKey  `json:"preAuthKey"`
	Online      bool         `json:"online"`
	CreatedAt   time.Time    `json:"createdAt"`
	LastSeen    *time.Time   `json:"lastSeen"`
}

// device translates. Headscale knows no approval of devices; one is ephemeral if the
// key is that it came with.
func (n node) device() inventory.Device {
	device := inventory.Device{
		ID: strconv.FormatUint(n.ID, 10), Hostname: n.GivenName, Tags: n.Tags, Addresses: n.IPAddresses,
		Ephemeral: n.PreAuthKey != nil && n.PreAuthKey.Ephemeral, Authorized: true, Connected: n.Online, Created: n.CreatedAt,
	}
	if n.LastSeen != nil {
		device.LastSeen = *n.LastSeen
	}
	return device
}

// call sends in and decodes the answer into out; nil is nothing.
func (h *Headscale) call(ctx context.Context, doing, method, path string, in, out any) error {
	if err := h.exchange(ctx, method, path, in, out); err != nil {
		said, kind := classify(ctx, err)
		failed := &Error{Kind: kind, Server: h.name, Doing: doing, Status: statusOf(err), Said: said}
		if errors.Is(kind, ErrDenied) {
			failed.Way = "is the API key right and not expired? (headscale apikeys list)"
		}
		return failed
	}
	return nil
}

func (h *Headscale) exchange(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		encoded, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, h.endpoint+path, body)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "rebirth-bootstrap")
	response, err := h.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if out == nil {
		_, err = io.Copy(io.Discard, response.Body)
		return err
	}
	return json.NewDecoder(response.Body).Decode(out)
}
