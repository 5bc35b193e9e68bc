package run

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"

	"k8s.io/utils/clock"

	"github.com/tazzo/rebirth/internal/bootstrap/plan"
	"github.com/tazzo/rebirth/internal/bootstrap/progress"
)

// StepError is a step that failed, and why.
type StepError struct {
	Step plan.Step
	Err  error
}

// Error names the node and what was being done.
func (e *StepError) Error() string {
	where := e.Step.Node
	if where == "" {
		where = string(e.Step.Phase)
	}
	return fmt.Sprintf("%s: %s: %v", where, e.Step.Title, e.Err)
}

func (e *StepError) Unwrap() error { return e.Err }

// skippedError is what becomes of a step whose needs were not met.
type skippedError struct{ because string }

func (e skippedError) Error() string { return "it needs: " + e.because }

// performer does one step. It reports progress in plain words, and comes back when
// ctx ends.
type performer func(ctx context.Context, step plan.Step, report func(detail string)) error

// graph runs steps as soon as what they need is done: independent ones at the same
// time. One failure leaves the others running, so that every cause is named.
type graph struct {
	clock    clock.PassiveClock
	reporter progress.Reporter
	perform  performer

	// outcomes has one entry a step, closed when its error is known.
	outcomes map[string]*outcome
}

type outcome struct {
	done chan struct{}
	err  error
}

// execute runs all steps and returns each *StepError, joined, in the plan's order,
// and whether ctx ended it. Steps that were only skipped are no errors of their own.
func (g *graph) execute(ctx context.Context, steps []plan.Step) error {
	g.outcomes = make(map[string]*outcome, len(steps))
	for _, step := range steps {
		g.outcomes[step.ID] = &outcome{done: make(chan struct{})}
		g.report(step, progress.Waiting, "", nil)
	}
	var running sync.WaitGroup
	for _, step := range steps {
		running.Go(func() {
			g.outcomes[step.ID].err = g.settle(ctx, step)
			close(g.outcomes[step.ID].done)
		})
	}
	running.Wait()

	var failures []error
	for _, step := range steps {
		var skipped skippedError
		if err := g.outcomes[step.ID].err; err != nil && !errors.As(err, &skipped) {
			failures = append(failures, &StepError{Step: step, Err: err})
		}
	}
	if ctx.Err() != nil {
		failures = append(failures, fmt.Errorf("stopped before the end: %w; run it again to go on", context.Cause(ctx)))
	}
	return errors.Join(failures...)
}

// settle waits for what the step needs, and then does it or skips it.
func (g *graph) settle(ctx context.Context, step plan.Step) error {
	if err := g.await(ctx, step.Needs); err != nil {
		g.report(step, progress.Skipped, err.Error(), nil)
		return err
	}
	g.report(step, progress.Running, "", nil)
	err := g.attempt(ctx, step)
	if err != nil {
		g.report(step, progress.Failed, "", err)
		return err
	}
	g.report(step, progress.Done, "", nil)
	return nil
}

func (g *graph) await(ctx context.Context, needs []string) error {
	var missing []string
	for _, id := range needs {
		need, known := g.outcomes[id]
		if !known {
			// The plan has nothing to do there.
			continue
		}
		<-need.done
		if need.err != nil {
			missing = append(missing, id)
		}
	}
	switch {
	case len(missing) > 0:
		return skippedError{because: strings.Join(missing, ", ")}
	case ctx.Err() != nil:
		return skippedError{because: "to be allowed to go on: " + context.Cause(ctx).Error()}
	}
	return nil
}

// attempt does the step within its deadline. A panic is this step's failure, so
// that the run still takes back what it lent.
func (g *graph) attempt(ctx context.Context, step plan.Step) (err error) {
	limited, cancel := context.WithTimeoutCause(ctx, step.Deadline, fmt.Errorf("it took longer than %v", step.Deadline))
	defer cancel()
	defer func() {
		if bug := recover(); bug != nil {
			// Not the value: it may hold anything.
			err = fmt.Errorf("a bug in bootstrap (%T); please report it with this: %s", bug, debug.Stack())
		}
	}()
	var last string
	var mutex sync.Mutex
	err = g.perform(limited, step, func(detail string) {
		mutex.Lock()
		last = detail
		mutex.Unlock()
		g.report(step, progress.Running, detail, nil)
	})
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		mutex.Lock()
		defer mutex.Unlock()
		return deadlineError(step, last, err)
	}
	return err
}

// deadlineError says what the step was waiting for when its time was over.
func deadlineError(step plan.Step, last string, err error) error {
	cause := fmt.Sprintf("deadline of %v passed", step.Deadline)
	if last != "" {
		cause += " while: " + last
	}
	return fmt.Errorf("%s (%w)", cause, err)
}

func (g *graph) report(step plan.Step, state progress.State, detail string, err error) {
	event := progress.Event{
		At: g.clock.Now(), Phase: string(step.Phase), Step: step.ID, Node: step.Node, Title: step.Title,
		State: state, Detail: detail,
	}
	if err != nil {
		event.Err = err.Error()
	}
	g.reporter.Report(event)
}
