// Package stage is what the acts of the demo play on: a control plane, and Flux with
// the Git repository that it applies.
package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing/fstest"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/test/controlplane"
	"github.com/tazzo/rebirth/test/demo/show"
	"github.com/tazzo/rebirth/test/flux"
	"github.com/tazzo/rebirth/test/git"
)

// Options of a stage.
type Options struct {
	// Fast shortens the pauses of what is played.
	Fast bool
	// Patience is how long each stop condition may take.
	Patience time.Duration
	// Logs is the folder for logs, which stay.
	Logs string
	// AddToScheme are the kinds of all acts.
	AddToScheme []func(*runtime.Scheme) error
}

// Stage is where the acts play.
type Stage struct {
	Options
	// Dir is for what is gone when the demo ends.
	Dir string
	// Recorder is there once the programs are prepared.
	Recorder *show.Recorder
	// Plane, Admin, its administrator's client, and Flux are there when acts start.
	Plane *controlplane.ControlPlane
	Admin client.Client
	Flux  *flux.Flux
	// Credential makes the user's Git repository private. Whoever sets it, before the
	// stage starts, sees to it that Flux gets it.
	Credential git.Credential

	root         string // of the project's tree
	repositories repositories
}

// New returns an empty stage.
func New(options Options) (*Stage, error) {
	s := &Stage{Options: options, repositories: repositories{own: fstest.MapFS{}, project: fstest.MapFS{}}}
	var err error
	if s.root, err = controlplane.ModuleRoot(); err != nil {
		return nil, err
	}
	s.Dir, err = os.MkdirTemp("", "rebirth-demo-stage-")
	return s, err
}

// Prepare finds, downloads or builds the programs of the stage and of the acts. On an
// empty machine this takes minutes, and says what it is doing.
func (s *Stage) Prepare(ctx context.Context, progress io.Writer, acts []Act) error {
	for _, act := range acts {
		if err := act.Prepare(ctx, progress); err != nil {
			return fmt.Errorf("%s: %w", act.About().Name, err)
		}
	}
	if _, err := controlplane.Prepare(ctx, progress); err != nil {
		return err
	}
	return flux.Prepare(ctx, progress)
}

// Build builds one of this project's programs and returns its path.
func (s *Stage) Build(ctx context.Context, progress io.Writer, name string) (string, error) {
	fmt.Fprintf(progress, "%s: go build ./cmd/%s\n", name, name)
	return controlplane.BuildCommand(ctx, name, s.Dir)
}

// Start starts the stage and what the acts need.
func (s *Stage) Start(ctx context.Context, acts []Act) error {
	if err := s.startPlane(ctx, acts); err != nil {
		return err
	}
	starting, ctx := errgroup.WithContext(ctx)
	starting.Go(func() (err error) {
		s.Flux, err = flux.Start(ctx, s.Plane, flux.Options{Private: s.private()})
		return err
	})
	for _, act := range acts {
		starting.Go(func() error { return act.Start(ctx) })
	}
	if err := starting.Wait(); err != nil {
		return err
	}
	s.Recorder.Note(show.Good, show.Flux, "source-, kustomize- and helm-controller are ready, and a Git server for them")
	return nil
}

// private are the repositories that Flux needs a credential for.
func (s *Stage) private() map[string]git.Credential {
	if s.Credential == (git.Credential{}) {
		return nil
	}
	return map[string]git.Credential{RepositoryName: s.Credential}
}

func (s *Stage) startPlane(ctx context.Context, acts []Act) error {
	crds, err := flux.CRDs(ctx)
	if err != nil {
		return err
	}
	options := controlplane.Options{Manifests: [][]byte{crds}}
	for _, act := range acts {
		if err := act.Configure(ctx, &options); err != nil {
			return err
		}
	}
	if s.Plane, err = controlplane.Start(ctx, options); err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	for _, add := range append(s.AddToScheme, clientgoscheme.AddToScheme) {
		if err := add(scheme); err != nil {
			return err
		}
	}
	s.Admin, err = client.New(s.Plane.AdminConfig(), client.Options{Scheme: scheme})
	s.Recorder.Note(show.Good, show.Demo, "kube-apiserver, etcd and kube-controller-manager are ready")
	return err
}

// Path is a file or folder of the project's tree.
func (s *Stage) Path(path ...string) string {
	return filepath.Join(append([]string{s.root}, path...)...)
}

// Log is the file of that name in the folder for logs, emptied: the log of an earlier
// run is not this one's.
func (s *Stage) Log(name string) (string, error) {
	path := filepath.Join(s.Logs, name)
	return path, os.WriteFile(path, nil, 0o600)
}

// Stop stops everything, the last first. It also works on what never started.
func (s *Stage) Stop() error {
	var errs []error
	if s.Flux != nil {
		errs = append(errs, s.Flux.Stop())
	}
	if s.Plane != nil {
		errs = append(errs, s.Plane.Stop())
	}
	return errors.Join(append(errs, os.RemoveAll(s.Dir))...)
}
