package gateflux_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"testing/fstest"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/test/flux"
)

// repositoryName is what the example calls the user's own Git repository.
const repositoryName = "flux-system"

// Each folder of these in the repository holds a ConfigMap of that name.
const (
	apps          = "apps" // the example's own
	appsUnwatched = "apps-unwatched"
	appsWaiting   = "apps-waiting"
)

// repository is the user's: the shipped manifests and chart, byte by byte, and what
// depends on the gate.
func repository(version string) fstest.MapFS {
	GinkgoHelper()
	files := fstest.MapFS{}
	for _, dir := range []string{"manifests/readiness-gate", "charts/readiness-gate"} {
		tree := os.DirFS(path.Join(root, dir))
		Expect(fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			content, err := fs.ReadFile(tree, name)
			files[path.Join(dir, name)] = &fstest.MapFile{Data: content}
			return err
		})).To(Succeed())
	}
	for _, name := range []string{apps, appsUnwatched, appsWaiting} {
		files[name+"/configmap.yaml"] = &fstest.MapFile{Data: fmt.Appendf(nil,
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, namespace: default}\ndata: {version: %s}\n", name, version)}
	}
	return files
}

func push(ctx context.Context, version string) {
	GinkgoHelper()
	_, err := fl.Push(ctx, repositoryName, repository(version))
	Expect(err).NotTo(HaveOccurred())
}

// example is the two Kustomizations that a user copies from example/flux.yaml.
func example() (gate, dependent *unstructured.Unstructured) {
	GinkgoHelper()
	content, err := os.ReadFile(path.Join(root, "manifests/readiness-gate/example/flux.yaml"))
	Expect(err).NotTo(HaveOccurred())
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), 4096)
	gate, dependent = &unstructured.Unstructured{}, &unstructured.Unstructured{}
	Expect(decoder.Decode(gate)).To(Succeed())
	Expect(decoder.Decode(dependent)).To(Succeed())
	return gate, dependent
}

// patches are what a user would change in his copy of the manifests: where the chart
// is pulled from, and, to keep the suite short, times and the checks that need a
// kube-proxy. The manifests themselves stay as they are shipped.
const patches = `
- target: {kind: GitRepository, name: rebirth}
  patch: |
    - {op: replace, path: /spec/url, value: "URL"}
    - {op: replace, path: /spec/ref, value: {branch: main}}
- target: {kind: HelmRelease, name: readiness-gate}
  patch: |
    apiVersion: helm.toolkit.fluxcd.io/v2
    kind: HelmRelease
    metadata: {name: readiness-gate}
    spec:
      values:
        leaderElection: {leaseDuration: 4s, renewDeadline: 3s, retryPeriod: 1s}
        gate:
          spec:
            interval: 1s
            nodes: {min: 2, settleFor: 1s}
            hysteresis: {openAfter: 2, closeAfter: 2s}
            checks:
              dns: {disabled: true}
              service: {disabled: true}
`

// The times that take the place of the example's 1m, 30s and 5m. The interval is so
// long that only an event or retryInterval moves a Kustomization; and
// kustomize-controller never takes a timeout for less than 30s.
const (
	interval      = "1h"
	retryInterval = "5s"
	timeout       = "30s"
)

// gateVariant is the example's first Kustomization with the suite's times.
func gateVariant(ctx context.Context, name string) *unstructured.Unstructured {
	GinkgoHelper()
	gate, _ := example()
	gate.SetName(name)
	source := &unstructured.Unstructured{}
	source.SetGroupVersionKind(flux.GitRepository)
	_, err := get(ctx, flux.Namespace, repositoryName, source)
	Expect(err).NotTo(HaveOccurred())
	url, _, _ := unstructured.NestedString(source.Object, "spec", "url")
	var list []any
	Expect(yaml.Unmarshal(bytes.ReplaceAll([]byte(patches), []byte("URL"), []byte(url)), &list)).To(Succeed())
	set(gate, list, "spec", "patches")
	set(gate, interval, "spec", "interval")
	set(gate, retryInterval, "spec", "retryInterval")
	set(gate, timeout, "spec", "timeout")
	return gate
}

// dependentOn is the example's second Kustomization, on the gate of that name.
func dependentOn(gate, name string) *unstructured.Unstructured {
	GinkgoHelper()
	_, dependent := example()
	dependent.SetName(name)
	set(dependent, "./"+name, "spec", "path")
	set(dependent, []any{map[string]any{"name": gate}}, "spec", "dependsOn")
	return dependent
}

func set(object *unstructured.Unstructured, value any, fields ...string) {
	GinkgoHelper()
	Expect(unstructured.SetNestedField(object.Object, value, fields...)).To(Succeed())
}

func setInterval(ctx context.Context, name, interval string) {
	GinkgoHelper()
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(flux.Kustomization)
	_, err := get(ctx, flux.Namespace, name, object)
	Expect(err).NotTo(HaveOccurred())
	before := client.MergeFrom(object.DeepCopy())
	set(object, interval, "spec", "interval")
	Expect(admin.Patch(ctx, object, before)).To(Succeed())
}

func create(ctx context.Context, objects ...*unstructured.Unstructured) {
	GinkgoHelper()
	for _, object := range objects {
		Expect(admin.Create(ctx, object)).To(Succeed())
	}
}

// kustomization is the condition Ready of that Kustomization.
func kustomization(name string) func(context.Context) (metav1.Condition, error) {
	return func(ctx context.Context) (metav1.Condition, error) {
		return fl.Ready(ctx, flux.Kustomization, client.ObjectKey{Namespace: flux.Namespace, Name: name})
	}
}

func beReady() OmegaMatcher { return HaveField("Status", metav1.ConditionTrue) }

// inventory is what a Kustomization applied.
func inventory(ctx context.Context, name string) []string {
	GinkgoHelper()
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(flux.Kustomization)
	_, err := get(ctx, flux.Namespace, name, object)
	Expect(err).NotTo(HaveOccurred())
	entries, _, err := unstructured.NestedSlice(object.Object, "status", "inventory", "entries")
	Expect(err).NotTo(HaveOccurred())
	var ids []string
	for _, entry := range entries {
		ids = append(ids, entry.(map[string]any)["id"].(string))
	}
	return ids
}
