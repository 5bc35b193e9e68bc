package stage

import (
	"context"
	"io"

	"github.com/tazzo/rebirth/test/controlplane"
	"github.com/tazzo/rebirth/test/demo/show"
)

// Act is one program's part of the play. Its methods are called in this order.
type Act interface {
	About() About
	// Prepare finds, downloads or builds what the act runs. It fails if this machine
	// can't play the act, and says what to do about it.
	Prepare(ctx context.Context, progress io.Writer) error
	// Configure adds what the act needs of the control plane.
	Configure(ctx context.Context, options *controlplane.Options) error
	// Start starts what has to be there before the act's first scene. The control
	// plane and Flux run; other acts start at the same time.
	Start(ctx context.Context) error
	// Scenes are played in order, up to the first that fails.
	Scenes() []Scene
	// Checks are what has to hold when every act's scenes have been played.
	Checks(ctx context.Context) ([]show.Check, error)
	// Help shows what helps to find out why the play did not converge. Nothing is
	// there if it failed early.
	Help(ctx context.Context) string
	// Stop stops what the act started. It also works on what never started.
	Stop() error
}

// Scene is a part of an act that has a title and stop conditions of its own.
type Scene struct {
	Title string
	Play  func(context.Context) error
}

// About is what a person is told of an act. Its texts are lines.
type About struct {
	// Name is the program's.
	Name string
	// Real and Played are what is run, and what the demo only plays.
	Real, Played []string
	// Proven is what an act that converged proves.
	Proven []string
	// Log is the name of the program's log in the folder for logs.
	Log string
	// Look are commands to look at what still runs (--keep).
	Look []string
}
