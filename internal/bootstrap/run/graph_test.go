package run

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/utils/clock"

	"github.com/tazzo/rebirth/internal/bootstrap/plan"
	"github.com/tazzo/rebirth/internal/bootstrap/progress"
)

// recorder keeps what was reported.
type recorder struct {
	mutex  sync.Mutex
	events []progress.Event
}

func (r *recorder) Report(event progress.Event) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.events = append(r.events, event)
}

func (r *recorder) Close() error { return nil }

// of is the last event of a step.
func (r *recorder) of(step string) progress.Event {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, event := range slices.Backward(r.events) {
		if event.Step == step {
			return event
		}
	}
	return progress.Event{}
}

func step(id string, needs ...string) plan.Step {
	return plan.Step{ID: id, Phase: plan.PhaseMachine, Node: "node-" + id, Title: "do " + id, Needs: needs, Deadline: time.Minute}
}

var _ = Describe("a plan's steps", func() {
	var seen recorder
	run := func(ctx context.Context, perform performer, steps ...plan.Step) error {
		seen = recorder{}
		g := &graph{clock: clock.RealClock{}, reporter: &seen, perform: perform}
		return g.execute(ctx, steps)
	}

	It("are done after what they need", func(ctx SpecContext) {
		var mutex sync.Mutex
		var order []string
		Expect(run(ctx, func(_ context.Context, s plan.Step, _ func(string)) error {
			mutex.Lock()
			defer mutex.Unlock()
			order = append(order, s.ID)
			return nil
		}, step("c", "b"), step("b", "a"), step("a"))).To(Succeed())
		Expect(order).To(Equal([]string{"a", "b", "c"}))
		Expect(seen.of("c").State).To(Equal(progress.Done))
	})

	It("run at the same time where they don't need each other", func(ctx SpecContext) {
		var both sync.WaitGroup
		both.Add(2)
		Expect(run(ctx, func(context.Context, plan.Step, func(string)) error {
			both.Done()
			both.Wait()
			return nil
		}, step("a"), step("b"))).To(Succeed())
	}, SpecTimeout(10*time.Second))

	It("name every failure, and go on where nothing stands in the way", func(ctx SpecContext) {
		err := run(ctx, func(_ context.Context, s plan.Step, _ func(string)) error {
			if s.ID == "a" || s.ID == "b" {
				return errors.New("broken " + s.ID)
			}
			return nil
		}, step("a"), step("b"), step("c"), step("d", "a"))
		Expect(err).To(MatchError(And(ContainSubstring("node-a: do a: broken a"), ContainSubstring("node-b: do b: broken b"))))
		Expect(err).NotTo(MatchError(ContainSubstring("node-d")), "what was skipped is no failure of its own")
		Expect(seen.of("c").State).To(Equal(progress.Done))
		Expect(seen.of("d").State).To(Equal(progress.Skipped))
		Expect(seen.of("d").Detail).To(ContainSubstring("a"))
	})

	It("don't wait for a step that the plan doesn't have", func(ctx SpecContext) {
		Expect(run(ctx, func(context.Context, plan.Step, func(string)) error { return nil }, step("a", "download image"))).To(Succeed())
	}, SpecTimeout(10*time.Second))

	It("say what they waited for when their deadline passes", func(ctx SpecContext) {
		late := step("a")
		late.Deadline = 10 * time.Millisecond
		err := run(ctx, func(ctx context.Context, _ plan.Step, report func(string)) error {
			report("waiting for the moon")
			<-ctx.Done()
			return ctx.Err()
		}, late)
		Expect(err).To(MatchError(And(ContainSubstring("deadline of 10ms passed"), ContainSubstring("waiting for the moon"))))
	}, SpecTimeout(10*time.Second))

	It("stop when the run is told to, and those that hadn't begun don't begin", func(ctx SpecContext) {
		stopped, stop := context.WithCancelCause(ctx)
		begun := []string{}
		err := run(stopped, func(ctx context.Context, s plan.Step, _ func(string)) error {
			begun = append(begun, s.ID)
			stop(errors.New("Ctrl-C"))
			<-ctx.Done()
			return nil
		}, step("a"), step("b", "a"))
		Expect(err).To(MatchError(ContainSubstring("stopped before the end: Ctrl-C")))
		Expect(begun).To(ConsistOf("a"))
		Expect(seen.of("b").Detail).To(ContainSubstring("Ctrl-C"))
	}, SpecTimeout(10*time.Second))

	It("turn a panic into their own failure, without its value", func(ctx SpecContext) {
		err := run(ctx, func(context.Context, plan.Step, func(string)) error { panic("canary") }, step("a"))
		Expect(err).To(MatchError(ContainSubstring("a bug in bootstrap")))
		Expect(err).NotTo(MatchError(ContainSubstring("canary")))
	})
})
