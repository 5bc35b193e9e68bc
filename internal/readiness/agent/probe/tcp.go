package probe

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/tazzo/rebirth/internal/readiness/agent/failure"
	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

// connect opens a connection and closes it.
func connect(ctx context.Context, t wire.TCP) finding {
	dialer := net.Dialer{Resolver: resolver(t.Server)}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(absolute(t.Host), strconv.Itoa(int(t.Port))))
	if err != nil {
		why, text := failure.Of(err, wire.Failed)
		return finding{why, text}
	}
	_ = conn.Close()
	return finding{}
}

// resolver asks the server, or whom resolv.conf names if there is none.
func resolver(server netip.AddrPort) *net.Resolver {
	r := &net.Resolver{PreferGo: true}
	if server.IsValid() {
		r.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, server.String())
		}
	}
	return r
}

// absolute ends a name with a dot: then no search domains are tried.
func absolute(host string) string {
	if _, err := netip.ParseAddr(host); err == nil {
		return host
	}
	return strings.TrimSuffix(host, ".") + "."
}
