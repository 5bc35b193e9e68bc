package secretsync_test

import (
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"
)

// aheadClock runs like the real one, ahead of it by as much as a spec sets. One
// that stands still would never let a retry become due.
type aheadClock struct {
	clock.RealClock
	ahead atomic.Int64
}

func (c *aheadClock) Now() time.Time { return c.RealClock.Now().Add(time.Duration(c.ahead.Load())) }

func (c *aheadClock) Since(t time.Time) time.Duration { return c.Now().Sub(t) }

// forward sets the clock forward.
func (c *aheadClock) forward(by time.Duration) { c.ahead.Add(int64(by)) }
