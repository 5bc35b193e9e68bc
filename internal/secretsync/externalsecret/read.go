package externalsecret

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersionKind of the objects that are read and patched.
var GroupVersionKind = schema.GroupVersionKind{Group: group, Version: "v1", Kind: kind}

const (
	group = "external-secrets.io"
	kind  = "ExternalSecret"
)

// From reads what an ExternalSecret says; a field of another type than ESO's CRD
// allows counts as absent.
func From(object *unstructured.Unstructured) External {
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
