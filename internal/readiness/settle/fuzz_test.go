package settle_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/readiness/evaluate"
	"github.com/tazzo/rebirth/internal/readiness/settle"
)

// FuzzNext plays any sequence of rounds, at any pace.
func FuzzNext(f *testing.F) {
	f.Add([]byte{}, uint8(3), uint8(60), uint8(30), false)
	f.Add([]byte{0x50, 0x50, 0x50, 0x50, 0x52, 0x52, 0x52, 0x52, 0x52, 0x52, 0x52, 0x50, 0x50, 0x50}, uint8(3), uint8(60), uint8(0), false)
	f.Add([]byte{0x50, 0x51, 0x50, 0x54, 0x50, 0x50, 0x50, 0x50, 0x51, 0x51, 0x53, 0xff}, uint8(2), uint8(20), uint8(30), false)
	f.Add([]byte{0x00, 0x08, 0x0a, 0x02, 0x00, 0xf8, 0xfa, 0xfa}, uint8(1), uint8(0), uint8(5), true)
	f.Fuzz(func(t *testing.T, sequence []byte, openAfter, closeAfter, settleFor uint8, latched bool) {
		if problem := play(sequence[:min(len(sequence), 300)], specOf(openAfter, closeAfter, settleFor, latched)); problem != "" {
			t.Fatal(problem)
		}
	})
}

var _ = Describe("Whatever sequence of rounds", func() {
	It("a verdict is only given after enough rounds in a row, and never outlives closeAfter of failing ones", func() {
		random := rand.New(rand.NewPCG(3, 4))
		for range 2000 {
			sequence := make([]byte, random.IntN(200))
			passing := random.IntN(100)
			for i := range sequence {
				if sequence[i] = byte(random.IntN(256)); random.IntN(100) < passing {
					sequence[i] &^= 7
				}
			}
			spec := specOf(uint8(random.IntN(6)), uint8(random.IntN(90)), uint8(random.IntN(60)), random.IntN(4) == 0)
			Expect(play(sequence, spec)).To(BeEmpty())
		}
	})
})

func specOf(openAfter, closeAfter, settleFor uint8, latched bool) v1alpha1.ReadinessGateSpec {
	spec := defaults()
	spec.Hysteresis.OpenAfter = 1 + int32(openAfter)%100
	spec.Hysteresis.CloseAfter.Duration = time.Duration(closeAfter) * time.Second
	spec.Nodes.SettleFor.Duration = time.Duration(settleFor) * time.Second
	if latched {
		spec.Mode = v1alpha1.GateLatch
	}
	return spec
}

// play says what is wrong with a verdict after any of the rounds. Each byte is one:
// its low bits say what it found, the others how many seconds passed before it. The
// verdict is judged by what can be told from the rounds alone, without the state.
func play(sequence []byte, spec v1alpha1.ReadinessGateSpec) string {
	var state settle.State
	past := history{spec: spec}
	now := begin
	for _, b := range sequence {
		now = now.Add(time.Duration(b>>3) * time.Second)
		round := roundOf(b)
		was := state
		var verdict settle.Verdict
		state, verdict = settle.Next(was, round, spec, now)
		past.add(round, was.OpenedOnce, now)
		if problem := past.judge(was, state, verdict, now); problem != "" {
			return fmt.Sprintf("after %x at %s: %s\n%+v\n%+v", sequence, now, problem, state, verdict)
		}
	}
	return ""
}

func roundOf(b byte) evaluate.Round {
	switch b & 7 {
	case 1:
		return bad()
	case 2:
		return unobserved()
	case 3:
		return round(9)
	case 4:
		return round(5)
	case 5:
		r := good()
		r.Nodes = []string{"n1", "n2", "n3"}
		return r
	}
	return good()
}

// history is what happened, kept in another way than State does.
type history struct {
	spec   v1alpha1.ReadinessGateSpec
	rounds []happened
	// openable is true once so many rounds in a row had passed, at any time.
	openable bool
}

type happened struct {
	at     time.Time
	passed bool
	nodes  int
}

func (h *history) add(r evaluate.Round, openedOnce bool, at time.Time) {
	h.rounds = append(h.rounds, happened{at, r.Passes(h.spec, openedOnce), len(r.Nodes)})
	h.openable = h.openable || h.last(true) >= int(h.spec.Hysteresis.OpenAfter)
}

// last counts the last rounds that all ended in that way.
func (h *history) last(passed bool) int {
	n := 0
	for i := len(h.rounds) - 1; i >= 0 && h.rounds[i].passed == passed; i-- {
		n++
	}
	return n
}

// steady is since when the set of nodes has been the same, as far as it was seen.
func (h *history) steady() time.Time {
	var since time.Time
	nodes := 0
	for _, r := range h.rounds {
		if r.nodes > 0 && r.nodes != nodes {
			nodes, since = r.nodes, r.at
		}
	}
	return since
}

func (h *history) judge(was, is settle.State, verdict settle.Verdict, now time.Time) string {
	latched := h.spec.Mode == v1alpha1.GateLatch
	failingFor := time.Duration(-1)
	if n := h.last(false); n > 0 {
		failingFor = now.Sub(h.rounds[len(h.rounds)-n].at)
	}
	switch {
	case verdict.Published() != is.Open:
		return "the state is another one than the verdict"
	case verdict.Published() && !h.openable:
		return "published, though never so many rounds in a row had passed"
	case verdict.Published() && !latched && failingFor >= h.spec.Hysteresis.CloseAfter.Duration:
		return "published, though rounds have failed for closeAfter"
	case is.Open && !was.Open && h.last(true) < int(h.spec.Hysteresis.OpenAfter):
		return "opened after too few rounds"
	case is.Open && !was.OpenedOnce && now.Sub(h.steady()) < h.spec.Nodes.SettleFor.Duration:
		return "opened for the first time before the nodes settled"
	case was.Open && !is.Open && latched:
		return "a latch was opened"
	case was.Open && !is.Open && failingFor < h.spec.Hysteresis.CloseAfter.Duration:
		return "shut too early"
	case was.OpenedOnce && !is.OpenedOnce:
		return "forgot that it was open"
	case is.Open != was.Open && !is.Since.Equal(now), is.Open == was.Open && !is.Since.Equal(was.Since):
		return "since is not when open last changed"
	case is.Open != is.WaitingSince.IsZero():
		return "it waits just while it is shut"
	case verdict.Message == "":
		return "it says nothing"
	}
	return ""
}
