// Package show tells a play as it happens, on a terminal or in plain lines, and keeps
// what the end has to be judged by: when each stop condition was reached.
//
// An act has a World: what it sees. Whoever changes the world changes nothing else:
// lines, stop conditions and the panel below them follow by themselves.
package show

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Actor is who did something, or is seen to have. What is played says so.
type Actor string

// The actors that every act knows.
const (
	Nobody Actor = ""
	Demo   Actor = "demo"
	Owner  Actor = "owner"
	Flux   Actor = "Flux"
)

// Mark says what a line means for the person who reads it.
type Mark string

// The marks.
const (
	Heading  Mark = "=" // a scene begins
	Happened Mark = "·" // something happened
	Good     Mark = "✓" // something came true
	Waiting  Mark = "…" // something is waited for
	Bad      Mark = "✗" // something is wrong
)

// GoodIf is Good for what is as it has to be, and Waiting for what isn't yet.
func GoodIf(good bool) Mark {
	if good {
		return Good
	}
	return Waiting
}

// Line is one line of the timeline. It holds no secret.
type Line struct {
	At    time.Duration
	Mark  Mark
	Actor Actor
	Text  string
}

// String is the line as it is shown without colours. What follows the first line of its
// text stands below that.
func (e Line) String() string {
	return e.prefix() + strings.ReplaceAll(e.Text, "\n", "\n"+strings.Repeat(" ", utf8.RuneCountInString(e.prefix())))
}

func (e Line) prefix() string {
	if e.Mark == Heading {
		return fmt.Sprintf("\n%7s  ", seconds(e.At))
	}
	return fmt.Sprintf("%7s  %s %-16s  ", seconds(e.At), e.Mark, e.Actor)
}

// seconds prints tenths, because nothing here is slower than a minute or so.
func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// Measured is a stop condition on the timeline.
type Measured struct {
	// Scene that it belongs to, and After what its time is counted from.
	Scene, After string
	Name         string

	begin, end time.Time
}

// Took is how long it took; ok is false if it was not reached.
func (m *Measured) Took() (took time.Duration, ok bool) {
	if m.end.IsZero() {
		return 0, false
	}
	return m.end.Sub(m.begin), true
}

// timeline is what happened.
type timeline struct {
	begin time.Time
	scene string
	lines []Line
	goals []*Measured
}

// add appends a line and returns it.
func (t *timeline) add(now time.Time, mark Mark, actor Actor, text string) Line {
	if mark == Heading {
		t.scene = text
	}
	e := Line{At: now.Sub(t.begin), Mark: mark, Actor: actor, Text: text}
	t.lines = append(t.lines, e)
	return e
}

// Headline is a message up to its first detail.
func Headline(message string) string {
	for _, separator := range []string{": ", "; ", " ("} {
		message, _, _ = strings.Cut(message, separator)
	}
	return message
}
