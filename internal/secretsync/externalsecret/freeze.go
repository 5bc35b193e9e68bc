package externalsecret

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

// former is the content of v1alpha1.FrozenAnnotation: what Freeze replaced. What
// was absent is left out.
type former struct {
	CreationPolicy string `json:"creationPolicy,omitempty"`
	RefreshPolicy  string `json:"refreshPolicy,omitempty"`
	// Reconcile is the former value of Flux's annotation.
	Reconcile *string `json:"reconcile,omitempty"`
}

// operation of a JSON patch (RFC 6902).
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

const (
	annotationsPath    = "/metadata/annotations"
	targetPath         = "/spec/target"
	creationPolicyPath = "/spec/target/creationPolicy"
	refreshPolicyPath  = "/spec/refreshPolicy"
)

// FreezePatch is the one JSON patch that freezes e. Freezing again what somebody
// has set back keeps the first record of the former policies.
func FreezePatch(e External) ([]byte, error) {
	record, err := json.Marshal(e.former())
	if err != nil {
		return nil, err
	}
	annotations := map[string]string{
		reconcileAnnotation:       reconcileDisabled,
		v1alpha1.FrozenAnnotation: string(record),
	}

	patch := e.tests()
	if len(e.Annotations) == 0 {
		patch = append(patch, operation{"add", annotationsPath, annotations})
	} else {
		for _, key := range []string{reconcileAnnotation, v1alpha1.FrozenAnnotation} {
			patch = append(patch, operation{"add", annotationPath(key), annotations[key]})
		}
	}
	if e.hasTarget {
		patch = append(patch, operation{"add", creationPolicyPath, QuietCreationPolicy})
	} else {
		patch = append(patch, operation{"add", targetPath, map[string]string{"creationPolicy": QuietCreationPolicy}})
	}
	patch = append(patch, operation{"add", refreshPolicyPath, QuietRefreshPolicy})
	return json.Marshal(patch)
}

// ThawPatch is the one JSON patch that undoes FreezePatch, nil if there is nothing
// to undo. A policy that somebody has changed since is left as it is.
func ThawPatch(e External) ([]byte, error) {
	if !e.frozen() {
		return nil, nil
	}
	var was former
	if err := json.Unmarshal([]byte(e.Annotations[v1alpha1.FrozenAnnotation]), &was); err != nil {
		return nil, fmt.Errorf("annotation %s of ExternalSecret %s/%s can't be read (%w): set spec.target.creationPolicy and spec.refreshPolicy by hand and remove the annotation",
			v1alpha1.FrozenAnnotation, e.Namespace, e.Name, err)
	}

	patch := e.tests()
	if e.CreationPolicy == QuietCreationPolicy {
		patch = append(patch, restore(creationPolicyPath, was.CreationPolicy))
	}
	if e.RefreshPolicy == QuietRefreshPolicy {
		patch = append(patch, restore(refreshPolicyPath, was.RefreshPolicy))
	}
	patch = append(patch, operation{Op: "remove", Path: annotationPath(v1alpha1.FrozenAnnotation)})
	if _, present := e.Annotations[reconcileAnnotation]; present {
		patch = append(patch, restore(annotationPath(reconcileAnnotation), deref(was.Reconcile)))
	}
	return json.Marshal(patch)
}

// former is the record on the object, or a new one of its present policies.
func (e External) former() former {
	var recorded former
	if e.frozen() && json.Unmarshal([]byte(e.Annotations[v1alpha1.FrozenAnnotation]), &recorded) == nil {
		return recorded
	}
	now := former{CreationPolicy: e.CreationPolicy, RefreshPolicy: e.RefreshPolicy}
	if value, present := e.Annotations[reconcileAnnotation]; present {
		now.Reconcile = &value
	}
	return now
}

// tests make the patch fail on any other object than the one that was read.
func (e External) tests() []operation {
	return []operation{
		{"test", "/metadata/uid", e.UID},
		{"test", "/metadata/resourceVersion", e.ResourceVersion},
	}
}

// restore sets a former value, or removes what was absent.
func restore(path, value string) operation {
	if value == "" {
		return operation{Op: "remove", Path: path}
	}
	return operation{"add", path, value}
}

// annotationPath escapes a key for a JSON pointer (RFC 6901).
func annotationPath(key string) string {
	return annotationsPath + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}

func deref(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
