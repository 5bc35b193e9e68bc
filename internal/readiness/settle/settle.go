// Package settle turns rounds into a verdict over time: how many must pass before
// the gate opens, how long they must fail before it shuts, and what a cold start
// means. It is pure.
//
// The hazard is on both sides: a verdict that opens too early lets a whole cluster
// run into a network that is not there, and one that flaps stops it again and
// again. Unknown is not ready; but one bad round is not the end either.
package settle

import (
	"fmt"
	"slices"
	"time"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/readiness/evaluate"
)

// State is what is remembered between rounds.
type State struct {
	Open bool
	// Since is when Open last changed.
	Since time.Time
	// OpenedOnce is true once the gate was open in this cluster.
	OpenedOnce bool
	// WaitingSince is since when the gate is shut.
	WaitingSince time.Time

	// Streak counts the rounds that passed in a row.
	Streak int
	// FailingSince is since when every round failed; zero if the last one passed.
	FailingSince time.Time
	// Nodes is the set of nodes of the last round, and NodesSince since when it is that.
	Nodes      []string
	NodesSince time.Time
}

// Recall is what a new process takes over from the status of a gate of this very
// cluster: since when it is shut, so that maxWait goes on. A status says nothing of
// whether the gate is still open, nor that it ever was: see docs/decisions.md.
func Recall(status v1alpha1.ReadinessGateStatus) State {
	if status.Open || status.WaitingSince == nil {
		return State{}
	}
	s := State{WaitingSince: status.WaitingSince.Time}
	if status.Since != nil {
		s.Since = status.Since.Time
	}
	return s
}

// Resume is what a new process takes over of a gate whose verdict still holds. Since
// when rounds fail goes on, or a controller that starts anew again and again would
// never shut its gate.
func Resume(status v1alpha1.ReadinessGateStatus, since time.Time) State {
	s := State{Open: true, OpenedOnce: true, Since: since}
	if status.Open && status.FailingSince != nil {
		s.FailingSince = status.FailingSince.Time
	}
	return s
}

// Phase is what a gate is doing.
type Phase int

// The phases.
const (
	// Shut: not every condition for opening is met.
	Shut Phase = iota
	// Settling: rounds pass, and the gate waits for more of them.
	Settling
	// Open: the verdict is published.
	Open
	// Failing: the verdict is still published, and rounds fail.
	Failing
	// Overdue: the gate has been shut for longer than maxWait.
	Overdue
)

// Verdict is the answer after a round.
type Verdict struct {
	Phase Phase
	// Message says why, and what is waited for.
	Message string
}

// Published reports whether the ConfigMap is to exist.
func (v Verdict) Published() bool { return v.Phase == Open || v.Phase == Failing }

// Next returns the state and the verdict after a round that ended at now.
func Next(before State, round evaluate.Round, spec v1alpha1.ReadinessGateSpec, now time.Time) (State, Verdict) {
	s := before
	s.note(round, now)
	passes := round.Passes(spec, s.OpenedOnce)
	s.count(passes, now)
	if s.Open {
		return s.whileOpen(passes, round, spec, now)
	}
	return s.whileShut(passes, round, spec, now)
}

func (s *State) note(round evaluate.Round, now time.Time) {
	if s.WaitingSince.IsZero() && !s.Open {
		s.WaitingSince = now
	}
	if s.NodesSince.IsZero() || (round.Nodes != nil && !slices.Equal(s.Nodes, round.Nodes)) {
		s.Nodes, s.NodesSince = round.Nodes, now
	}
}

func (s *State) count(passes bool, now time.Time) {
	if passes {
		s.Streak++
		s.FailingSince = time.Time{}
		return
	}
	s.Streak = 0
	if s.FailingSince.IsZero() {
		s.FailingSince = now
	}
}

func (s State) whileOpen(passes bool, round evaluate.Round, spec v1alpha1.ReadinessGateSpec, now time.Time) (State, Verdict) {
	if passes {
		return s, Verdict{Open, fmt.Sprintf("the network carries traffic on %d of %d nodes", round.Passing, round.Eligible)}
	}
	why := Why(round)
	if spec.Mode == v1alpha1.GateLatch {
		return s, Verdict{Open, "open for good (spec.mode: Latch), although " + why}
	}
	if shuts := s.FailingSince.Add(spec.Hysteresis.CloseAfter.Duration); now.Before(shuts) {
		return s, Verdict{Failing, fmt.Sprintf("shuts at %s unless it heals: %s", clock(shuts), why)}
	}
	s.Open, s.Since, s.WaitingSince = false, now, now
	return s, Verdict{Shut, why}
}

func (s State) whileShut(passes bool, round evaluate.Round, spec v1alpha1.ReadinessGateSpec, now time.Time) (State, Verdict) {
	if !passes {
		return s, s.late(Verdict{Shut, Why(round)}, spec, now)
	}
	if wanted := int(spec.Hysteresis.OpenAfter); s.Streak < wanted {
		return s, s.late(Verdict{Settling, fmt.Sprintf("%d of %d rounds passed in a row", s.Streak, wanted)}, spec, now)
	}
	if settled := s.NodesSince.Add(spec.Nodes.SettleFor.Duration); !s.OpenedOnce && now.Before(settled) {
		return s, s.late(Verdict{Settling, fmt.Sprintf("every check passes; the set of nodes must stay the same until %s", clock(settled))}, spec, now)
	}
	s.Open, s.OpenedOnce, s.Since, s.WaitingSince = true, true, now, time.Time{}
	return s, Verdict{Open, fmt.Sprintf("the network carries traffic on %d of %d nodes", round.Passing, round.Eligible)}
}

// late says so when the gate has been shut for longer than maxWait.
func (s State) late(v Verdict, spec v1alpha1.ReadinessGateSpec, now time.Time) Verdict {
	if waited := now.Sub(s.WaitingSince); spec.MaxWait.Duration > 0 && waited >= spec.MaxWait.Duration {
		return Verdict{Overdue, fmt.Sprintf("shut for more than %s (spec.maxWait), and still trying: %s", spec.MaxWait.Duration, v.Message)}
	}
	return v
}

// clock is a moment for a message: a duration would read otherwise each round, and
// a status that changes is a write.
func clock(moment time.Time) string { return moment.UTC().Format(time.TimeOnly) + " UTC" }
