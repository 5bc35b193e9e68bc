package externalsecret

import (
	"maps"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

// What ESO puts on a Secret that it writes (its apis/externalsecrets/v1); the label
// "managed" on any Secret that an ExternalSecret names, written or not.
const (
	labelManaged       = "reconcile.external-secrets.io/managed"
	labelCreatedBy     = "reconcile.external-secrets.io/created-by"
	annotationDataHash = "reconcile.external-secrets.io/data-hash"
)

// foreignPrefixes are the labels and annotations by which another owner would
// claim, prune or report the Secret. Without a template ESO copies an
// ExternalSecret's own ones to the Secret, those of Flux, Helm and Argo CD included.
var foreignPrefixes = []string{
	"reconcile.external-secrets.io/",
	"kustomize.toolkit.fluxcd.io/",
	"helm.toolkit.fluxcd.io/",
	"meta.helm.sh/",
	"argocd.argoproj.io/",
}

const (
	lastApplied = "kubectl.kubernetes.io/last-applied-configuration"
	helmValue   = "Helm"
)

// Release strips from a Secret's metadata whatever ties it to ESO and to the
// owner of the ExternalSecret, and reports whether there was any. ESO deletes by
// its label "created-by" without looking at owners, and the garbage collector by
// the ownerReference: both must be gone before the ExternalSecret is.
//
// The label "managed" stays if it is the only trace: ESO would put it back at every
// reconcile, and it does nothing.
func Release(secret metav1.Object) bool {
	if onlyManaged(secret) {
		return false
	}
	owners, wasOwned := withoutExternalSecrets(secret.GetOwnerReferences())
	secret.SetOwnerReferences(owners)

	labels, annotations := secret.GetLabels(), secret.GetAnnotations()
	before := len(labels) + len(annotations)
	deleteForeign(labels)
	deleteForeign(annotations)
	if labels[v1alpha1.ManagedByLabel] == helmValue {
		delete(labels, v1alpha1.ManagedByLabel)
	}
	delete(annotations, lastApplied)
	delete(annotations, v1alpha1.FrozenAnnotation)
	after := len(labels) + len(annotations)
	secret.SetLabels(labels)
	secret.SetAnnotations(annotations)
	return wasOwned || after < before
}

func withoutExternalSecrets(owners []metav1.OwnerReference) (others []metav1.OwnerReference, found bool) {
	for _, owner := range owners {
		if isExternalSecret(owner) {
			found = true
			continue
		}
		others = append(others, owner)
	}
	return others, found
}

func isExternalSecret(owner metav1.OwnerReference) bool {
	gv, err := schema.ParseGroupVersion(owner.APIVersion)
	return err == nil && gv.Group == group && owner.Kind == kind
}

func deleteForeign(entries map[string]string) {
	for key := range entries {
		for _, prefix := range foreignPrefixes {
			if strings.HasPrefix(key, prefix) {
				delete(entries, key)
			}
		}
	}
}

func onlyManaged(secret metav1.Object) bool {
	if secret.GetLabels()[labelManaged] == "" {
		return false
	}
	rest := &metav1.ObjectMeta{
		OwnerReferences: secret.GetOwnerReferences(),
		Labels:          maps.Clone(secret.GetLabels()),
		Annotations:     maps.Clone(secret.GetAnnotations()),
	}
	delete(rest.Labels, labelManaged)
	return !Release(rest)
}
