package progress

import (
	"fmt"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
)

// still marks a line that says nothing new: the step goes on.
const still State = "still"

// words of the states in the timeline.
var words = map[State]string{Running: "start", Done: "done", Skipped: "skipped", Failed: "FAILED", Note: "note", still: "still"}

// columns of the timeline are as wide as their longest word.
type columns struct{ phase, node int }

func columnsOf(b *Board) columns {
	var c columns
	for _, r := range b.Rows {
		c.phase, c.node = max(c.phase, lipgloss.Width(r.Phase)), max(c.node, lipgloss.Width(r.Node))
	}
	return c
}

// line is one line of the timeline, in the parts that are coloured apart: when it
// was, what became of the step, and the rest.
type line struct {
	at, word, where, text string
	state                 State
}

// String is the line without colours.
func (l line) String() string { return strings.TrimRight(l.at+l.word+l.where+l.text, " ") }

// lineOf says of a row what state says, which is the row's own, or still.
func lineOf(b *Board, r Row, state State, now time.Time) line {
	l := line{at: fmt.Sprintf("%8s  ", clockTime(now.Sub(b.Start))), word: fmt.Sprintf("%-7s  ", words[state]), text: textOf(r, state, now), state: state}
	if c := columnsOf(b); state != Note && c.phase > 0 {
		l.where = pad(r.Phase, c.phase) + "  "
		if c.node > 0 {
			l.where += pad(r.Node, c.node) + "  "
		}
	}
	return l
}

func textOf(r Row, state State, now time.Time) string {
	title := r.Title
	if state != Running && state != Skipped && state != Note {
		title += " (" + spell(r.Took(now)) + ")"
	}
	return join(title, r.Detail, r.Err)
}

func join(parts ...string) string {
	var said []string
	for _, part := range parts {
		if part != "" {
			said = append(said, part)
		}
	}
	return strings.Join(said, ": ")
}

// pad counts what a terminal shows, where fmt counts characters.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-lipgloss.Width(text)))
}

// clockTime is a time since the start: 0:07, 12:30, 1:02:03.
func clockTime(d time.Duration) string {
	s := int(max(0, d).Seconds())
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// spell is how long something took: 0.3 s, 44.0 s, 3 min 20 s, 1 h 02 min.
func spell(d time.Duration) string {
	switch s := int(d.Round(time.Second).Seconds()); {
	case d.Round(100*time.Millisecond) < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case s < 3600:
		return fmt.Sprintf("%d min %02d s", s/60, s%60)
	default:
		return fmt.Sprintf("%d h %02d min", s/3600, s/60%60)
	}
}
