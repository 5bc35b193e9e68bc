// Package lab is where the end-to-end tier's specs play: a kind cluster, and beside it
// what outlives each cluster, a Git server that Flux pulls from and an S3 server that
// holds the backups.
package lab

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/test/controlplane"
	"github.com/tazzo/rebirth/test/e2e/cluster"
	"github.com/tazzo/rebirth/test/e2e/images"
	"github.com/tazzo/rebirth/test/git"
	"github.com/tazzo/rebirth/test/process"
)

// Options of a lab.
type Options struct {
	Kind, Kubectl, VersityGW string // programs
	NodeImage                string
	// Out is the folder for logs and reports.
	Out string
}

// Lab is a running one.
type Lab struct {
	Cluster *cluster.Cluster
	// Client is an administrator's, of the cluster as it is now.
	Client client.Client
	// Repository is what stands in Git: change it, then Push.
	Repository Repository

	// secrets are values that belong into Secrets and nowhere else.
	secrets map[string]bool
	// deleted are logs of pods that are no more.
	deleted   map[string]string
	deletedMu sync.Mutex
	// creation is why the cluster could not be created, with what kubeadm said.
	creation error
	options  Options
	root     string // of this tree
	git      *git.Server
	s3       *process.Process
}

// New makes a lab without a cluster: see Create.
func New(ctx context.Context, options Options) (*Lab, error) {
	root, err := controlplane.ModuleRoot()
	if err != nil {
		return nil, err
	}
	l := &Lab{options: options, root: root, secrets: map[string]bool{}, deleted: map[string]string{}}
	l.Cluster, err = cluster.New(cluster.Options{
		Kind: options.Kind, Kubectl: options.Kubectl, Image: options.NodeImage,
		Config: filepath.Join(root, "kind-config.yaml"), Patches: images.KubeadmPatches(), Dir: options.Out,
	})
	if err != nil {
		return nil, err
	}
	return l, l.Cluster.Delete(ctx) // what a killed run left behind
}

// Create makes the cluster, loads this project's images, and, the first time, starts
// the servers beside it. Nothing is installed yet.
func (l *Lab) Create(ctx context.Context) error {
	if l.creation = l.Cluster.Create(ctx); l.creation != nil {
		return l.creation
	}
	if err := l.Cluster.Load(ctx, l.products()...); err != nil {
		return err
	}
	config, err := l.Cluster.Config()
	if err != nil {
		return err
	}
	if l.Client, err = client.New(config, client.Options{Scheme: scheme()}); err != nil {
		return err
	}
	if l.git != nil {
		return nil
	}
	return l.startServers(ctx)
}

func (l *Lab) startServers(ctx context.Context) error {
	gateway, err := l.Cluster.Gateway(ctx)
	if err != nil {
		return err
	}
	l.Repository = Repository{
		Workers:         []string{"rebirth-worker", "rebirth-worker2"},
		DayZeroPassword: "canary-dayzero-" + rand.Text(),
		S3:              S3{Address: gateway, Key: "KEY" + rand.Text(), Secret: "canary-s3-" + rand.Text()},
	}
	l.Hide(l.Repository.DayZeroPassword)
	l.Hide(l.Repository.S3.Secret)
	if l.git, err = git.Start(filepath.Join(l.options.Out, "git"), gateway+":8080"); err != nil {
		return err
	}
	if err := l.pushCharts(ctx); err != nil {
		return err
	}
	l.s3, err = startS3(ctx, l.options.VersityGW, filepath.Join(l.options.Out, "s3"), l.Repository.S3)
	return err
}

// Hide registers a value that belongs into Secrets and nowhere else.
func (l *Lab) Hide(secret string) { l.secrets[secret] = true }

// Close deletes the cluster and stops the servers.
func (l *Lab) Close(ctx context.Context) error {
	errs := []error{l.Cluster.Delete(ctx)}
	if l.git != nil {
		errs = append(errs, l.git.Stop())
	}
	if l.s3 != nil {
		errs = append(errs, l.s3.Stop(syscall.SIGKILL, 0))
	}
	return errors.Join(errs...)
}

// programs of this project that run in a cluster.
var programs = []string{"readiness-agent", "readiness-gate", "secret-sync"}

// productVersion is the charts' appVersion, which they take for the images' tag.
const productVersion = "0.1.0"

func (l *Lab) products() []string {
	var names []string
	for _, program := range programs {
		names = append(names, "localhost/rebirth/"+program+":"+productVersion)
	}
	return names
}

// BuildProducts makes this project's images, as the installation's documentation
// says, and removes those of former runs, which have lost their names to them.
func (l *Lab) BuildProducts(ctx context.Context) error {
	for _, program := range programs {
		build := exec.CommandContext(ctx, "make", "image", "PROGRAMS="+program, "IMAGE_PREFIX=localhost/rebirth", "VERSION="+productVersion)
		build.Dir, build.Env = l.root, append(os.Environ(), "MAKEFLAGS=")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("make image PROGRAMS=%s: %w\n%s", program, err, out)
		}
	}
	prune := exec.CommandContext(ctx, "docker", "image", "prune", "--force")
	if out, err := prune.CombinedOutput(); err != nil {
		return fmt.Errorf("docker image prune: %w\n%s", err, out)
	}
	return nil
}
