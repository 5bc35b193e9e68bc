package reconciler

import (
	"context"
	"net/netip"
	"sync"
)

// turns has the gates ask an agent one after the other. It has memory for few requests
// at a time, and refuses more; a gate would take that for a node that fails.
type turns struct {
	mu     sync.Mutex
	agents map[netip.AddrPort]*turn
}

// turn is whose turn it is at one agent.
type turn struct {
	taken chan struct{}
	// users have it or wait for it; without any it is forgotten, for agents come and go.
	users int
}

// take waits for the turn at an agent, or for the end of the context: then it has not
// come. Who had it calls leave.
func (t *turns) take(ctx context.Context, agent netip.AddrPort) (leave func(), came bool) {
	at := t.join(agent)
	select {
	case at.taken <- struct{}{}:
		return func() { <-at.taken; t.part(agent, at) }, true
	case <-ctx.Done():
		t.part(agent, at)
		return nil, false
	}
}

func (t *turns) join(agent netip.AddrPort) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.agents == nil {
		t.agents = map[netip.AddrPort]*turn{}
	}
	at := t.agents[agent]
	if at == nil {
		at = &turn{taken: make(chan struct{}, 1)}
		t.agents[agent] = at
	}
	at.users++
	return at
}

func (t *turns) part(agent netip.AddrPort, at *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at.users--; at.users == 0 {
		delete(t.agents, agent)
	}
}
