package dayzero

import (
	"context"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tazzo/rebirth/test/tailscale"
	"github.com/tazzo/rebirth/test/talos"
)

// extension is the tailscale extension of a fake node: the real programs, with the
// environment that the node's configuration gives them.
type extension struct{ world *World }

// Run implements talos.Extension.
func (e extension) Run(ctx context.Context, container talos.Container) error {
	e.world.noteKeys(container.Env)
	node, err := tailscale.Start(ctx, filepath.Join(container.Var, "lib", "tailscale"), container.Env)
	if err != nil {
		return err
	}
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	var last []netip.Addr
	for {
		select {
		case <-ctx.Done():
			return node.Stop()
		case <-ticker.C:
			if now := node.Addresses(ctx); !slices.Equal(now, last) {
				container.SetAddresses(now)
				last = now
			}
		}
	}
}

// noteKeys remembers the auth keys that a node was lent, to search for them.
func (w *World) noteKeys(env []string) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, variable := range env {
		if key, found := strings.CutPrefix(variable, "TS_AUTHKEY="); found && !slices.Contains(w.authKeys, key) {
			w.authKeys = append(w.authKeys, key)
		}
	}
}

// AuthKeys are all that nodes were lent so far.
func (w *World) AuthKeys() []string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return slices.Clone(w.authKeys)
}
