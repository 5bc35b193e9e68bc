package agent

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
)

const (
	maxConnections = 128
	// maxPerSource of them come from one address: who asks has a few at a time, one for
	// each gate or peer that is tried, and the kubelet one for each of its probes.
	maxPerSource = 8
)

// connections bounds the connections that are open at a time, of each address and of
// all. One too many takes the place of the oldest that has not shown a signature yet,
// of the same address first: who asks shows it with the first packet, and whoever holds
// connections open for nothing loses them.
type connections struct {
	net.Listener

	mu   sync.Mutex
	open []*connection // the oldest first
}

// connection is one of them.
type connection struct {
	net.Conn
	from netip.Addr
	all  *connections
	// authentic: it has shown a signature.
	authentic bool
}

// Accept implements net.Listener. It never waits for a place.
func (l *connections) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &connection{Conn: conn, from: sourceOf(conn), all: l}
		displaced, entered := l.enter(c)
		if displaced != nil {
			_ = displaced.Conn.Close() // whoever serves it sees that
		}
		if entered {
			return c, nil
		}
		_ = conn.Close()
	}
}

// enter gives the connection a place, that of another one if need be. It has none if
// all that could make room are authentic.
func (l *connections) enter(c *connection) (displaced *connection, entered bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sameSource := func(other *connection) bool { return other.from == c.from }
	room := func(*connection) bool { return true }
	switch {
	case count(l.open, sameSource) >= maxPerSource:
		room = sameSource
	case len(l.open) < maxConnections:
		l.open = append(l.open, c)
		return nil, true
	}
	oldest := slices.IndexFunc(l.open, func(other *connection) bool { return !other.authentic && room(other) })
	if oldest < 0 {
		return nil, false
	}
	displaced = l.open[oldest]
	l.open = append(slices.Delete(l.open, oldest, oldest+1), c)
	return displaced, true
}

func count(all []*connection, which func(*connection) bool) (n int) {
	for _, c := range all {
		if which(c) {
			n++
		}
	}
	return n
}

// Close implements net.Conn, and makes room.
func (c *connection) Close() error {
	c.all.mu.Lock()
	c.all.open = slices.DeleteFunc(c.all.open, func(other *connection) bool { return other == c })
	c.all.mu.Unlock()
	return c.Conn.Close()
}

// sourceOf is the address at the other end, in one form for both kinds of sockets.
func sourceOf(conn net.Conn) netip.Addr {
	address, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return address.Addr().Unmap()
}

type connectionKey struct{}

// withConnection has a request know the connection that it came by.
func withConnection(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, conn)
}

// markAuthentic keeps the connection that the request came by from being displaced.
func markAuthentic(ctx context.Context) {
	if c, ok := ctx.Value(connectionKey{}).(*connection); ok {
		c.all.mu.Lock()
		defer c.all.mu.Unlock()
		c.authentic = true
	}
}
