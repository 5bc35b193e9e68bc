package dayzero

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/bootstrap/progress"
)

var _ = Describe("A phase of bootstrap", func() {
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	event := func(seconds int, step string, state progress.State) progress.Event {
		return progress.Event{At: begin.Add(time.Duration(seconds) * time.Second), Phase: "boot", Step: step, Title: "wait for " + step, State: state}
	}
	// ends says which of the events end the phase, and how it is told then.
	ends := func(phases phases, events ...progress.Event) (lines []string) {
		for _, e := range events {
			if ended, ok := phases.take(e); ok {
				lines = append(lines, ended.String())
			}
		}
		return lines
	}

	It("ends with the last of its steps, and lasted since the first of them began", func() {
		Expect(ends(phases{},
			event(0, "a", progress.Waiting), event(0, "b", progress.Waiting),
			event(1, "a", progress.Running), event(2, "b", progress.Running), event(3, "a", progress.Running),
			event(4, "a", progress.Done), event(6, "b", progress.Done),
		)).To(Equal([]string{"boot        5.0 s  2 steps"}))
	})

	It("of one step is told by that", func() {
		Expect(ends(phases{}, event(0, "a", progress.Waiting), event(0, "a", progress.Running), event(1, "a", progress.Done))).To(
			Equal([]string{"boot        1.0 s  wait for a"}))
	})

	It("does not end while a step fails or is skipped", func() {
		Expect(ends(phases{},
			event(0, "a", progress.Waiting), event(0, "b", progress.Waiting), event(0, "c", progress.Waiting),
			event(1, "a", progress.Running), event(1, "b", progress.Running),
			event(2, "b", progress.Failed), event(2, "c", progress.Skipped), event(3, "a", progress.Done),
		)).To(BeEmpty())
	})

	It("begins anew in a later part of the run", func() {
		again := phases{}
		Expect(ends(again, event(0, "a", progress.Waiting), event(0, "a", progress.Running), event(1, "a", progress.Done))).To(HaveLen(1))
		Expect(ends(again, event(5, "b", progress.Waiting), event(6, "b", progress.Running), event(8, "b", progress.Done))).To(
			Equal([]string{"boot        2.0 s  wait for b"}))
	})
})
