package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
)

// View shows what happens while it happens. Its methods are never called at once.
type View interface {
	// Line shows a new line of the timeline.
	Line(Line)
	// World shows the present state of things.
	World(act string, elapsed time.Duration, w World)
	// Close leaves the terminal as it was.
	Close()
}

// Recorder keeps the timeline and the world, and shows both. It is safe for
// concurrent use.
type Recorder struct {
	mu       sync.Mutex
	view     View
	timeline *Timeline
	world    World
	changed  chan struct{} // closed and replaced with every change of the world
}

// NewRecorder returns a recorder that begins now.
func NewRecorder(view View) *Recorder {
	return &Recorder{view: view, timeline: NewTimeline(time.Now()), changed: make(chan struct{})}
}

// Note adds a line.
func (r *Recorder) Note(mark Mark, actor Actor, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note(mark, actor, fmt.Sprintf(format, args...))
}

func (r *Recorder) note(mark Mark, actor Actor, text string) {
	now := time.Now()
	r.view.Line(r.timeline.Add(now, mark, actor, text))
	r.view.World(r.timeline.act, now.Sub(r.timeline.begin), r.world)
}

// Update changes the world, tells what is new in it and stamps goals.
func (r *Recorder) Update(edit func(*World)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.world
	edit(&r.world)
	if r.world == before {
		return
	}
	now := time.Now()
	for _, n := range newsOf(before, r.world) {
		r.view.Line(r.timeline.Add(now, n.mark, n.actor, n.text))
	}
	r.timeline.See(now, r.world)
	r.view.World(r.timeline.act, now.Sub(r.timeline.begin), r.world)
	close(r.changed)
	r.changed = make(chan struct{})
}

// World returns the present world.
func (r *Recorder) World() World {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.world
}

// Outcome returns the stop conditions and, as text, everything that was shown.
func (r *Recorder) Outcome() (goals []*Goal, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out strings.Builder
	for _, e := range r.timeline.lines {
		fmt.Fprintln(&out, e)
	}
	return r.timeline.goals, out.String()
}

// Expect begins to measure goals.
func (r *Recorder) Expect(goals ...*Goal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.timeline.Expect(now, goals...)
	r.timeline.See(now, r.world)
}

// Await waits until the goals are reached, each for no longer than patience.
func (r *Recorder) Await(ctx context.Context, patience time.Duration, goals ...*Goal) error {
	for _, g := range goals {
		if err := r.await(ctx, patience, g); err != nil {
			return err
		}
	}
	return nil
}

func (r *Recorder) await(ctx context.Context, patience time.Duration, g *Goal) error {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		r.mu.Lock()
		_, reached := g.Took()
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
			return missed{goal: g, patience: patience}
		}
	}
}

// missed says that a stop condition was not reached in time.
type missed struct {
	goal     *Goal
	patience time.Duration
}

func (m missed) Error() string {
	return fmt.Sprintf("%s: not within %s (--timeout): %s", m.goal.Act, m.patience, m.goal.Name)
}
