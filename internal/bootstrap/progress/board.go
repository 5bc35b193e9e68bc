package progress

import (
	"maps"
	"slices"
	"time"
)

// Row is the present state of one step.
type Row struct {
	Phase, Step, Node, Title string
	State                    State
	// Began and Ended are zero until it did.
	Began, Ended time.Time
	Detail, Err  string
}

// Took is how long the step took, or takes until now.
func (r Row) Took(now time.Time) time.Duration {
	switch {
	case r.Began.IsZero():
		return 0
	case r.Ended.IsZero():
		return max(0, now.Sub(r.Began))
	default:
		return max(0, r.Ended.Sub(r.Began))
	}
}

// Board is what is known of all steps, in the order in which they were announced.
// The zero Board is empty.
type Board struct {
	// Start and Last are the moments of the first and the last event.
	Start, Last time.Time
	Rows        []Row
	byStep      map[string]int
}

// Fold takes an event in. It returns the step's row, and whether the step has
// turned from one state to another.
func (b *Board) Fold(e Event) (row Row, turned bool) {
	if b.Start.IsZero() {
		b.Start = e.At
	}
	if e.At.After(b.Last) {
		b.Last = e.At
	}
	if e.State == Note {
		return Row{State: Note, Detail: oneLine(e.Detail)}, true
	}
	at, known := b.byStep[e.Step]
	if known && b.Rows[at].State.ended() {
		if e.State != Waiting {
			return b.Rows[at], false
		}
		known = false
	}
	if !known {
		at = b.add(e)
	}
	r := &b.Rows[at]
	turned = !known || r.State != e.State
	r.State, r.Detail, r.Err = e.State, oneLine(e.Detail), oneLine(e.Err)
	if r.Began.IsZero() && (e.State == Running || e.State == Done || e.State == Failed) {
		r.Began = e.At
	}
	if e.State.ended() {
		r.Ended = e.At
	}
	return *r, turned
}

func (b *Board) add(e Event) int {
	b.Rows = append(b.Rows, Row{Phase: oneLine(e.Phase), Step: e.Step, Node: oneLine(e.Node), Title: oneLine(e.Title)})
	if b.byStep == nil {
		b.byStep = map[string]int{}
	}
	b.byStep[e.Step] = len(b.Rows) - 1
	return len(b.Rows) - 1
}

// busy says whether something runs or will run.
func (b *Board) busy() bool {
	return slices.ContainsFunc(b.Rows, func(r Row) bool { return !r.State.ended() })
}

func (b *Board) clone() Board {
	copied := *b
	copied.Rows, copied.byStep = slices.Clone(b.Rows), maps.Clone(b.byStep)
	return copied
}

// Phase is what a group of steps amounts to.
type Phase struct {
	Name string
	// Began is when its first step did; zero if none has.
	Began time.Time
	// Took is for how long at least one of its steps ran.
	Took time.Duration
	// Steps by their state.
	Steps map[State]int
	// Slowest is the node whose steps took longest together; empty if they are about
	// no node.
	Slowest     string
	SlowestTook time.Duration
}

// Total is the number of the phase's steps.
func (p Phase) Total() int {
	total := 0
	for _, n := range p.Steps {
		total += n
	}
	return total
}

// Phases are the groups of steps, in the order in which they were announced.
func (b *Board) Phases(now time.Time) []Phase {
	var names []string
	rows := map[string][]Row{}
	for _, r := range b.Rows {
		if _, known := rows[r.Phase]; !known {
			names = append(names, r.Phase)
		}
		rows[r.Phase] = append(rows[r.Phase], r)
	}
	phases := make([]Phase, 0, len(names))
	for _, name := range names {
		phases = append(phases, phaseOf(name, rows[name], now))
	}
	return phases
}

func phaseOf(name string, rows []Row, now time.Time) Phase {
	p := Phase{Name: name, Steps: map[State]int{}}
	nodes := map[string]time.Duration{}
	var begun []Row
	for _, r := range rows {
		p.Steps[r.State]++
		if r.Began.IsZero() {
			continue
		}
		begun = append(begun, r)
		if r.Node != "" {
			nodes[r.Node] += r.Took(now)
		}
	}
	slices.SortStableFunc(begun, func(a, b Row) int { return a.Began.Compare(b.Began) })
	var until time.Time
	for i, r := range begun {
		if i == 0 {
			p.Began, until = r.Began, r.Began
		}
		end := r.Began.Add(r.Took(now))
		if end.After(until) {
			p.Took += end.Sub(later(until, r.Began))
			until = end
		}
	}
	for _, node := range slices.Sorted(maps.Keys(nodes)) {
		if p.Slowest == "" || nodes[node] > p.SlowestTook {
			p.Slowest, p.SlowestTook = node, nodes[node]
		}
	}
	return p
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
