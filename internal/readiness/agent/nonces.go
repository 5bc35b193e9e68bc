package agent

import (
	"sync"
	"time"

	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

const (
	// A request is accepted from Window before until Window after its time.
	nonceLife = 2 * wire.Window
	// maxNonces bounds the memory of one generation. Only holders of the key fill it.
	maxNonces = 8192
)

// nonces remembers those of accepted requests for as long as the requests could be
// accepted again. It keeps two generations: each lives once as the young and once as
// the old one.
type nonces struct {
	mu         sync.Mutex
	young, old map[string]struct{}
	since      time.Time
}

// verdict on a nonce.
type verdict int

const (
	fresh verdict = iota
	replayed
	full
)

func (n *nonces) take(nonce string, now time.Time) verdict {
	n.mu.Lock()
	defer n.mu.Unlock()
	if age := now.Sub(n.since).Abs(); n.young == nil || age > nonceLife {
		n.old, n.young, n.since = n.young, make(map[string]struct{}), now
	}
	if _, is := n.young[nonce]; is {
		return replayed
	}
	if _, is := n.old[nonce]; is {
		return replayed
	}
	if len(n.young) >= maxNonces {
		return full
	}
	n.young[nonce] = struct{}{}
	return fresh
}
