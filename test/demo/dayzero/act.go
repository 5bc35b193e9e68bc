// Package dayzero is the demo's act of bootstrap: the machines of a cluster that died
// are destroyed and made anew, its nodes join a real tailnet with a key that no disk
// ever holds, and Flux gets the credential of its Git repository.
package dayzero

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tazzo/rebirth/internal/bootstrap/secret"
	"github.com/tazzo/rebirth/test/controlplane"
	datacentre "github.com/tazzo/rebirth/test/dayzero"
	"github.com/tazzo/rebirth/test/demo/show"
	"github.com/tazzo/rebirth/test/demo/stage"
	"github.com/tazzo/rebirth/test/flux"
	"github.com/tazzo/rebirth/test/git"
	"github.com/tazzo/rebirth/test/headscale"
	"github.com/tazzo/rebirth/test/tailscale"
	"github.com/tazzo/rebirth/test/talos"
)

const (
	programName = "bootstrap"
	clusterName = "tazlab"
	logName     = "bootstrap.jsonl"

	// memory is where files are kept in memory; a kubeconfig is written nowhere else.
	memory = "/dev/shm"

	// The variables that cluster.yaml reads the Git credential from.
	usernameVariable = "TAZLAB_GIT_USERNAME"
	passwordVariable = "TAZLAB_GIT_PASSWORD"
)

// handOver is what the act adds to cluster.yaml: the Secret with which Flux reads its
// repository.
const handOver = `handOver:
  secret:
    namespace: ` + flux.Namespace + `
    name: ` + stage.RepositoryName + `
    data: {username: {env: ` + usernameVariable + `}, password: {env: ` + passwordVariable + `}}
`

// Act is the act. It implements stage.Act.
type Act struct {
	stage   *stage.Stage
	program *datacentre.Program
	// times that Talos takes.
	times talos.Times

	world  *show.World[World]
	centre *datacentre.World
	// former are the UUIDs of the machines that the cluster's former life has left, and
	// formerDevice is the device that it has left in the tailnet.
	former       map[string]bool
	formerDevice uint64
	// private is a folder in memory, with the kubeconfig that bootstrap delivers.
	private string
	log     string
	// complaints are what bootstrap has said beside its progress.
	complaints strings.Builder
}

// Times of Talos on a machine, about a tenth of what they are.
var (
	normalTimes = talos.Times{
		Boot: time.Second, HandOver: 500 * time.Millisecond, Services: 300 * time.Millisecond,
		Etcd: 300 * time.Millisecond, StaticPods: 800 * time.Millisecond,
	}
	fastTimes = talos.Times{
		Boot: 100 * time.Millisecond, HandOver: 100 * time.Millisecond, Services: 100 * time.Millisecond,
		Etcd: 100 * time.Millisecond, StaticPods: 100 * time.Millisecond,
	}
)

// New returns the act.
func New(s *stage.Stage) *Act {
	a := &Act{stage: s, times: normalTimes}
	if s.Fast {
		a.times = fastTimes
	}
	return a
}

// About implements stage.Act.
func (a *Act) About() stage.About {
	return stage.About{
		Name: programName,
		Real: []string{
			"cmd/bootstrap, as a user runs it; Headscale, and Tailscale on each node",
		},
		Played: []string{
			"Proxmox (fake) and Talos (fake), which refuse what the real ones refuse. The fake",
			"runs no Kubernetes: it gives out a kubeconfig of the one that all acts share",
		},
		Proven: []string{
			"of a cluster that died, new machines came back into the tailnet under the old names, and Flux got",
			"its credential; the auth key was in the nodes' memory alone, and lets nobody in any more",
		},
		Log: logName,
	}
}

// Prepare implements stage.Act.
func (a *Act) Prepare(ctx context.Context, progress io.Writer) error {
	if err := secret.CheckPath(filepath.Join(memory, "kubeconfig")); err != nil {
		return fmt.Errorf("%w; or leave this part out: make demo ARGS=\"--only secret-sync\"", err)
	}
	if err := headscale.Prepare(ctx, progress); err != nil {
		return err
	}
	if err := tailscale.Prepare(ctx, progress); err != nil {
		return err
	}
	path, err := a.stage.Build(ctx, progress, programName)
	a.program = datacentre.Built(path)
	return err
}

// Configure implements stage.Act. From here on the user's Git repository is private.
func (a *Act) Configure(context.Context, *controlplane.Options) error {
	a.stage.Credential = git.Credential{Username: rand.Text(), Password: rand.Text()}
	return nil
}

// Start implements stage.Act.
func (a *Act) Start(ctx context.Context) error {
	a.world = show.NewWorld(a.stage.Recorder, newsOf, rowsOf)
	var err error
	if a.private, err = os.MkdirTemp(memory, "rebirth-demo-"); err != nil {
		return err
	}
	options := datacentre.Options{
		Dir: filepath.Join(a.stage.Dir, "data-centre"), Cluster: clusterName, ControlPlanes: 1, Workers: 1,
		// A part of loopback that the act of readiness-gate has no use for.
		Subnet:     byte(1 + os.Getpid()%63),
		Kubeconfig: func() ([]byte, error) { return controlplane.Kubeconfig(a.stage.Plane.AdminConfig()) },
		Times:      a.times,
		Secrets:    map[string]string{usernameVariable: a.stage.Credential.Username, passwordVariable: a.stage.Credential.Password},
		Extra:      handOver,
	}
	if err := os.Mkdir(options.Dir, 0o700); err != nil {
		return err
	}
	if a.log, err = a.stage.Log(logName); err != nil {
		return err
	}
	if a.centre, err = datacentre.Start(ctx, options); err != nil {
		return err
	}
	a.stage.Recorder.Note(show.Good, headscaleItself, "answers")
	return a.leaveFormerLife(ctx)
}

// Checks implements stage.Act.
func (a *Act) Checks(ctx context.Context) ([]show.Check, error) {
	_, shown := a.stage.Recorder.Outcome()
	hidden, err := a.secretsAreHidden(shown)
	if err != nil {
		return nil, err
	}
	named, err := a.devicesAreNamed(ctx)
	return []show.Check{named, hidden}, err
}

// Help implements stage.Act.
func (a *Act) Help(ctx context.Context) string {
	if a.centre == nil {
		return ""
	}
	status, err := a.centre.Run(ctx, a.program, "status")
	if err != nil {
		status.Stderr = err.Error()
	}
	said := "bootstrap status\n" + status.Stdout + status.Stderr
	if a.complaints.Len() > 0 {
		said += "\nbootstrap has said before\n" + a.complaints.String()
	}
	return "\n" + strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(said), "\n", "\n  "), "\n  \n  ", "\n\n") + "\n\n"
}

// Stop implements stage.Act.
func (a *Act) Stop() error {
	var errs []error
	if a.centre != nil {
		errs = append(errs, a.centre.Stop())
	}
	if a.private != "" {
		errs = append(errs, os.RemoveAll(a.private))
	}
	return errors.Join(errs...)
}

func (a *Act) kubeconfig() string { return filepath.Join(a.private, "kubeconfig") }
