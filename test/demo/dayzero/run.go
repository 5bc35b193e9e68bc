package dayzero

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/tazzo/rebirth/internal/bootstrap/progress"
)

// run runs a command of bootstrap to its end, for no longer than a stop condition may take.
func (a *Act) run(ctx context.Context, args ...string) error {
	limited, cancel := context.WithTimeoutCause(ctx, a.stage.Patience, fmt.Errorf("not within %s (--timeout)", a.stage.Patience))
	defer cancel()
	err := a.follow(limited, args...)
	if limited.Err() != nil {
		return context.Cause(limited)
	}
	return errors.Join(err, a.look(ctx))
}

// follow runs it and follows its progress, which goes to the log too.
func (a *Act) follow(ctx context.Context, args ...string) (err error) {
	log, err := os.OpenFile(a.log, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	command, err := a.centre.Begin(ctx, a.program, append(args, "--output", "json")...)
	if err != nil {
		return err
	}
	phases := phases{}
	for line := range command.Lines() {
		fmt.Fprintln(log, line)
		var event progress.Event
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			return fmt.Errorf("bootstrap's progress: %q: %w", line, err)
		}
		a.world.Update(func(w *World) { w.see(phases, event) })
	}
	result := command.Wait()
	a.complaints.WriteString(result.Stderr)
	if result.ExitCode != 0 {
		return fmt.Errorf("exit status %d: %s", result.ExitCode, strings.TrimSpace(result.Stderr))
	}
	return nil
}

// see puts what bootstrap says of itself into the world. Of a summary nothing is an
// event, and nothing is seen.
func (w *World) see(phases phases, event progress.Event) {
	switch event.State {
	case progress.Note:
		w.Remark = event.Detail
	case progress.Running:
		w.Present = event.Phase
	case progress.Failed:
		w.Failed = fmt.Sprintf("%s: %s: %s", event.Node, event.Title, event.Err)
	}
	if ended, ok := phases.take(event); ok {
		w.Ended++
		w.Phase = ended
	}
}
