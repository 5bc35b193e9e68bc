package externalsecret

import (
	"encoding/json"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

// InGit reports whether a GitOps tool or Helm applies the Secret, whoever else
// owns it, and names it. Labels that ESO copied from an ExternalSecret in Git
// don't count.
func InGit(secret metav1.Object) (Owner, bool) {
	owner, label := gitOwner(secret)
	return owner, owner.Kind == ByGit && !(writtenByESO(secret) && copied(secret, label))
}

// gitOwner returns the owner that labels or annotations name, and the label or
// annotation that does.
func gitOwner(secret metav1.Object) (Owner, string) {
	labels, annotations := secret.GetLabels(), secret.GetAnnotations()
	for _, tool := range []struct{ kind, prefix string }{
		{"Kustomization", "kustomize.toolkit.fluxcd.io/"},
		{"HelmRelease", "helm.toolkit.fluxcd.io/"},
	} {
		if name := labels[tool.prefix+"name"]; name != "" {
			return inGit(name, fmt.Sprintf("%s %s/%s", tool.kind, labels[tool.prefix+"namespace"], name)), tool.prefix + "name"
		}
	}
	if release := annotations["meta.helm.sh/release-name"]; release != "" && labels[v1alpha1.ManagedByLabel] == helmValue {
		return inGit(release, fmt.Sprintf("Helm release %s/%s", annotations["meta.helm.sh/release-namespace"], release)), "meta.helm.sh/release-name"
	}
	if app := labels["argocd.argoproj.io/instance"]; app != "" {
		return inGit(app, "Argo CD application "+app), "argocd.argoproj.io/instance"
	}
	// "<application>:<group>/<kind>:<namespace>/<name>" of the tracked object: on a
	// copy it names another one.
	app, tracked, _ := strings.Cut(annotations["argocd.argoproj.io/tracking-id"], ":")
	if app != "" && tracked == fmt.Sprintf("/Secret:%s/%s", secret.GetNamespace(), secret.GetName()) {
		return inGit(app, "Argo CD application "+app), "argocd.argoproj.io/tracking-id"
	}
	return Owner{}, ""
}

func inGit(name, text string) Owner { return Owner{Kind: ByGit, Name: name, Text: text} }

// copied reports whether ESO, and nobody else, put the label or annotation there.
// Without managedFields that can't be told: what ESO wrote then counts as copied.
func copied(secret metav1.Object, key string) bool {
	managed := secret.GetManagedFields()
	if len(managed) == 0 {
		return true
	}
	byESO := false
	for _, entry := range managed {
		if !sets(entry, key) {
			continue
		}
		if !strings.HasPrefix(entry.Manager, fieldManagerPrefix) {
			return false
		}
		byESO = true
	}
	return byESO
}

// sets reports whether a field manager set that label or annotation.
func sets(entry metav1.ManagedFieldsEntry, key string) bool {
	var fields struct {
		Metadata struct {
			Labels      map[string]json.RawMessage `json:"f:labels"`
			Annotations map[string]json.RawMessage `json:"f:annotations"`
		} `json:"f:metadata"`
	}
	if entry.FieldsV1 == nil || json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields) != nil {
		return false
	}
	_, label := fields.Metadata.Labels["f:"+key]
	_, annotation := fields.Metadata.Annotations["f:"+key]
	return label || annotation
}
