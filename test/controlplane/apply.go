package controlplane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// fieldOwner of what this package applies.
const fieldOwner = client.FieldOwner("rebirth-test")

// ApplyFiles applies YAML files, and the *.yaml files of folders, all together as
// ApplyYAML does.
func (cp *ControlPlane) ApplyFiles(ctx context.Context, paths ...string) error {
	var all []byte
	for _, path := range paths {
		files := []string{path}
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			if files, err = filepath.Glob(filepath.Join(path, "*.yaml")); err != nil {
				return err
			}
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			all = append(append(all, content...), "\n---\n"...)
		}
	}
	return cp.ApplyYAML(ctx, all)
}

// ApplyYAML applies the documents server-side, as admin and with force: namespaces
// first, then CRDs, which it waits for, then the rest in the order given. What
// names no namespace goes to "default".
func (cp *ControlPlane) ApplyYAML(ctx context.Context, documents []byte) error {
	return cp.ApplyYAMLIn(ctx, metav1.NamespaceDefault, documents)
}

// ApplyYAMLIn is ApplyYAML with another namespace for what names none, such as a
// chart's release namespace.
func (cp *ControlPlane) ApplyYAMLIn(ctx context.Context, namespace string, documents []byte) error {
	objects, err := parse(documents)
	if err != nil {
		return err
	}
	slices.SortStableFunc(objects, func(a, b *unstructured.Unstructured) int { return stage(a) - stage(b) })
	for _, object := range objects {
		if err := cp.apply(ctx, namespace, object); err != nil {
			return fmt.Errorf("apply %s %s: %w", object.GetKind(), client.ObjectKeyFromObject(object), err)
		}
	}
	return nil
}

func parse(documents []byte) ([]*unstructured.Unstructured, error) {
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(documents), 4096)
	var objects []*unstructured.Unstructured
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("document after the first %d objects: %w", len(objects), err)
		}
		if len(object.Object) == 0 {
			continue // nothing but a comment
		}
		if object.GetKind() == "" || object.GetAPIVersion() == "" {
			return nil, fmt.Errorf("document after the first %d objects has no apiVersion or no kind", len(objects))
		}
		objects = append(objects, object)
	}
}

// stage of an object: those of a lower one must stand first.
func stage(object *unstructured.Unstructured) int {
	switch object.GroupVersionKind().GroupKind() {
	case schema.GroupKind{Kind: "Namespace"}:
		return 0
	case schema.GroupKind{Group: apiextensionsv1.GroupName, Kind: "CustomResourceDefinition"}:
		return 1
	}
	return 2
}

func (cp *ControlPlane) apply(ctx context.Context, namespace string, object *unstructured.Unstructured) error {
	namespaced, err := cp.client.IsObjectNamespaced(object)
	if err != nil {
		return err
	}
	if namespaced && object.GetNamespace() == "" {
		object.SetNamespace(namespace)
	}
	applied := client.ApplyConfigurationFromUnstructured(object)
	if err := cp.client.Apply(ctx, applied, fieldOwner, client.ForceOwnership); err != nil {
		return err
	}
	if stage(object) == 1 {
		return cp.awaitServed(ctx, object.GetName())
	}
	return nil
}

// awaitServed waits until the kind of a CRD can be used: some moments pass between
// its condition Established and the first answer to a request for it.
func (cp *ControlPlane) awaitServed(ctx context.Context, name string) error {
	crd := &unstructured.Unstructured{}
	crd.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"))
	return wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		if err := cp.client.Get(ctx, client.ObjectKey{Name: name}, crd); err != nil {
			return false, err
		}
		for _, version := range servedKinds(crd) {
			list := &unstructured.UnstructuredList{}
			list.SetGroupVersionKind(version)
			err := cp.client.List(ctx, list, client.Limit(1))
			if err != nil {
				return false, client.IgnoreNotFound(ignoreNoMatch(err))
			}
		}
		return true, nil
	})
}

func ignoreNoMatch(err error) error {
	if meta.IsNoMatchError(err) {
		return nil
	}
	return err
}

func servedKinds(crd *unstructured.Unstructured) []schema.GroupVersionKind {
	group, _, _ := unstructured.NestedString(crd.Object, "spec", "group")
	kind, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "kind")
	versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	var kinds []schema.GroupVersionKind
	for _, version := range versions {
		fields, _ := version.(map[string]any)
		name, _ := fields["name"].(string)
		if served, _ := fields["served"].(bool); served {
			kinds = append(kinds, schema.GroupVersionKind{Group: group, Version: name, Kind: kind + "List"})
		}
	}
	return kinds
}
