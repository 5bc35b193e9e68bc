package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/internal/secretsync"
	"github.com/tazzo/rebirth/internal/secretsync/pgo"
	"github.com/tazzo/rebirth/test/controlplane"
	"github.com/tazzo/rebirth/test/operator"
	"github.com/tazzo/rebirth/test/postgres"
)

// The names that the shipped example uses.
const (
	releaseNamespace  = "secret-sync"
	databaseNamespace = "tazlab-db"
	consumerNamespace = "monitoring"
	clusterName       = "tazlab-db"
	userName          = "grafana"
	secretName        = "tazlab-db-pguser-grafana"
	importName        = "grafana-db"
)

// Stage is everything that runs before the play begins.
type Stage struct {
	source     string // the project's tree
	dir        string // what is gone when the demo ends
	logs       string
	programs   controlplane.Programs
	binary     string
	chart      []byte
	plane      *controlplane.ControlPlane
	postgres   *postgres.Server
	admin      client.Client
	scheme     *runtime.Scheme
	operator   *operator.Operator
	controller *controller
	passwords  *Passwords
}

// prepare finds, downloads, builds or installs the programs. On an empty machine
// this takes minutes, and says what it is doing.
func (s *Stage) prepare(ctx context.Context, progress io.Writer) error {
	var err error
	if s.source, err = sourceTree(ctx); err != nil {
		return err
	}
	if err := postgres.Prepare(ctx, progress); err != nil {
		return err
	}
	if s.programs, err = controlplane.Prepare(ctx, progress); err != nil {
		return err
	}
	fmt.Fprintln(progress, "secret-sync: go build ./cmd/secret-sync")
	s.binary = filepath.Join(s.dir, "secret-sync")
	build := exec.CommandContext(ctx, "go", "build", "-o", s.binary, "./cmd/secret-sync")
	build.Dir = s.source
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build ./cmd/secret-sync: %w\n%s", err, out)
	}
	s.chart, err = s.renderChart(ctx)
	return err
}

func sourceTree(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/tazzo/rebirth").Output()
	if err != nil {
		return "", fmt.Errorf("the demo builds cmd/secret-sync and installs charts/secret-sync: run it inside the project's tree (%w)", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// start starts what the play needs: the control plane with the chart's objects,
// PostgreSQL, and secret-sync itself.
func (s *Stage) start(ctx context.Context, recorder *Recorder) error {
	if err := s.startServers(ctx); err != nil {
		return err
	}
	var err error
	if s.scheme, err = secretsync.Scheme(); err != nil {
		return err
	}
	if err := pgo.AddToScheme(s.scheme); err != nil {
		return err
	}
	if s.admin, err = client.New(s.plane.AdminConfig(), client.Options{Scheme: s.scheme}); err != nil {
		return err
	}
	if s.operator, err = operator.New(s.plane.AdminConfig(), s.postgres); err != nil {
		return err
	}
	s.operator.NewPassword = func(string) string { return s.passwords.Next() }
	recorder.Note(done, demo, "kube-apiserver, etcd and kube-controller-manager run; the chart's objects are installed; PostgreSQL answers")
	s.controller, err = startController(ctx, s)
	if err != nil {
		return err
	}
	recorder.Note(good, secretSync, "is ready, with the flags of the chart's Deployment and the rights of its ServiceAccount")
	return nil
}

// startServers starts both servers at the same time.
func (s *Stage) startServers(ctx context.Context) error {
	planeErr := make(chan error, 1)
	go func() { planeErr <- s.startPlane(ctx) }()
	var err error
	s.postgres, err = postgres.Start(ctx, postgres.Options{})
	return errors.Join(err, <-planeErr)
}

func (s *Stage) startPlane(ctx context.Context) error {
	pgoCRDs, err := controlplane.PGOCRDs(ctx)
	if err != nil {
		return err
	}
	externalSecretsCRDs, err := controlplane.ExternalSecretsCRDs(ctx)
	if err != nil {
		return err
	}
	namespaces := fmt.Appendf(nil, "apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n---\n", releaseNamespace)
	example, err := os.ReadFile(s.example("namespaces", "namespaces.yaml"))
	if err != nil {
		return err
	}
	s.plane, err = controlplane.Start(ctx, controlplane.Options{
		Manifests: [][]byte{pgoCRDs, externalSecretsCRDs, append(namespaces, example...), s.chart},
	})
	return err
}

// example is a file of the shipped example.
func (s *Stage) example(path ...string) string {
	return filepath.Join(append([]string{s.source, "manifests", "secret-sync", "example"}, path...)...)
}

// cluster is the PostgresCluster that PGO is played for.
func (s *Stage) cluster() *operator.Cluster {
	return s.operator.Cluster(databaseNamespace, clusterName, userName)
}

// stop stops everything, the last first. It also works on what never started.
func (s *Stage) stop() error {
	var errs []error
	if s.controller != nil {
		errs = append(errs, s.controller.stop())
	}
	if s.plane != nil {
		errs = append(errs, s.plane.Stop())
	}
	if s.postgres != nil {
		errs = append(errs, s.postgres.Stop())
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}
