package tailnet

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"k8s.io/utils/clock"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
	"github.com/tazzo/rebirth/internal/bootstrap/secret"
)

// HeadscaleOptions say how to reach a Headscale.
type HeadscaleOptions struct {
	// Endpoint, such as https://headscale.example.com: for this program and for nodes.
	Endpoint string
	// CA is the PEM of the authorities that may have signed its certificate; those
	// of the system by default.
	CA string
	// APIKey of Headscale: it may do everything.
	APIKey secret.Value
	// User that keys are made for.
	User string
	// Clock says when keys end; the real one by default.
	Clock clock.PassiveClock
}

// Headscale is a control server of one's own, version 0.29 or newer.
type Headscale struct {
	endpoint string
	name     string // in errors
	user     string
	clock    clock.PassiveClock
	http     *http.Client
}

var _ Control = (*Headscale)(nil)

// NewHeadscale returns at once, and calls nobody. The API key stays the caller's,
// and is needed as long as the Headscale is used.
func NewHeadscale(options HeadscaleOptions) (*Headscale, error) {
	endpoint := strings.TrimRight(options.Endpoint, "/")
	if base, err := url.Parse(endpoint); err != nil || base.Host == "" {
		return nil, fmt.Errorf("the endpoint of Headscale, %q, is no URL", options.Endpoint)
	}
	if options.APIKey.IsEmpty() || options.User == "" {
		return nil, errors.New("Headscale needs an API key and a user")
	}
	network, err := newTransport(options.CA)
	if err != nil {
		return nil, fmt.Errorf("Headscale at %s: %w", endpoint, err)
	}
	h := &Headscale{endpoint: endpoint, name: "Headscale at " + endpoint, user: options.User, clock: options.Clock}
	if h.clock == nil {
		h.clock = clock.RealClock{}
	}
	h.http = &http.Client{Timeout: requestTimeout, Transport: &bearer{
		base:         &checked{base: network, credential: options.APIKey},
		authenticate: always(options.APIKey),
	}}
	return h, nil
}

// LoginServer implements Control.
func (h *Headscale) LoginServer() string { return h.endpoint }

// Check implements Control. An API key of Headscale may do everything; what can be
// wrong is the key, the user, a tag's form, the clocks, and a Headscale so old that
// it takes another kind of request to revoke a key, and says that it did.
func (h *Headscale) Check(ctx context.Context, tags []string) error {
	if _, err := h.Devices(ctx); err != nil {
		return err
	}
	key, err := h.MintKey(ctx, KeyRequest{Tags: tags})
	if err != nil {
		return err
	}
	key.Secret.Destroy()
	if err := revokeProbe(ctx, h, key.ID); err != nil {
		return err
	}
	if err := h.checkRevoked(ctx, key); err != nil {
		return err
	}
	// Headscale keeps keys that have ended; this one nobody needs to see.
	return h.call(ctx, "remove auth key "+key.ID, http.MethodDelete, "/api/v1/preauthkey?id="+key.ID, nil, nil)
}

func (h *Headscale) checkRevoked(ctx context.Context, probe Key) error {
	keys, err := h.keys(ctx)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if key.id() == probe.ID && !key.Expiration.Before(probe.Expires) {
			return &Error{Kind: ErrRefused, Server: h.name, Doing: "revoke auth key " + probe.ID,
				Said: "it said that it did, and the key still works", Way: "is it version 0.29 or newer?"}
		}
	}
	return nil
}

// MintKey implements Control.
func (h *Headscale) MintKey(ctx context.Context, request KeyRequest) (Key, error) {
	user, err := h.userID(ctx)
	if err != nil {
		return Key{}, err
	}
	ctx, cancel := unabandoned(ctx)
	defer cancel()
	var made struct{ PreAuthKey preAuthKey }
	doing := fmt.Sprintf("make an auth key with the tags [%s] for user %s", strings.Join(request.Tags, " "), h.user)
	err = h.call(ctx, doing, http.MethodPost, "/api/v1/preauthkey", newPreAuthKey{
		User: user, Reusable: true, Ephemeral: true, ACLTags: request.Tags, Expiration: h.clock.Now().Add(KeyLifetime).UTC(),
	}, &made)
	if err != nil {
		return Key{}, err
	}
	if made.PreAuthKey.Key == "" {
		return Key{}, noKey(h.name)
	}
	key := Key{ID: made.PreAuthKey.id(), Secret: secret.New([]byte(made.PreAuthKey.Key)),
		Created: made.PreAuthKey.CreatedAt, Expires: made.PreAuthKey.Expiration}
	if err := h.checkClocks(key); err != nil {
		key.Secret.Destroy()
		return Key{}, errors.Join(err, revokeProbe(ctx, h, key.ID))
	}
	return key, nil
}

// checkClocks refuses a key that ends too soon to be used, or too late to be safe:
// its end is a moment by this machine's clock, and Headscale goes by its own.
func (h *Headscale) checkClocks(key Key) error {
	apart := key.Expires.Sub(key.Created) - KeyLifetime
	if apart.Abs() <= KeyLifetime/3 {
		return nil
	}
	return &Error{Kind: ErrRefused, Server: h.name, Doing: "make an auth key for " + KeyLifetime.String(),
		Said: fmt.Sprintf("its clock is %s from this machine's", apart.Abs().Round(time.Second)), Way: "set both clocks by NTP"}
}

// userID is the number of the user that keys are made for.
func (h *Headscale) userID(ctx context.Context) (string, error) {
	var answer struct {
		Users []struct{ ID, Name string }
	}
	doing := "find user " + h.user
	if err := h.call(ctx, doing, http.MethodGet, "/api/v1/user?name="+url.QueryEscape(h.user), nil, &answer); err != nil {
		return "", err
	}
	for _, user := range answer.Users {
		if user.Name == h.user {
			return user.ID, nil
		}
	}
	return "", &Error{Kind: ErrNotFound, Server: h.name, Doing: doing, Way: "make it with headscale users create " + h.user}
}

// RevokeKey implements Control. The key is expired, not deleted: a device without
// its key counts as one that isn't ephemeral.
func (h *Headscale) RevokeKey(ctx context.Context, id string) error {
	err := h.call(ctx, "revoke auth key "+id, http.MethodPost, "/api/v1/preauthkey/expire", map[string]string{"id": id}, nil)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// LeftoverKeys implements Control. Keys of Headscale have no description: a
// cluster's are known by their user and tags, and by being like ours in the rest.
func (h *Headscale) LeftoverKeys(ctx context.Context, _ string, tags []string) ([]string, error) {
	keys, err := h.keys(ctx)
	if err != nil {
		return nil, err
	}
	var leftover []string
	for _, key := range keys {
		if key.User.Name == h.user && key.Reusable && key.Ephemeral && sameTags(key.ACLTags, tags) &&
			key.Expiration.After(h.clock.Now()) && key.Expiration.Sub(key.CreatedAt) <= 2*KeyLifetime {
			leftover = append(leftover, key.id())
		}
	}
	return leftover, nil
}

func (h *Headscale) keys(ctx context.Context) ([]preAuthKey, error) {
	var answer struct{ PreAuthKeys []preAuthKey }
	err := h.call(ctx, "list auth keys", http.MethodGet, "/api/v1/preauthkey", nil, &answer)
	return answer.PreAuthKeys, err
}

// Devices implements Control.
func (h *Headscale) Devices(ctx context.Context) ([]inventory.Device, error) {
	var answer struct{ Nodes []node }
	if err := h.call(ctx, "list devices", http.MethodGet, "/api/v1/node", nil, &answer); err != nil {
		return nil, err
	}
	devices := make([]inventory.Device, 0, len(answer.Nodes))
	for _, node := range answer.Nodes {
		devices = append(devices, node.device())
	}
	return devices, nil
}

// DeleteDevice implements Control.
func (h *Headscale) DeleteDevice(ctx context.Context, id string) error {
	if _, err := strconv.ParseUint(id, 10, 64); err != nil {
		return &Error{Kind: ErrRefused, Server: h.name, Doing: fmt.Sprintf("remove device %q", id), Said: "its devices have numbers"}
	}
	err := h.call(ctx, "remove device "+id, http.MethodDelete, "/api/v1/node/"+id, nil, nil)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}
