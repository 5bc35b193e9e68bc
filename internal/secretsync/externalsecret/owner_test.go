package externalsecret_test

import (
	"github.com/google/go-cmp/cmp/cmpopts"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/externalsecret"
)

var emptyIsNil = cmpopts.EquateEmpty()

func controller(apiVersion, kind, name string) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: apiVersion, Kind: kind, Name: name, UID: "owner-uid", Controller: new(true)}
}

type text = map[string]string

// secret is a Secret's metadata.
func secret(labels, annotations text, owners ...metav1.OwnerReference) *metav1.ObjectMeta {
	return &metav1.ObjectMeta{Namespace: namespace, Name: secretName, Labels: labels, Annotations: annotations, OwnerReferences: owners}
}

// writtenBy adds a field manager that set a label.
func writtenBy(object *metav1.ObjectMeta, manager, label string) *metav1.ObjectMeta {
	object.ManagedFields = append(object.ManagedFields, metav1.ManagedFieldsEntry{
		Manager:  manager,
		FieldsV1: metav1.NewFieldsV1(`{"f:data":{"f:password":{}},"f:metadata":{"f:labels":{"f:` + label + `":{}}}}`),
	})
	return object
}

const (
	managed   = "reconcile.external-secrets.io/managed"
	createdBy = "reconcile.external-secrets.io/created-by"
	dataHash  = "reconcile.external-secrets.io/data-hash"

	fluxName      = "kustomize.toolkit.fluxcd.io/name"
	fluxNamespace = "kustomize.toolkit.fluxcd.io/namespace"
)

var fluxLabels = text{fluxName: "apps", fluxNamespace: "flux-system"}

func with(a, b text) text {
	out := text{}
	for _, entries := range []text{a, b} {
		for key, value := range entries {
			out[key] = value
		}
	}
	return out
}

var _ = Describe("Who owns a Secret", func() {
	DescribeTable("is told by its metadata",
		func(object *metav1.ObjectMeta, kind externalsecret.OwnerKind, owner, said string) {
			found := externalsecret.OwnerOf(object)
			Expect(found.Kind).To(Equal(kind))
			Expect(found.Name).To(Equal(owner))
			Expect(found.Text).To(Equal(said))
		},
		Entry("nobody", secret(text{"app": "x"}, text{"a": "b"}),
			externalsecret.Nobody, "", "nobody"),
		Entry("an owner that doesn't control it", secret(nil, nil, metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: "x"}),
			externalsecret.Nobody, "", "nobody"),
		Entry("an ExternalSecret, by ownerReference", secret(nil, nil, controller("external-secrets.io/v1beta1", "ExternalSecret", "grafana")),
			externalsecret.ByExternalSecret, "grafana", "ExternalSecret monitoring/grafana"),
		Entry("an ExternalSecret with creationPolicy Orphan, name unknown", secret(text{managed: "true"}, text{dataHash: "abc"}),
			externalsecret.ByExternalSecret, "", "an ExternalSecret of namespace monitoring"),
		Entry("an ExternalSecret with creationPolicy Orphan, named by its field manager",
			writtenBy(secret(text{managed: "true"}, nil), "externalsecrets.external-secrets.io/grafana", managed),
			externalsecret.ByExternalSecret, "grafana", "ExternalSecret monitoring/grafana"),
		Entry("an ExternalSecret whose field manager is a hash",
			writtenBy(secret(text{managed: "true"}, nil), "externalsecrets.external-secrets.io/sha3/00ff", managed),
			externalsecret.ByExternalSecret, "", "an ExternalSecret of namespace monitoring"),
		Entry("two ExternalSecrets",
			writtenBy(writtenBy(secret(text{managed: "true"}, nil), "externalsecrets.external-secrets.io/a", managed), "externalsecrets.external-secrets.io/b", managed),
			externalsecret.ByExternalSecret, "", "an ExternalSecret of namespace monitoring"),
		Entry("a former ExternalSecret's leftover", secret(text{createdBy: "hash"}, nil),
			externalsecret.ByExternalSecret, "", "an ExternalSecret of namespace monitoring"),
		Entry("another group's ExternalSecret is another controller", secret(nil, nil, controller("kubernetes-client.io/v1", "ExternalSecret", "old")),
			externalsecret.ByController, "old", "ExternalSecret monitoring/old"),
		Entry("another controller", secret(nil, nil, controller("cert-manager.io/v1", "Certificate", "tls")),
			externalsecret.ByController, "tls", "Certificate monitoring/tls"),
		Entry("another import, whatever ESO has put on its mirror", secret(text{managed: "true"}, nil, controller(v1alpha1.GroupVersion.String(), v1alpha1.SecretImportKind, "other")),
			externalsecret.ByController, "other", "SecretImport monitoring/other"),
		Entry("a Kustomization", secret(fluxLabels, nil),
			externalsecret.ByGit, "apps", "Kustomization flux-system/apps"),
		Entry("a HelmRelease", secret(text{"helm.toolkit.fluxcd.io/name": "grafana", "helm.toolkit.fluxcd.io/namespace": "monitoring", "app.kubernetes.io/managed-by": "Helm"},
			text{"meta.helm.sh/release-name": "grafana"}),
			externalsecret.ByGit, "grafana", "HelmRelease monitoring/grafana"),
		Entry("a Helm release", secret(text{"app.kubernetes.io/managed-by": "Helm"}, text{"meta.helm.sh/release-name": "grafana", "meta.helm.sh/release-namespace": "monitoring"}),
			externalsecret.ByGit, "grafana", "Helm release monitoring/grafana"),
		Entry("Argo CD, by label", secret(text{"argocd.argoproj.io/instance": "apps"}, nil),
			externalsecret.ByGit, "apps", "Argo CD application apps"),
		Entry("Argo CD, by tracking", secret(nil, text{"argocd.argoproj.io/tracking-id": "apps:/Secret:monitoring/db-credentials"}),
			externalsecret.ByGit, "apps", "Argo CD application apps"),
		Entry("not Argo CD, if the tracking names another object", secret(nil, text{"argocd.argoproj.io/tracking-id": "apps:external-secrets.io/ExternalSecret:monitoring/grafana"}),
			externalsecret.Nobody, "", "nobody"),
		Entry("an ExternalSecret in Git whose labels ESO copied",
			writtenBy(secret(with(fluxLabels, text{managed: "true"}), text{dataHash: "abc"}), "externalsecrets.external-secrets.io/grafana", fluxName),
			externalsecret.ByExternalSecret, "grafana", "ExternalSecret monitoring/grafana"),
		Entry("the same without managedFields", secret(with(fluxLabels, text{managed: "true"}), text{dataHash: "abc"}),
			externalsecret.ByExternalSecret, "", "an ExternalSecret of namespace monitoring"),
		Entry("a Secret in Git that ESO merges into",
			writtenBy(writtenBy(secret(with(fluxLabels, text{managed: "true"}), text{dataHash: "abc"}), "kustomize-controller", fluxName), "externalsecrets.external-secrets.io/grafana", managed),
			externalsecret.ByGit, "apps", "Kustomization flux-system/apps"),
	)

	It("says of a Secret in Git that an ExternalSecret owns it too", func() {
		object := writtenBy(secret(fluxLabels, nil, controller("external-secrets.io/v1", "ExternalSecret", "grafana")), "kustomize-controller", fluxName)
		Expect(externalsecret.OwnerOf(object).Kind).To(Equal(externalsecret.ByExternalSecret))
		owner, inGit := externalsecret.InGit(object)
		Expect(inGit).To(BeTrue())
		Expect(owner.Text).To(Equal("Kustomization flux-system/apps"))
	})
})

var _ = Describe("Releasing a Secret", func() {
	DescribeTable("takes off what ties it to ESO, Git or Helm, and nothing else",
		func(object *metav1.ObjectMeta, released bool, kept *metav1.ObjectMeta) {
			Expect(externalsecret.Release(object)).To(Equal(released))
			Expect(object).To(BeComparableTo(kept, emptyIsNil))
			Expect(externalsecret.Release(object)).To(BeFalse(), "a second time")
		},
		Entry("ESO's owner, labels and annotation",
			secret(text{managed: "true", createdBy: "hash", "app": "x"}, text{dataHash: "abc", "note": "y"},
				controller("external-secrets.io/v1", "ExternalSecret", "grafana"),
				metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: "x"}),
			true,
			secret(text{"app": "x"}, text{"note": "y"}, metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: "x"})),
		Entry("what ESO copied from its ExternalSecret",
			secret(with(fluxLabels, text{"helm.toolkit.fluxcd.io/name": "g", "app.kubernetes.io/managed-by": "Helm", "argocd.argoproj.io/instance": "apps"}),
				text{"kustomize.toolkit.fluxcd.io/reconcile": "disabled", "meta.helm.sh/release-name": "g", "argocd.argoproj.io/tracking-id": "t",
					"kubectl.kubernetes.io/last-applied-configuration": "{}", v1alpha1.FrozenAnnotation: "{}"}),
			true, secret(nil, nil)),
		Entry("nothing, if there is nothing",
			secret(text{"app": "x", "app.kubernetes.io/managed-by": "secret-sync"}, text{"a": "b"}, controller(v1alpha1.GroupVersion.String(), v1alpha1.SecretImportKind, "g")),
			false,
			secret(text{"app": "x", "app.kubernetes.io/managed-by": "secret-sync"}, text{"a": "b"}, controller(v1alpha1.GroupVersion.String(), v1alpha1.SecretImportKind, "g"))),
		Entry("nothing, if ESO's label managed is all: it would come back",
			secret(text{managed: "true"}, nil, controller(v1alpha1.GroupVersion.String(), v1alpha1.SecretImportKind, "g")),
			false,
			secret(text{managed: "true"}, nil, controller(v1alpha1.GroupVersion.String(), v1alpha1.SecretImportKind, "g"))),
	)
})
