package flux

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The kinds of Flux that a test looks at most.
var (
	Kustomization = schema.GroupVersionKind{Group: "kustomize.toolkit.fluxcd.io", Version: "v1", Kind: "Kustomization"}
	HelmRelease   = schema.GroupVersionKind{Group: "helm.toolkit.fluxcd.io", Version: "v2", Kind: "HelmRelease"}
	GitRepository = schema.GroupVersionKind{Group: "source.toolkit.fluxcd.io", Version: "v1", Kind: "GitRepository"}
	HelmChart     = schema.GroupVersionKind{Group: "source.toolkit.fluxcd.io", Version: "v1", Kind: "HelmChart"}
)

// Ready is the condition Ready of an object of Flux. Its status is Unknown, and its
// reason empty, as long as the object doesn't exist or has no such condition of its
// own generation.
func (f *Flux) Ready(ctx context.Context, kind schema.GroupVersionKind, key client.ObjectKey) (metav1.Condition, error) {
	object, err := f.get(ctx, kind, key)
	if client.IgnoreNotFound(err) != nil {
		return metav1.Condition{}, err
	}
	return ReadyOf(object)
}

func (f *Flux) get(ctx context.Context, kind schema.GroupVersionKind, key client.ObjectKey) (*unstructured.Unstructured, error) {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kind)
	return object, f.client.Get(ctx, key, object)
}

// ReadyOf is the same of an object that was read or watched.
func ReadyOf(object *unstructured.Unstructured) (metav1.Condition, error) {
	var content struct {
		Status struct {
			Conditions []metav1.Condition `json:"conditions"`
		} `json:"status"`
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &content); err != nil {
		return metav1.Condition{}, fmt.Errorf("conditions of %s %s: %w", object.GetKind(), client.ObjectKeyFromObject(object), err)
	}
	ready := meta.FindStatusCondition(content.Status.Conditions, "Ready")
	if ready == nil || ready.ObservedGeneration != object.GetGeneration() {
		return metav1.Condition{Type: "Ready", Status: metav1.ConditionUnknown}, nil
	}
	return *ready, nil
}
