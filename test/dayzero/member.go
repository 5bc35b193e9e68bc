package dayzero

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tazzo/rebirth/test/tailscale"
)

// Member lets a machine into the tailnet that bootstrap didn't make, and returns once
// it has joined. Its state lies in dir; whoever calls stops it.
func (w *World) Member(ctx context.Context, dir, hostname, tag string) (*tailscale.Node, error) {
	key, err := w.Headscale.CLI(ctx, "preauthkeys", "create", "--user", "1", "--ephemeral", "--expiration", "1m", "--tags", tag)
	if err != nil {
		return nil, err
	}
	node, err := tailscale.Start(ctx, dir, []string{
		"TS_HOSTNAME=" + hostname, "TS_AUTHKEY=" + strings.TrimSpace(string(key)), "TS_AUTH_ONCE=true",
		"TS_EXTRA_ARGS=--login-server=" + w.Headscale.Endpoint,
	})
	if err != nil {
		return nil, err
	}
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for len(node.Addresses(ctx)) == 0 {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("%s does not join the tailnet (%w); the end of its log:\n%s", hostname, context.Cause(ctx), node.Log()), node.Kill())
		}
	}
	return node, nil
}
