package secrets

import (
	"context"
	_ "embed"
	"errors"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/test/demo/show"
	"github.com/tazzo/rebirth/test/demo/stage"
	"github.com/tazzo/rebirth/test/flux"
	"github.com/tazzo/rebirth/test/kubelet"
)

//go:embed grafana.yaml
var grafanaDeployment []byte

// The Kustomizations of the shipped example.
const (
	namespacesKustomization = "namespaces"
	databaseKustomization   = "tazlab-db"
	consumerKustomization   = "monitoring"
)

// overlay is the user's own folder: the shipped example, and what Grafana's chart would
// make. Between two restarts the import waits a second here, not half a minute: the
// demo's scenes follow one another more closely than rebirths do.
const overlay = `
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - ../../manifests/secret-sync/example/monitoring
  - grafana.yaml
patches:
  - target: {kind: SecretImport}
    patch: |
      - {op: add, path: /spec/restart/minInterval, value: 1s}
`

// withRepair gives the right to repair, which the shipped release leaves out and the
// last scene needs.
const withRepair = `
- target: {kind: HelmRelease, name: secret-sync}
  patch: |
    - {op: add, path: /spec/values/exports/0/repair, value: true}
`

// withoutDatabase leaves out what the played operator's owner creates.
const withoutDatabase = `
- patch: |
    $patch: delete
    apiVersion: postgres-operator.crunchydata.com/v1beta1
    kind: PostgresCluster
    metadata: {name: tazlab-db, namespace: tazlab-db}
`

// Installation is how a user installs secret-sync.
func Installation(s *stage.Stage) stage.Installation {
	return stage.Installation{
		AddFiles: func() error {
			s.AddFile("apps/monitoring/kustomization.yaml", []byte(overlay))
			s.AddFile("apps/monitoring/grafana.yaml", grafanaDeployment)
			return errors.Join(s.AddTree("manifests/secret-sync"), s.AddChart("secret-sync"))
		},
		Kustomizations: func(dependsOn ...string) ([]*unstructured.Unstructured, error) {
			edits := []func(*unstructured.Unstructured) error{s.FromHere(), stage.Patched(withRepair)}
			for _, name := range dependsOn {
				edits = append(edits, stage.DependingOn(name))
			}
			namespaces, err := s.Kustomization(programName, namespacesKustomization)
			own, ownErr := s.Kustomization(programName, programName, edits...)
			return []*unstructured.Unstructured{namespaces, own}, errors.Join(err, ownErr)
		},
	}
}

// install installs secret-sync, unless another act has begun to, and runs it.
func (a *Act) install(ctx context.Context) error {
	a.world.Present()
	if err := a.watchFlux(); err != nil {
		return err
	}
	ready := a.world.Expect("Installation", "Flux applies secret-sync", installGoals()...)
	if !a.installed {
		if err := a.world.Take(ctx, step{Actor: show.Owner, Text: "pushes manifests and charts, and the Kustomizations of the example", Do: a.applyInstallation}); err != nil {
			return err
		}
	}
	if err := a.startController(ctx); err != nil {
		return err
	}
	if err := a.watch(); err != nil {
		return err
	}
	return ready(ctx)
}

func (a *Act) applyInstallation(ctx context.Context) error {
	installation := Installation(a.stage)
	if err := errors.Join(installation.AddFiles(), a.stage.Push(ctx)); err != nil {
		return err
	}
	kustomizations, err := installation.Kustomizations()
	if err != nil {
		return err
	}
	return a.stage.Apply(ctx, kustomizations...)
}

// startController plays the kubelet for the Deployment that Flux has installed.
func (a *Act) startController(ctx context.Context) error {
	deployment, key := &appsv1.Deployment{}, client.ObjectKey{Namespace: programName, Name: programName}
	if err := a.stage.Appear(ctx, deployment, key); err != nil {
		return err
	}
	log, err := a.stage.Log(logName)
	if err != nil {
		return err
	}
	a.controller, err = kubelet.StartController(ctx, a.stage.Plane, kubelet.ControllerOptions{
		Program: a.program, Pod: kubelet.PodOf(deployment.Spec.Template, deployment.Namespace), Dir: a.stage.Dir, Log: log,
	})
	if err != nil {
		return err
	}
	a.world.Note(show.Good, secretSync, "is ready, with the flags of the chart's Deployment and the rights of its ServiceAccount")
	return flux.SetDeploymentReady(ctx, a.stage.Admin, key, true)
}

// applyDatabaseAndConsumer is what the owner of both does.
func (a *Act) applyDatabaseAndConsumer(ctx context.Context) error {
	database, err := a.stage.Kustomization(programName, databaseKustomization, stage.Patched(withoutDatabase))
	if err != nil {
		return err
	}
	consumer, err := a.stage.Kustomization(programName, consumerKustomization, func(k *unstructured.Unstructured) error {
		return unstructured.SetNestedField(k.Object, "./apps/monitoring", "spec", "path")
	})
	if err != nil {
		return err
	}
	return a.stage.Apply(ctx, database, consumer)
}
