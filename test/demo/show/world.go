package show

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// News is what a person wants to know of the way from one state of a world to the
// next.
type News struct {
	Mark  Mark
	Actor Actor
	Text  string
}

// Goal is a stop condition: what has to become true of a world for the play to go on.
type Goal[W any] struct {
	Name    string
	Reached func(W) bool
}

// World is what an act sees: a W, which holds no secret.
type World[W comparable] struct {
	recorder *Recorder
	newsOf   func(before, after W) []News
	rowsOf   func(W) []Row
	now      W
	open     []expected[W]
}

// expected is a goal whose clock runs.
type expected[W any] struct {
	goal     Goal[W]
	measured *Measured
}

// NewWorld returns an empty world. newsOf and rowsOf are pure: what is new from one
// state to the next, and the present state.
func NewWorld[W comparable](recorder *Recorder, newsOf func(before, after W) []News, rowsOf func(W) []Row) *World[W] {
	return &World[W]{recorder: recorder, newsOf: newsOf, rowsOf: rowsOf}
}

// Present shows this world's state from now on.
func (w *World[W]) Present() {
	w.recorder.mu.Lock()
	defer w.recorder.mu.Unlock()
	w.recorder.rows = func() []Row { return w.rowsOf(w.now) }
}

// Update changes the world, tells what is new in it and stamps goals.
func (w *World[W]) Update(edit func(*W)) {
	r := w.recorder
	r.mu.Lock()
	defer r.mu.Unlock()
	before := w.now
	edit(&w.now)
	if w.now == before {
		return
	}
	now := r.now()
	for _, n := range w.newsOf(before, w.now) {
		r.line(now, n.Mark, n.Actor, n.Text)
	}
	w.see(now)
	r.state(now)
	close(r.changed)
	r.changed = make(chan struct{})
}

// see stamps the open goals that are true by now.
func (w *World[W]) see(now time.Time) {
	w.open = slices.DeleteFunc(w.open, func(e expected[W]) bool {
		if !e.goal.Reached(w.now) {
			return false
		}
		e.measured.end = now
		return true
	})
}

// Now returns the present state.
func (w *World[W]) Now() W {
	w.recorder.mu.Lock()
	defer w.recorder.mu.Unlock()
	return w.now
}

// Note adds a line.
func (w *World[W]) Note(mark Mark, actor Actor, format string, args ...any) {
	w.recorder.Note(mark, actor, format, args...)
}

// Expect begins to measure goals of a scene: the clock of each starts now, and after
// says what now is. The returned function waits until all are reached, each for no
// longer than the recorder's patience.
func (w *World[W]) Expect(scene, after string, goals ...Goal[W]) (await func(context.Context) error) {
	r := w.recorder
	r.mu.Lock()
	defer r.mu.Unlock()
	now, wanted := r.now(), make([]*Measured, 0, len(goals))
	for _, goal := range goals {
		m := &Measured{Scene: scene, After: after, Name: goal.Name, begin: now}
		wanted = append(wanted, m)
		w.open = append(w.open, expected[W]{goal, m})
	}
	r.timeline.goals = append(r.timeline.goals, wanted...)
	w.see(now)
	return func(ctx context.Context) error {
		for _, m := range wanted {
			if err := r.await(ctx, m); err != nil {
				return err
			}
		}
		return nil
	}
}

func (r *Recorder) await(ctx context.Context, m *Measured) error {
	deadline := time.NewTimer(r.patience)
	defer deadline.Stop()
	for {
		r.mu.Lock()
		_, reached := m.Took()
		changed := r.changed
		r.mu.Unlock()
		if reached {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-deadline.C:
			return missed{goal: m, patience: r.patience}
		}
	}
}

// missed says that a stop condition was not reached in time.
type missed struct {
	goal     *Measured
	patience time.Duration
}

func (m missed) Error() string {
	return fmt.Sprintf("%s: not within %s (--timeout): %s", m.goal.Scene, m.patience, m.goal.Name)
}
