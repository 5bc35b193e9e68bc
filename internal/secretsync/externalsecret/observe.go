package externalsecret

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// GroupVersionKind of the objects that this package reads and patches.
var GroupVersionKind = schema.GroupVersionKind{Group: group, Version: "v1", Kind: kind}

const (
	group = "external-secrets.io"
	kind  = "ExternalSecret"
	// oldVersion is all that ESO before v0.16 serves.
	oldVersion = "v1beta1"
)

// Observe reads one ExternalSecret. Pass a reader without a cache: the answer
// decides a write. That ESO or the object isn't there is a fact, not an error.
func Observe(ctx context.Context, r client.Reader, namespace, name string) (External, error) {
	object, found, err := get(ctx, r, GroupVersionKind, namespace, name)
	if err != nil {
		return External{}, err
	}
	if found == objectFound {
		return from(object), nil
	}
	absent := External{Namespace: namespace, Name: name, Served: found == objectMissing}
	if !absent.Served {
		old := GroupVersionKind
		old.Version = oldVersion
		_, found, err = get(ctx, r, old, namespace, name)
		if err != nil {
			return External{}, err
		}
		absent.Outdated, absent.Exists = found != kindMissing, found == objectFound
	}
	return absent, nil
}

type finding int

const (
	kindMissing finding = iota
	objectMissing
	objectFound
)

func get(ctx context.Context, r client.Reader, gvk schema.GroupVersionKind, namespace, name string) (*unstructured.Unstructured, finding, error) {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(gvk)
	err := r.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, object)
	switch {
	case err == nil:
		return object, objectFound, nil
	case meta.IsNoMatchError(err), apierrors.IsNotFound(err) && apierrors.IsUnexpectedServerError(err):
		// The second is the API server's answer about a path that it doesn't serve
		// (any more), to a client whose discovery is out of date.
		return nil, kindMissing, nil
	case apierrors.IsNotFound(err):
		return nil, objectMissing, nil
	default:
		return nil, kindMissing, fmt.Errorf("reading ExternalSecret %s/%s: %w", namespace, name, err)
	}
}

// from reads what an ExternalSecret says; a field of another type than ESO's CRD
// allows counts as absent.
func from(object *unstructured.Unstructured) External {
	text := func(fields ...string) string {
		value, _, _ := unstructured.NestedString(object.Object, fields...)
		return value
	}
	_, hasTarget, _ := unstructured.NestedMap(object.Object, "spec", "target")
	return External{
		Namespace:       object.GetNamespace(),
		Name:            object.GetName(),
		Served:          true,
		Exists:          true,
		UID:             string(object.GetUID()),
		ResourceVersion: object.GetResourceVersion(),
		Annotations:     object.GetAnnotations(),
		TargetName:      orDefault(text("spec", "target", "name"), object.GetName()),
		CreationPolicy:  text("spec", "target", "creationPolicy"),
		RefreshPolicy:   text("spec", "refreshPolicy"),
		Refreshed:       text("status", "refreshTime") != "",
		hasTarget:       hasTarget,
	}
}
