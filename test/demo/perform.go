package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/tazzo/rebirth/test/demo/show"
	"github.com/tazzo/rebirth/test/demo/stage"
)

// errNotConverged: the summary has said why.
var errNotConverged = errors.New("the rebirth did not converge")

// rehearse prepares, plays and tells. Whatever it started is stopped when it returns.
func rehearse(ctx context.Context, s settings) (err error) {
	logs, err := logFolder(s.logs)
	if err != nil {
		return err
	}
	on, err := stage.New(stage.Options{Fast: s.fast, Patience: s.timeout, Logs: logs, AddToScheme: kinds})
	if err != nil {
		return err
	}
	acts := cast(on, s.only)
	defer func() { err = errors.Join(err, leave(on, acts)) }()
	if err := on.Prepare(ctx, os.Stderr, acts); err != nil {
		return err
	}
	fmt.Printf("\nA rebirth, played on this machine\n\n%s\n", honesty(acts))
	out, view := show.OpenView(os.Stdout, s.noColor)
	on.Recorder = show.NewRecorder(view, s.timeout)
	summary := perform(ctx, on, acts)
	view.Close()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	fmt.Fprint(out, show.Coloured(summary.String()))
	if !summary.Converged() {
		for _, act := range acts {
			fmt.Fprint(out, act.Help(ctx))
		}
	}
	fmt.Fprintf(out, "The programs' logs: %s\n", logs)
	if s.keep {
		lookAround(ctx, on, acts, out)
	}
	if !summary.Converged() {
		return errNotConverged
	}
	return nil
}

// leave stops the acts, the last first, and then what they played on.
func leave(on *stage.Stage, acts []stage.Act) error {
	var errs []error
	for _, act := range slices.Backward(acts) {
		errs = append(errs, act.Stop())
	}
	return errors.Join(append(errs, on.Stop())...)
}

// perform starts everything, plays and checks.
func perform(ctx context.Context, on *stage.Stage, acts []stage.Act) show.Summary {
	err := play(ctx, on, acts)
	goals, _ := on.Recorder.Outcome()
	summary := show.Summary{Goals: goals, Err: err}
	if err != nil {
		return summary
	}
	for _, act := range acts {
		checks, err := act.Checks(ctx)
		summary.Err = errors.Join(summary.Err, err)
		summary.Checks = append(summary.Checks, checks...)
		summary.Proven = append(summary.Proven, act.About().Proven...)
	}
	return summary
}

// timeToRead is between two scenes.
const timeToRead = 500 * time.Millisecond

// play plays all scenes, up to the first that fails.
func play(ctx context.Context, on *stage.Stage, acts []stage.Act) error {
	on.Recorder.Scene("0  Setting the stage")
	if err := on.Start(ctx, acts); err != nil {
		return err
	}
	number := 0
	for _, act := range acts {
		for _, scene := range act.Scenes() {
			if number++; number > 1 && !on.Fast && !show.Wait(ctx, timeToRead) {
				return context.Cause(ctx)
			}
			on.Recorder.Scene(fmt.Sprintf("%d  %s", number, scene.Title))
			if err := scene.Play(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// lookAround says how to look at what still runs, and waits for Ctrl-C.
func lookAround(ctx context.Context, on *stage.Stage, acts []stage.Act, out io.Writer) {
	if on.Plane == nil {
		return
	}
	kubeconfig := filepath.Join(on.Dir, "admin.kubeconfig")
	if err := on.Plane.WriteKubeconfig(on.Plane.AdminConfig(), kubeconfig); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		return
	}
	fmt.Fprintf(out, "\nEverything still runs. In another terminal (kubectl is yours to bring):\n  export KUBECONFIG=%s\n  kubectl get events --all-namespaces\n", kubeconfig)
	for _, act := range acts {
		for _, command := range act.About().Look {
			fmt.Fprintf(out, "  %s\n", command)
		}
	}
	fmt.Fprintln(out, "Ctrl-C stops it and removes that file.")
	<-ctx.Done()
}
