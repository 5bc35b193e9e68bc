package main

import (
	"context"
	_ "embed"
	"os"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/test/operator"
)

//go:embed grafana.yaml
var grafanaDeployment []byte

// applyRights puts the chart's objects back, as Flux' drift detection does after
// their namespace was deleted.
func (s *Stage) applyRights(ctx context.Context) error {
	if err := s.plane.ApplyFiles(ctx, s.example("namespaces", "namespaces.yaml")); err != nil {
		return err
	}
	return s.plane.ApplyYAMLIn(ctx, releaseNamespace, s.chart)
}

func (s *Stage) applyExport(ctx context.Context) error {
	return s.plane.ApplyFiles(ctx, s.example("tazlab-db", "export.yaml"))
}

// applyConsumer applies the shipped ExternalSecret and import, and Grafana. Between
// two restarts the import waits a second here, not half a minute: the demo's acts
// follow one another more closely than rebirths do.
func (s *Stage) applyConsumer(ctx context.Context) error {
	content, err := os.ReadFile(s.example("monitoring", "import.yaml"))
	if err != nil {
		return err
	}
	var imp map[string]any
	if err := yaml.UnmarshalStrict(content, &imp); err != nil {
		return err
	}
	if err := unstructured.SetNestedField(imp, "1s", "spec", "restart", "minInterval"); err != nil {
		return err
	}
	document, err := yaml.Marshal(imp)
	if err != nil {
		return err
	}
	return s.plane.ApplyYAML(ctx, slices.Concat(document, []byte("---\n"), grafanaDeployment))
}

// seed plays External Secrets: the ExternalSecret's policies have it write the
// Secret once, without an owner.
func (s *Stage) seed(ctx context.Context, password string) error {
	if err := s.plane.ApplyFiles(ctx, s.example("monitoring", "externalsecret.yaml")); err != nil {
		return err
	}
	return s.admin.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: consumerNamespace, Name: secretName},
		Data:       map[string][]byte{"user": []byte(userName), "password": []byte(password)},
	})
}

// plant creates the Secret that PGO takes a user's password from, if its owner
// puts it there before the cluster.
func (s *Stage) plant(ctx context.Context, password string) error {
	return s.admin.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: databaseNamespace, Name: secretName, Labels: map[string]string{
			operator.ClusterLabel: clusterName, operator.RoleLabel: "pguser", operator.UserLabel: userName,
		}},
		Data: map[string][]byte{"password": []byte(password)},
	})
}

// deleteNamespace deletes the database's namespace and waits until it is gone.
func (s *Stage) deleteNamespace(ctx context.Context) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: databaseNamespace}}
	if err := s.admin.Delete(ctx, namespace); err != nil {
		return err
	}
	for {
		err := s.admin.Get(ctx, client.ObjectKeyFromObject(namespace), namespace)
		switch {
		case apierrors.IsNotFound(err):
			return nil
		case err != nil:
			return err
		case !wait(ctx, 50*time.Millisecond):
			return context.Cause(ctx)
		}
	}
}

// setRepair is what the export's owner does who reads the way out.
func (s *Stage) setRepair(ctx context.Context) error {
	var export v1alpha1.SecretExport
	if err := s.admin.Get(ctx, client.ObjectKey{Namespace: databaseNamespace, Name: userName}, &export); err != nil {
		return err
	}
	before := export.DeepCopy()
	export.Spec.Repair = v1alpha1.RepairReapplyVerifier
	return s.admin.Patch(ctx, &export, client.MergeFrom(before))
}
