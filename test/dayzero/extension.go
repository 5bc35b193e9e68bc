package dayzero

import (
	"context"
	"net/netip"
	"path/filepath"
	"slices"
	"time"

	"github.com/tazzo/rebirth/test/tailscale"
	"github.com/tazzo/rebirth/test/talos"
)

// extension is the tailscale extension of a fake node: the real programs, with the
// environment that the node's configuration gives them.
type extension struct{}

// Run implements talos.Extension.
func (extension) Run(ctx context.Context, container talos.Container) error {
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
