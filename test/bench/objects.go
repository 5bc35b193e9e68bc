package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

// roundKey is the key of a source whose value tells one rotation from the next.
const roundKey = "password"

// at the same time, when objects are created that are not measured.
const creators = 16

// each calls do for 0 to n-1, some at a time.
func each(ctx context.Context, n, atATime int, do func(context.Context, int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atATime)
	for i := range n {
		group.Go(func() error { return do(ctx, i) })
	}
	return group.Wait()
}

func (w *world) createNamespace(ctx context.Context, name string, labels map[string]string) error {
	return w.admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}})
}

// createSource creates a Secret with the keys of a database user's.
func (w *world) createSource(ctx context.Context, namespace, name string) error {
	return w.admin.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		StringData: map[string]string{
			"host": "tazlab-db-primary.tazlab-db.svc", "port": "5432", "user": "app", "dbname": "app", roundKey: "initial",
			"uri":      "postgresql://app:initial@tazlab-db-primary.tazlab-db.svc:5432/app",
			"jdbc-uri": "jdbc:postgresql://tazlab-db-primary.tazlab-db.svc:5432/app?password=initial&user=app",
		},
	})
}

// rotate gives the Secret new values, and returns the moment just before the
// request was sent: the write itself counts.
func (w *world) rotate(ctx context.Context, namespace, name string, values map[string]string) (time.Time, error) {
	data := map[string][]byte{}
	for key, value := range values {
		data[key] = []byte(value)
	}
	patch, err := json.Marshal(map[string]any{"data": data})
	if err != nil {
		return time.Time{}, err
	}
	sent := time.Now()
	_, err = w.watcher.CoreV1().Secrets(namespace).Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
	return sent, err
}

// createExport exports the Secret of that name under the name "export".
func (w *world) createExport(ctx context.Context, namespace string, source v1alpha1.ExportSource, to v1alpha1.ExportDestination, edits ...func(*v1alpha1.SecretExportSpec)) error {
	export := &v1alpha1.SecretExport{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "export"},
		Spec:       v1alpha1.SecretExportSpec{Source: source, To: []v1alpha1.ExportDestination{to}},
	}
	for _, edit := range edits {
		edit(&export.Spec)
	}
	return w.admin.Create(ctx, export)
}

// createImport imports "export" of the namespace from as the Secret target.
func (w *world) createImport(ctx context.Context, namespace, from, target string, mode v1alpha1.RestartMode) error {
	return w.admin.Create(ctx, &v1alpha1.SecretImport{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: target},
		Spec: v1alpha1.SecretImportSpec{
			From:    v1alpha1.ExportReference{Namespace: from, Name: "export"},
			Target:  v1alpha1.ImportTarget{Name: target},
			Restart: v1alpha1.RestartSpec{Mode: mode},
		},
	})
}

func aSecret(name string) v1alpha1.ExportSource {
	return v1alpha1.ExportSource{Secret: &v1alpha1.SecretSource{Name: name}}
}

func toNamespace(name string) v1alpha1.ExportDestination {
	return v1alpha1.ExportDestination{Namespace: name}
}

func toLabelled(key, value string) v1alpha1.ExportDestination {
	return v1alpha1.ExportDestination{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{key: value}}}
}

// deploymentYAML is a workload that reads the Secret.
func deploymentYAML(secret string) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec:
      containers:
        - name: app
          image: app.invalid/app
          envFrom: [{secretRef: {name: %s}}]
`, secret)
	return out.Bytes()
}
