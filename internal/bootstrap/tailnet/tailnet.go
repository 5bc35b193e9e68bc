// Package tailnet speaks to the control server of a tailnet: Tailscale's, or a
// Headscale of one's own. It makes auth keys, revokes them, and lists and removes
// devices. It decides nothing.
//
// The hazard: an auth key lets any machine into the network. So a key lives for a
// quarter of an hour at most, makes nothing but devices that vanish by themselves and
// carry the tags that were asked for, and is revoked as soon as nobody needs it: to
// revoke is idempotent, and keys that a dead run left behind are found again.
package tailnet

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
	"github.com/tazzo/rebirth/internal/bootstrap/secret"
)

// KeyLifetime is how long a key works at most: what a dead run leaves behind is
// worth nothing after it.
const KeyLifetime = 15 * time.Minute

// Control is the control server of a tailnet. Its errors are of type *Error.
type Control interface {
	// Check proves, before anything is made, that keys with these tags can be made
	// and revoked, and devices listed and removed. Its error names the tag or right
	// that is missing.
	Check(ctx context.Context, tags []string) error
	// MintKey makes a key that any number of nodes can join with. It belongs to the
	// caller, who revokes it and destroys its Secret. Once it is asked for, the answer
	// is awaited though ctx ends, for half a minute at most: nobody could revoke a key
	// that nobody has been told of.
	MintKey(ctx context.Context, request KeyRequest) (Key, error)
	// RevokeKey ends a key; one that is unknown or has ended is no error. Devices
	// that have joined with it stay.
	RevokeKey(ctx context.Context, id string) error
	// LeftoverKeys are the keys that a dead run for the cluster has left behind and
	// that still work, by id.
	LeftoverKeys(ctx context.Context, cluster string, tags []string) ([]string, error)
	// Devices of the tailnet, all that are its own.
	Devices(ctx context.Context) ([]inventory.Device, error)
	// DeleteDevice removes a device; one that is gone is no error.
	DeleteDevice(ctx context.Context, id string) error
	// LoginServer is what nodes are told to log in at; empty is Tailscale's own.
	LoginServer() string
}

// KeyRequest is what a key is made for.
type KeyRequest struct {
	Cluster string
	Tags    []string
}

// Key lets nodes into the tailnet.
type Key struct {
	ID     string
	Secret secret.Value
	// Created and Expires are told by the control server, by its own clock.
	Created time.Time
	Expires time.Time
}

// unabandoned outlives ctx, for what somebody must hear the end of.
func unabandoned(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
}

// description is what a key says of itself. Tailscale allows 50 letters, digits,
// hyphens and spaces.
func description(cluster string) string {
	const most = 50
	text := "rebirth " + strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
			return r
		}
		return '-'
	}, cluster)
	return text[:min(most, len(text))]
}

// sameTags compares them as sets.
func sameTags(a, b []string) bool { return slices.Equal(set(a), set(b)) }

func set(tags []string) []string { return slices.Compact(slices.Sorted(slices.Values(tags))) }
