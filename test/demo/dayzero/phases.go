package dayzero

import (
	"fmt"
	"time"

	"github.com/tazzo/rebirth/internal/bootstrap/progress"
)

// Phase is one that bootstrap has ended.
type Phase struct {
	Name  string
	Steps int
	// Title of the last step.
	Title string
	Took  time.Duration
}

// String is a line.
func (p Phase) String() string {
	what := p.Title
	if p.Steps > 1 {
		what = fmt.Sprintf("%d steps", p.Steps)
	}
	return fmt.Sprintf("%-9s  %4.1f s  %s", p.Name, p.Took.Seconds(), what)
}

// phases follow bootstrap's progress. Steps of a phase are all announced before the
// first of them begins.
type phases map[string]*phase

type phase struct {
	open, done int
	began      time.Time
}

// take notes an event, and returns the phase that ends with it.
func (p phases) take(e progress.Event) (ended Phase, ok bool) {
	now := p[e.Phase]
	if now == nil {
		now = &phase{}
		p[e.Phase] = now
	}
	switch e.State {
	case progress.Waiting:
		now.open++
	case progress.Running:
		if now.began.IsZero() {
			now.began = e.At
		}
	case progress.Done:
		now.open--
		now.done++
	default:
		return Phase{}, false
	}
	if e.State != progress.Done || now.open > 0 {
		return Phase{}, false
	}
	// A later part of the run may have such a phase again.
	delete(p, e.Phase)
	return Phase{Name: e.Phase, Steps: now.done, Title: e.Title, Took: e.At.Sub(now.began)}, true
}
