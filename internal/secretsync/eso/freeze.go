package eso

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/externalsecret"
)

// Freeze quiets the live externalsecret.ExternalSecret and keeps kustomize-controller from
// setting it back. It fails if the object isn't the one that was read any more.
func Freeze(ctx context.Context, c client.Client, e externalsecret.External) error {
	patch, err := externalsecret.FreezePatch(e)
	if err != nil {
		return err
	}
	return write(ctx, c, e, patch, "freezing")
}

// Thaw undoes Freeze; without an annotation of Freeze it does nothing. It fails if
// the object isn't the one that was read any more.
func Thaw(ctx context.Context, c client.Client, e externalsecret.External) error {
	patch, err := externalsecret.ThawPatch(e)
	if err != nil || patch == nil {
		return err
	}
	return write(ctx, c, e, patch, "thawing")
}

func write(ctx context.Context, c client.Client, e externalsecret.External, patch []byte, doing string) error {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(externalsecret.GroupVersionKind)
	object.SetNamespace(e.Namespace)
	object.SetName(e.Name)
	err := c.Patch(ctx, object, client.RawPatch(types.JSONPatchType, patch), client.FieldOwner(v1alpha1.ManagedByValue))
	switch {
	case err == nil:
		return nil
	case apierrors.IsInvalid(err):
		// The API server doesn't say which: a failed test has no words of its own.
		return fmt.Errorf("%s ExternalSecret %s/%s, which changed meanwhile or refuses it: %w", doing, e.Namespace, e.Name, err)
	default:
		return fmt.Errorf("%s ExternalSecret %s/%s: %w", doing, e.Namespace, e.Name, err)
	}
}
