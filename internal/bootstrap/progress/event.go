// Package progress shows a person, or a program, what a run of bootstrap is doing,
// and what it took in the end.
//
// The hazard: whoever watches must never hold up the run. While a key is lent, a
// terminal that somebody has stopped with Ctrl-S must not keep it from being
// revoked. So reporting only notes down, and one goroutine draws.
package progress

import (
	"strings"
	"time"

	"github.com/tazzo/rebirth/internal/quote"
)

// State is how far a step is.
type State string

// The states.
const (
	// Waiting steps are announced and have not begun.
	Waiting State = "waiting"
	Running State = "running"
	Done    State = "done"
	// Skipped steps were not begun, and will not be.
	Skipped State = "skipped"
	Failed  State = "failed"
	// Note is no step: its Detail is something that a person should know.
	Note State = "note"
)

// Event is what happened to one step. It holds no secret: whoever makes it sees to
// that.
type Event struct {
	At time.Time `json:"at"`
	// Phase is the group of steps that the summary counts together.
	Phase string `json:"phase,omitempty"`
	// Step tells one step of a run from the others. A step ends once; what is
	// reported of it afterwards is dropped, unless it is announced anew as Waiting.
	Step string `json:"step,omitempty"`
	// Node that the step is about; empty for none.
	Node  string `json:"node,omitempty"`
	Title string `json:"title,omitempty"`
	State State  `json:"state"`
	// Detail is what a running step does at the moment, or what became of it.
	Detail string `json:"detail,omitempty"`
	// Err is why it failed.
	Err string `json:"error,omitempty"`
}

// Reporter takes events. It may be used concurrently.
type Reporter interface {
	// Report returns at once while steps wait or run. When none does, it returns once
	// everything is shown, so that a question can be asked on the terminal.
	Report(Event)
	// Close shows what is still to be shown. It may be called more than once, and
	// what is reported afterwards is dropped.
	Close() error
}

func (s State) ended() bool { return s == Done || s == Skipped || s == Failed }

// longest is how many characters of a foreign text are shown.
const longest = 2000

// oneLine makes a line of a text that an API may have had a part in: it must not
// forge a second line, nor steer the terminal.
func oneLine(text string) string {
	return quote.Line(strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), "; "), longest)
}
