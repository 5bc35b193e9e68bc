// Package flux runs the real controllers of Flux (source-controller,
// kustomize-controller and helm-controller) against a test's control plane, with a
// real Git server on loopback for them to pull from.
//
// They run as cluster administrators in the namespace flux-system, as Flux' own
// installation has them, without leader election. No kubelet runs: see
// SetDeploymentReady.
package flux

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/test/controlplane"
	"github.com/tazzo/rebirth/test/git"
	"github.com/tazzo/rebirth/test/process"
)

// Namespace that Flux runs in, and that Push creates its sources in.
const Namespace = "flux-system"

// Options of a Flux; the zero value is a good one.
type Options struct {
	// Progress takes lines about what is built and started. Nil: nothing is said.
	Progress io.Writer
	// RequeueDependency is how often what depends on something that isn't ready
	// looks again. Default: 1 s. Flux' own default is 30 s.
	RequeueDependency time.Duration
	// Private are repositories that only a credential opens, by name. Flux looks for
	// it in the Secret of the same name in Namespace, which is the caller's to create.
	Private map[string]git.Credential
}

// Flux is a running Flux.
type Flux struct {
	cp        *controlplane.ControlPlane
	client    client.Client
	options   Options
	dir       string
	git       *git.Server
	mu        sync.Mutex // of processes, while they start
	processes []*process.Process
}

// Start builds the controllers unless they were built before, applies Flux' CRDs
// and returns when all of them run. Give CRDs to the control plane's Options as
// well, or its garbage collector knows those kinds only up to 30 s later. ctx bounds
// the start alone; Stop ends what was started, and so, on Linux, does the end of
// this process.
func Start(ctx context.Context, cp *controlplane.ControlPlane, options Options) (*Flux, error) {
	programs, err := build(ctx, options.Progress)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "rebirth-flux-")
	if err != nil {
		return nil, err
	}
	if options.RequeueDependency == 0 {
		options.RequeueDependency = time.Second
	}
	f := &Flux{cp: cp, options: options, dir: dir}
	if err := f.start(ctx, programs); err != nil {
		return nil, errors.Join(err, f.Stop())
	}
	return f, nil
}

func (f *Flux) start(ctx context.Context, programs map[string]string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 2*time.Minute, errors.New("Flux took longer than 2 minutes to start"))
	defer cancel()
	if err := f.installKinds(ctx); err != nil {
		return err
	}
	var err error
	if f.client, err = client.New(f.cp.AdminConfig(), client.Options{}); err != nil {
		return err
	}
	if f.git, err = git.Start(filepath.Join(f.dir, "git"), "127.0.0.1:0"); err != nil {
		return err
	}
	for repository, credential := range f.options.Private {
		f.git.Protect(repository, credential)
	}
	if err := f.cp.WriteKubeconfig(f.cp.AdminConfig(), f.kubeconfig()); err != nil {
		return err
	}
	starting, ctx := errgroup.WithContext(ctx)
	for _, c := range controllers {
		starting.Go(func() error { return f.startController(ctx, c, programs[c.program.Name]) })
	}
	return starting.Wait()
}

func (f *Flux) installKinds(ctx context.Context) error {
	crds, err := CRDs(ctx)
	if err != nil {
		return err
	}
	namespace := "apiVersion: v1\nkind: Namespace\nmetadata: {name: " + Namespace + "}\n---\n"
	return f.cp.ApplyYAML(ctx, append([]byte(namespace), crds...))
}

func (f *Flux) kubeconfig() string { return filepath.Join(f.dir, "kubeconfig") }

// Stop kills Flux and removes everything that it kept outside the control plane:
// what it applied stays as it is. Stopping twice is no error.
func (f *Flux) Stop() error {
	var errs []error
	for _, child := range f.processes {
		errs = append(errs, child.Stop(syscall.SIGKILL, time.Minute))
	}
	f.processes = nil
	if f.git != nil {
		errs = append(errs, f.git.Stop())
		f.git = nil
	}
	return errors.Join(append(errs, os.RemoveAll(f.dir))...)
}
