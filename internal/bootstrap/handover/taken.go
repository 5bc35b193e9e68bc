package handover

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TakenError says that somebody else has changed the Secret, which is left as it is.
type TakenError struct {
	Namespace, Name string
	// Managers own fields of it, such as kustomize-controller.
	Managers []string
	// Fields differ, such as .data.identity.
	Fields []string
}

func (e *TakenError) Error() string {
	return fmt.Sprintf("Secret %s/%s belongs to %s by now, and differs in %s: it is left as it is. To have it made anew delete it; to leave it to them take handOver.secret out of cluster.yaml",
		e.Namespace, e.Name, strings.Join(e.Managers, ", "), strings.Join(e.Fields, ", "))
}

// taken makes the error of a conflict: the API names the fields, and the object's
// metadata whose they are.
func taken(object *metav1.PartialObjectMetadata, conflict error) error {
	made := &TakenError{Namespace: object.Namespace, Name: object.Name}
	var status apierrors.APIStatus
	if !errors.As(conflict, &status) || status.Status().Details == nil {
		return conflict
	}
	for _, cause := range status.Status().Details.Causes {
		if cause.Type == metav1.CauseTypeFieldManagerConflict {
			made.Fields = append(made.Fields, cause.Field)
		}
	}
	if len(made.Fields) == 0 {
		return conflict
	}
	for _, entry := range object.ManagedFields {
		if entry.Manager != fieldManager && ownsContent(entry) && !slices.Contains(made.Managers, entry.Manager) {
			made.Managers = append(made.Managers, entry.Manager)
		}
	}
	return made
}

// ownsContent says whether an owner has more of a Secret than its metadata.
func ownsContent(entry metav1.ManagedFieldsEntry) bool {
	var fields map[string]json.RawMessage
	if entry.FieldsV1 == nil || json.Unmarshal(entry.FieldsV1.Raw, &fields) != nil {
		return false
	}
	delete(fields, "f:metadata")
	return len(fields) > 0
}
