package main

import (
	"fmt"
	"strings"
	"time"
)

// Actor is who did something, or is seen to have.
type Actor string

// The actors. What is played by the demo says so.
const (
	nobody        Actor = ""
	playedPGO     Actor = "PGO (played)"
	playedESO     Actor = "ESO (played)"
	playedGrafana Actor = "Grafana (played)"
	playedFlux    Actor = "Flux (played)"
	owner         Actor = "owner"
	postgreSQL    Actor = "PostgreSQL"
	secretSync    Actor = "secret-sync"
	demo          Actor = "demo"
)

// Mark says what a line means for the person who reads it.
type Mark string

// The marks.
const (
	act     Mark = "=" // a heading
	done    Mark = "·" // something happened
	good    Mark = "✓" // something came true
	waiting Mark = "…" // something is waited for
	bad     Mark = "✗" // something is wrong
)

// Line is one line of the timeline. It holds no secret.
type Line struct {
	At    time.Duration
	Mark  Mark
	Actor Actor
	Text  string
}

// String is the line as it is shown without colours.
func (e Line) String() string {
	if e.Mark == act {
		return fmt.Sprintf("\n%7s  %s", seconds(e.At), e.Text)
	}
	return fmt.Sprintf("%7s  %s %-16s  %s", seconds(e.At), e.Mark, e.Actor, e.Text)
}

// seconds prints tenths, because nothing here is slower than a minute or so.
func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// Goal is a stop condition: what has to become true for the rebirth to go on.
type Goal struct {
	Act  string
	Name string
	// After is what the time is counted from.
	After string
	// Reached reports whether it is true of a world.
	Reached func(World) bool

	begin, end time.Time
}

// Took is how long it took; ok is false if it was not reached.
func (g *Goal) Took() (took time.Duration, ok bool) {
	if g.end.IsZero() {
		return 0, false
	}
	return g.end.Sub(g.begin), true
}

// Timeline is what happened, and which stop conditions were reached when.
type Timeline struct {
	begin time.Time
	act   string
	lines []Line
	goals []*Goal
}

// NewTimeline begins a timeline.
func NewTimeline(begin time.Time) *Timeline { return &Timeline{begin: begin} }

// Add appends a line and returns it.
func (t *Timeline) Add(now time.Time, mark Mark, actor Actor, text string) Line {
	if mark == act {
		t.act = text
	}
	e := Line{At: now.Sub(t.begin), Mark: mark, Actor: actor, Text: text}
	t.lines = append(t.lines, e)
	return e
}

// Expect begins to measure goals: the clock of each starts now.
func (t *Timeline) Expect(now time.Time, goals ...*Goal) {
	for _, g := range goals {
		g.begin = now
	}
	t.goals = append(t.goals, goals...)
}

// See stamps the open goals that are true of the world.
func (t *Timeline) See(now time.Time, w World) {
	for _, g := range t.goals {
		if g.end.IsZero() && g.Reached(w) {
			g.end = now
		}
	}
}

// headline is a message up to its first detail.
func headline(message string) string {
	for _, separator := range []string{": ", "; ", " ("} {
		message, _, _ = strings.Cut(message, separator)
	}
	return message
}
