// Package eso reads and patches ExternalSecrets; what is to be done with them is
// decided in package externalsecret.
package eso

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/internal/secretsync/externalsecret"
)

// oldVersion is all that ESO before v0.16 serves.
const oldVersion = "v1beta1"

// Observe reads one ExternalSecret. Pass a reader without a cache: the answer
// decides a write. That ESO or the object isn't there is a fact, not an error.
func Observe(ctx context.Context, r client.Reader, namespace, name string) (externalsecret.External, error) {
	object, found, err := get(ctx, r, externalsecret.GroupVersionKind, namespace, name)
	if err != nil {
		return externalsecret.External{}, err
	}
	if found == objectFound {
		return externalsecret.From(object), nil
	}
	absent := externalsecret.External{Namespace: namespace, Name: name, Served: found == objectMissing}
	if !absent.Served {
		old := externalsecret.GroupVersionKind
		old.Version = oldVersion
		_, found, err = get(ctx, r, old, namespace, name)
		if err != nil {
			return externalsecret.External{}, err
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
