package handover

import (
	"errors"
	"fmt"
	"slices"
	"strings"
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

// taken makes a TakenError of a conflict between owners: the API names the fields, and
// the metadata of what was there whose they are. Another error it returns as it is.
func (a applier) taken(before object, err error) error {
	var refused *refusal
	if !errors.As(err, &refused) {
		return err
	}
	conflicts := refused.causes("FieldManagerConflict")
	if len(conflicts) == 0 {
		return err
	}
	made := &TakenError{Namespace: a.namespace, Name: a.name}
	for _, conflict := range conflicts {
		made.Fields = append(made.Fields, conflict.Field)
	}
	for _, entry := range before.Metadata.ManagedFields {
		// Whoever has nothing but metadata has put a label on it.
		delete(entry.FieldsV1, "f:metadata")
		if entry.Manager != fieldManager && len(entry.FieldsV1) > 0 && !slices.Contains(made.Managers, entry.Manager) {
			made.Managers = append(made.Managers, entry.Manager)
		}
	}
	return made
}
