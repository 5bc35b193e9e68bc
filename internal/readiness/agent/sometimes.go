package agent

import (
	"sync"
	"time"
)

const complainEvery = time.Minute

// sometimes says yes once in complainEvery: strangers must not fill the log.
type sometimes struct {
	mu   sync.Mutex
	last time.Time
	// kept back since then
	kept int
}

func (s *sometimes) now(t time.Time) (kept int, yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.last.IsZero() && t.Sub(s.last).Abs() < complainEvery {
		s.kept++
		return 0, false
	}
	kept, s.kept, s.last = s.kept, 0, t
	return kept, true
}

func (a *agent) complain(message string, args ...any) {
	if kept, yes := a.logged.now(a.Clock.Now()); yes {
		a.Log.Warn(message, append(args, "keptBack", kept)...)
	}
}
