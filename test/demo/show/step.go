package show

import (
	"context"
	"fmt"
	"time"
)

// Step is something that is done and told: told before it is done.
type Step[W any] struct {
	Actor Actor
	Text  string
	// Do may be nil.
	Do func(context.Context) error
	// Then changes the world after it; nil for what others see.
	Then func(*W)
	// Pause comes after it.
	Pause time.Duration
}

// Take takes the steps, up to the first that fails.
func (w *World[W]) Take(ctx context.Context, steps ...Step[W]) error {
	for _, s := range steps {
		w.Note(Happened, s.Actor, "%s", s.Text)
		if s.Do != nil {
			if err := s.Do(ctx); err != nil {
				return fmt.Errorf("%s %s: %w", s.Actor, s.Text, err)
			}
		}
		if s.Then != nil {
			w.Update(s.Then)
		}
		if !Wait(ctx, s.Pause) {
			return context.Cause(ctx)
		}
	}
	return nil
}

// Wait waits and tells whether it could.
func Wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
