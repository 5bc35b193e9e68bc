package externalsecret

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// OwnerKind is what sort of owner a Secret has.
type OwnerKind int

// Every sort of owner.
const (
	// Nobody owns the Secret.
	Nobody OwnerKind = iota
	// ByExternalSecret: an ExternalSecret writes it.
	ByExternalSecret
	// ByGit: a GitOps tool or Helm applies it.
	ByGit
	// ByController: it has another controller's ownerReference.
	ByController
)

// Owner is who a Secret belongs to.
type Owner struct {
	Kind OwnerKind
	// Name of the ExternalSecret, of a Kustomization, a HelmRelease, a Helm release
	// or an Argo CD application, or of the controller; "" if it isn't known.
	Name string
	// Reference is the ownerReference, for ByController and ByExternalSecret; nil
	// if there is none.
	Reference *metav1.OwnerReference
	// Text names the owner for conditions, such as "Kustomization flux-system/apps".
	Text string
}

// fieldManagerPrefix is followed by the ExternalSecret's name in the field manager
// that ESO writes with.
const fieldManagerPrefix = "externalsecrets." + group + "/"

// hashedName stands for a name that is too long for a field manager.
const hashedName = "sha3/"

// OwnerOf says who a Secret belongs to, by its metadata alone. Read it with its
// managedFields: they tell Git's labels from those that ESO copied from its
// ExternalSecret. The mirror of an import is ByController, of a SecretImport.
func OwnerOf(secret metav1.Object) Owner {
	for _, reference := range secret.GetOwnerReferences() {
		if isExternalSecret(reference) {
			return externalSecretOwner(secret, reference.Name, &reference)
		}
	}
	if reference := metav1.GetControllerOf(secret); reference != nil {
		return Owner{ByController, reference.Name, reference,
			fmt.Sprintf("%s %s/%s", reference.Kind, secret.GetNamespace(), reference.Name)}
	}

	if owner, ok := InGit(secret); ok {
		return owner
	}
	if writtenByESO(secret) {
		return externalSecretOwner(secret, managerName(secret), nil)
	}
	return Owner{Kind: Nobody, Text: "nobody"}
}

func externalSecretOwner(secret metav1.Object, name string, reference *metav1.OwnerReference) Owner {
	text := fmt.Sprintf("an ExternalSecret of namespace %s", secret.GetNamespace())
	if name != "" {
		text = fmt.Sprintf("ExternalSecret %s/%s", secret.GetNamespace(), name)
	}
	return Owner{ByExternalSecret, name, reference, text}
}

// writtenByESO finds the traces that stand without an ownerReference, as with
// creationPolicy Orphan and Merge.
func writtenByESO(secret metav1.Object) bool {
	labels := secret.GetLabels()
	_, hashed := secret.GetAnnotations()[annotationDataHash]
	return hashed || labels[labelManaged] != "" || labels[labelCreatedBy] != ""
}

// managerName is the name of the ExternalSecret that last wrote the Secret; "" if
// managedFields don't tell or tell of several.
func managerName(secret metav1.Object) string {
	name := ""
	for _, entry := range secret.GetManagedFields() {
		writer, ok := strings.CutPrefix(entry.Manager, fieldManagerPrefix)
		if !ok || writer == name {
			continue
		}
		if name != "" || strings.HasPrefix(writer, hashedName) {
			return ""
		}
		name = writer
	}
	return name
}
