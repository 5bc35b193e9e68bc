package show

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// View shows what happens while it happens. Its methods are never called at once.
type View interface {
	// Line shows a new line of the timeline.
	Line(Line)
	// State shows the present state of things.
	State(scene string, elapsed time.Duration, rows []Row)
	// Close leaves the terminal as it was.
	Close()
}

// Row is one line of the present state of things.
type Row struct {
	Mark       Mark
	What, Text string
}

// Recorder keeps the timeline and shows it. It is safe for concurrent use, and its
// worlds with it.
type Recorder struct {
	mu       sync.Mutex
	view     View
	patience time.Duration
	now      func() time.Time
	timeline timeline
	rows     func() []Row  // of the world that is presented
	changed  chan struct{} // closed and replaced with every change of a world
}

// NewRecorder returns a recorder whose clock starts now. patience is how long each stop
// condition may take.
func NewRecorder(view View, patience time.Duration) *Recorder {
	return &Recorder{
		view: view, patience: patience, now: time.Now, timeline: timeline{begin: time.Now()},
		rows: func() []Row { return nil }, changed: make(chan struct{}),
	}
}

// Scene begins a scene.
func (r *Recorder) Scene(title string) { r.Note(Heading, Nobody, "%s", title) }

// Note adds a line.
func (r *Recorder) Note(mark Mark, actor Actor, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	r.line(now, mark, actor, fmt.Sprintf(format, args...))
	r.state(now)
}

func (r *Recorder) line(now time.Time, mark Mark, actor Actor, text string) {
	r.view.Line(r.timeline.add(now, mark, actor, text))
}

func (r *Recorder) state(now time.Time) {
	r.view.State(r.timeline.scene, now.Sub(r.timeline.begin), r.rows())
}

// Outcome returns the stop conditions and, as text, everything that was shown.
func (r *Recorder) Outcome() (goals []*Measured, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out strings.Builder
	for _, e := range r.timeline.lines {
		fmt.Fprintln(&out, e)
	}
	return r.timeline.goals, out.String()
}
