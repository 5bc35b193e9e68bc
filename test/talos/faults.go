package talos

import (
	"context"
	"net"
)

// Hang makes the machine deaf until the returned function is called: connections are
// accepted, and nothing is answered any more.
func (m *Machine) Hang() (stop func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	hangs := make(chan struct{})
	m.hangs = hangs
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.hangs == hangs {
			close(hangs)
			m.hangs = nil
		}
	}
}

// hanging waits until the machine hears again, or the context ends.
func (m *Machine) hanging(ctx context.Context) {
	m.mu.Lock()
	hangs := m.hangs
	m.mu.Unlock()
	if hangs == nil {
		return
	}
	select {
	case <-hangs:
	case <-ctx.Done():
	}
}

// Death is a loss of power in the middle of a call. The machine starts again.
type Death string

// The deaths.
const (
	// BeforeWrite: the configuration has arrived, and is not on the disk.
	BeforeWrite Death = "BeforeWrite"
	// AfterWrite: the configuration is on the disk, and the caller isn't told.
	AfterWrite Death = "AfterWrite"
)

// DieOnApply makes the machine lose its power at that point of the next
// ApplyConfiguration.
func (m *Machine) DieOnApply(at Death) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dies = &at
}

// diesAt says whether the moment has come.
func (m *Machine) diesAt(at Death) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dies == nil || *m.dies != at {
		return false
	}
	m.dies = nil
	return true
}

// deafListener accepts, and keeps connections to itself while the machine hangs.
type deafListener struct {
	net.Listener
	life *life
}

func (l deafListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &deafConn{Conn: conn, life: l.life}, nil
}

// deafConn reads nothing while the machine hangs.
type deafConn struct {
	net.Conn
	life *life
}

func (c *deafConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.life.machine.hanging(c.life.ctx)
	return n, err
}
