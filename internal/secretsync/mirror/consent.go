package mirror

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

// Consent is the answer to: may this import have that export's Secret?
type Consent int

const (
	// NotExported: no export of that name exports to this namespace. The answer
	// is the same whether the export exists or not.
	NotExported Consent = iota
	// Exported: the export names this namespace.
	Exported
	// Revoked: the export was served before and now is deleted, in a namespace
	// that lives on, or no longer names this namespace.
	Revoked
	// Reborn: the export was served before, and its whole namespace is gone, going
	// or another one. In the course of a rebirth it comes back.
	Reborn
)

// Namespace is what a decision needs to know of a namespace.
type Namespace struct {
	Name        string
	UID         string // empty if it doesn't exist
	Labels      map[string]string
	Terminating bool
}

// consent tells the four cases apart; policy says what Revoked does to the mirror.
func consent(f Facts) (answer Consent, policy v1alpha1.RevokePolicy) {
	if f.Export != nil && Names(f.Export, f.Namespace) {
		return Exported, f.Export.Spec.OnRevoke
	}
	served := f.Import.Status.Source
	if served == nil || served.Export != exportName(f.Import) {
		return NotExported, ""
	}
	if f.Export != nil {
		return Revoked, f.Export.Spec.OnRevoke
	}
	if f.ExportNamespace.Terminating || f.ExportNamespace.UID != served.NamespaceUID {
		return Reborn, ""
	}
	return Revoked, served.OnRevoke
}

// Names reports whether the export names the namespace, or selects it by labels.
// A selector that can't be parsed selects nothing.
func Names(export *v1alpha1.SecretExport, namespace Namespace) bool {
	for _, to := range export.Spec.To {
		if to.Namespace != "" && to.Namespace == namespace.Name {
			return true
		}
		if to.NamespaceSelector == nil {
			continue
		}
		selector, err := metav1.LabelSelectorAsSelector(to.NamespaceSelector)
		if err == nil && selector.Matches(labels.Set(namespace.Labels)) {
			return true
		}
	}
	return false
}

func exportName(imp *v1alpha1.SecretImport) string {
	return imp.Spec.From.Namespace + "/" + imp.Spec.From.Name
}

func notExportedMessage(imp *v1alpha1.SecretImport) string {
	return fmt.Sprintf("no SecretExport %s exports to namespace %s: check spec.from, or ask the owner of namespace %s to create the export or to add %s to its spec.to",
		exportName(imp), imp.Namespace, imp.Spec.From.Namespace, imp.Namespace)
}
