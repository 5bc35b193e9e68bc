package tailnet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	tailscale "tailscale.com/client/tailscale/v2"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
	"github.com/tazzo/rebirth/internal/bootstrap/secret"
)

// TailscaleEndpoint is where Tailscale's API is.
const TailscaleEndpoint = "https://api.tailscale.com"

// TailscaleOptions say how to reach Tailscale, with exactly one credential.
type TailscaleOptions struct {
	// Endpoint of the API; TailscaleEndpoint by default.
	Endpoint string
	// Tailnet by name; that of the credential by default.
	Tailnet string
	// OAuth client, or
	OAuth *OAuthClient
	// APIToken of an administrator: it may do all that its owner may.
	APIToken secret.Value
}

// Tailscale is the service's control server.
type Tailscale struct {
	api *tailscale.Client
	// oauth is nil with an API token.
	oauth *oauthTokens
}

var _ Control = (*Tailscale)(nil)

// NewTailscale returns at once, and calls nobody. The secrets stay the caller's, and
// are needed as long as the Tailscale is used.
func NewTailscale(options TailscaleOptions) (*Tailscale, error) {
	endpoint := strings.TrimRight(cmp.Or(options.Endpoint, TailscaleEndpoint), "/")
	base, err := url.Parse(endpoint)
	if err != nil {
		return nil, fmt.Errorf("the endpoint of Tailscale's API: %w", err)
	}
	if (options.OAuth == nil) == options.APIToken.IsEmpty() {
		return nil, errors.New("Tailscale needs either an OAuth client or an API token")
	}
	network, err := newTransport("")
	if err != nil {
		return nil, err
	}
	t := &Tailscale{}
	login := always(options.APIToken)
	if options.OAuth != nil {
		t.oauth = newOAuthTokens(*options.OAuth, endpoint, network)
		login = t.oauth.authenticate
	}
	t.api = &tailscale.Client{
		BaseURL: base, Tailnet: options.Tailnet, UserAgent: "rebirth-bootstrap",
		HTTP: &http.Client{Timeout: requestTimeout, Transport: &bearer{
			base:         &checked{base: network, credential: options.APIToken},
			authenticate: login,
		}},
	}
	return t, nil
}

// LoginServer implements Control.
func (*Tailscale) LoginServer() string { return "" }

// The key that Check makes and revokes at once.
const (
	probeLifetime    = 5 * time.Minute
	probeDescription = "rebirth preflight"
)

// Check implements Control. What an OAuth client may do, Tailscale tells with its
// token; that keys with these tags can be made is only known by making one.
func (t *Tailscale) Check(ctx context.Context, tags []string) error {
	if err := t.checkScopes(ctx); err != nil {
		return err
	}
	if _, err := t.Devices(ctx); err != nil {
		return err
	}
	key, err := t.mint(ctx, probeDescription, tags, probeLifetime)
	if err != nil {
		return err
	}
	key.Secret.Destroy()
	return revokeProbe(ctx, t, key.ID)
}

// revokeProbe revokes a key that Check has made, even if nobody waits any more.
func revokeProbe(ctx context.Context, control Control, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return control.RevokeKey(ctx, id)
}

func (t *Tailscale) checkScopes(ctx context.Context) error {
	if t.oauth == nil {
		return nil
	}
	token, err := t.oauth.token(ctx)
	if err != nil {
		return t.failed(ctx, "check its rights", err)
	}
	scopes := told(token, "scope")
	if missing := missingScopes(scopes); len(missing) > 0 {
		return &Error{
			Kind: ErrDenied, Server: "Tailscale", Doing: "check the rights of OAuth client " + t.oauth.client.ID,
			Said: fmt.Sprintf("it has the scopes [%s] and lacks [%s]", scopes, strings.Join(missing, " ")),
			Way:  wayToScopes,
		}
	}
	return nil
}

const wayToScopes = "in the admin console, Settings → Trust credentials, give the OAuth client write access to " +
	scopeKeys + " (Keys → Auth Keys) and " + scopeDevices + " (Devices → Core)"

// MintKey implements Control.
func (t *Tailscale) MintKey(ctx context.Context, request KeyRequest) (Key, error) {
	return t.mint(ctx, description(request.Cluster), request.Tags, KeyLifetime)
}

func (t *Tailscale) mint(ctx context.Context, description string, tags []string, lifetime time.Duration) (Key, error) {
	request := tailscale.CreateKeyRequest{Description: description, ExpirySeconds: int64(lifetime.Seconds())}
	create := &request.Capabilities.Devices.Create
	create.Reusable, create.Ephemeral, create.Preauthorized, create.Tags = true, true, true, tags
	if ctx.Err() != nil {
		return Key{}, t.mintFailed(ctx, tags, ctx.Err())
	}
	ctx, cancel := unabandoned(ctx)
	defer cancel()
	key, err := t.api.Keys().CreateAuthKey(ctx, request)
	if err != nil {
		return Key{}, t.mintFailed(ctx, tags, err)
	}
	if key.ID == "" || key.Key == "" {
		return Key{}, noKey("Tailscale")
	}
	return Key{ID: key.ID, Secret: secret.New([]byte(key.Key)), Created: key.Created, Expires: key.Expires}, nil
}

// mintFailed knows that nothing but the tags can be wrong with such a request.
func (t *Tailscale) mintFailed(ctx context.Context, tags []string, err error) error {
	failed := t.failed(ctx, fmt.Sprintf("make an auth key with the tags [%s]", strings.Join(tags, " ")), err)
	if !errors.Is(failed, ErrRefused) {
		return failed
	}
	failed.Way = "every tag needs an entry below tagOwners in the tailnet's policy file (admin console, Access controls)"
	if t.oauth == nil {
		failed.Way += ", with the API token's owner among its owners"
		return failed
	}
	failed.Way += ", and the OAuth client must have exactly these tags, or tags that own them"
	if token, err := t.oauth.token(ctx); err == nil {
		failed.Way += tagsOf(told(token, "tags"), tags)
	}
	return failed
}

// tagsOf says which of the tags an OAuth client has, and lacks.
func tagsOf(told string, wanted []string) string {
	has := strings.Fields(told)
	if len(has) == 0 {
		return ""
	}
	text := "; it has [" + strings.Join(has, " ") + "]"
	lacks := slices.DeleteFunc(set(wanted), func(tag string) bool { return slices.Contains(has, tag) })
	if len(lacks) > 0 {
		text += " and lacks [" + strings.Join(lacks, " ") + "]"
	}
	return text
}

// RevokeKey implements Control.
func (t *Tailscale) RevokeKey(ctx context.Context, id string) error {
	if err := t.api.Keys().Delete(ctx, id); err != nil {
		failed := t.failed(ctx, "revoke auth key "+id, err)
		if errors.Is(failed, ErrNotFound) {
			return nil
		}
		return failed
	}
	return nil
}

// LeftoverKeys implements Control. Those of an OAuth client are the tailnet's own,
// those of an API token belong to its owner, and each can only list its like.
func (t *Tailscale) LeftoverKeys(ctx context.Context, cluster string, tags []string) ([]string, error) {
	listed, err := t.api.Keys().List(ctx, false)
	if err != nil {
		return nil, t.failed(ctx, "list auth keys", err)
	}
	var leftover []string
	for _, key := range listed {
		// The list is documented to hold nothing but ids.
		known, err := t.api.Keys().Get(ctx, key.ID)
		if err != nil {
			failed := t.failed(ctx, "read auth key "+key.ID, err)
			if errors.Is(failed, ErrNotFound) {
				continue // it has ended since
			}
			return nil, failed
		}
		ours := known.Description == description(cluster) || known.Description == probeDescription
		if ours && works(*known) && sameTags(known.Capabilities.Devices.Create.Tags, tags) {
			leftover = append(leftover, known.ID)
		}
	}
	return leftover, nil
}

// works says whether nodes can still join with a key.
func works(key tailscale.Key) bool { return !key.Invalid && key.Revoked.IsZero() }

// Devices implements Control. Devices that another tailnet shares are left out: they
// have names of their own, and can't be removed.
func (t *Tailscale) Devices(ctx context.Context) ([]inventory.Device, error) {
	listed, err := t.api.Devices().List(ctx)
	if err != nil {
		return nil, t.failed(ctx, "list devices", err)
	}
	var devices []inventory.Device
	for _, device := range listed {
		if device.IsExternal {
			continue
		}
		known, err := deviceOf(device)
		if err != nil {
			return nil, t.failed(ctx, "list devices", err)
		}
		devices = append(devices, known)
	}
	return devices, nil
}

// deviceOf translates. The name that the tailnet calls a device by is in front of its
// MagicDNS name; its "hostname" is only what the device calls itself.
func deviceOf(device tailscale.Device) (inventory.Device, error) {
	addresses, err := parseAddresses(device.Addresses)
	if err != nil {
		return inventory.Device{}, err
	}
	name, _, _ := strings.Cut(device.Name, ".")
	known := inventory.Device{
		ID: cmp.Or(device.NodeID, device.ID), Hostname: cmp.Or(name, device.Hostname), Tags: device.Tags, Addresses: addresses,
		Ephemeral: device.IsEphemeral, Authorized: device.Authorized, Connected: device.ConnectedToControl,
		Created: device.Created.Time,
	}
	if device.LastSeen != nil {
		known.LastSeen = device.LastSeen.Time
	}
	return known, nil
}

func parseAddresses(texts []string) ([]netip.Addr, error) {
	addresses := make([]netip.Addr, 0, len(texts))
	for _, text := range texts {
		address, err := netip.ParseAddr(text)
		if err != nil {
			return nil, err
		}
		addresses = append(addresses, address)
	}
	return slices.Clip(addresses), nil
}

// DeleteDevice implements Control.
func (t *Tailscale) DeleteDevice(ctx context.Context, id string) error {
	if err := t.api.Devices().Delete(ctx, id); err != nil {
		failed := t.failed(ctx, "remove device "+id, err)
		if errors.Is(failed, ErrNotFound) {
			return nil
		}
		return failed
	}
	return nil
}

// failed names the call, and the way out of a refusal.
func (t *Tailscale) failed(ctx context.Context, doing string, err error) *Error {
	said, kind := classify(ctx, err)
	failed := &Error{Kind: kind, Server: "Tailscale", Doing: doing, Status: statusOf(err), Said: said}
	var login *tokenError
	switch {
	case errors.As(err, &login):
		failed.Doing = "log in as OAuth client " + t.oauth.client.ID + " to " + doing
		if errors.Is(kind, ErrDenied) {
			failed.Way = "is the client's secret right, and the client still there? (admin console, Settings → Trust credentials)"
		}
	case !errors.Is(kind, ErrDenied):
	case t.oauth != nil:
		failed.Way = wayToScopes
	default:
		failed.Way = "is the API token right and not expired, and its owner an administrator? (admin console, Settings → Keys)"
	}
	return failed
}
