package secretsync_test

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/internal/secretsync/externalsecret"
)

// seed is an ExternalSecret in Git, and the two who act on it: kustomize-controller
// and External Secrets. Neither runs here. They write what they were seen to write
// (kustomize-controller v1.9.5 and External Secrets 2.9), as the same field managers.
type seed struct {
	name string
	// creation and refresh are the policies that Git holds.
	creation, refresh string
	// provider is the password that the provider holds.
	provider string
}

const (
	managedLabel   = "reconcile.external-secrets.io/managed"
	createdByLabel = "reconcile.external-secrets.io/created-by"
	hashAnnotation = "reconcile.external-secrets.io/data-hash"
)

// seeded has an ExternalSecret with ESO's default policies write its Secret, as on
// day zero.
func seeded(ctx context.Context, name string) *seed {
	GinkgoHelper()
	s := &seed{name: name, creation: "Owner", refresh: "Periodic", provider: canaryPassword("")}
	DeferCleanup(func(ctx context.Context) {
		remove(ctx, s.key())
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: consumerNamespace, Name: name}}
		remove(ctx, secret)
	})
	s.fluxApplies(ctx)
	Expect(s.externalSecretsReconciles(ctx)).To(BeTrue())
	return s
}

func (s *seed) key() *unstructured.Unstructured {
	external := &unstructured.Unstructured{}
	external.SetGroupVersionKind(externalsecret.GroupVersionKind)
	external.SetNamespace(consumerNamespace)
	external.SetName(s.name)
	return external
}

// live reads the ExternalSecret.
func (s *seed) live(ctx context.Context) *unstructured.Unstructured {
	GinkgoHelper()
	external := s.key()
	Expect(admin.Get(ctx, client.ObjectKeyFromObject(external), external)).To(Succeed())
	return external
}

// fluxApplies is kustomize-controller: a forced server-side apply of what Git
// holds, unless the live object is annotated to be left alone.
func (s *seed) fluxApplies(ctx context.Context) {
	GinkgoHelper()
	found := s.key()
	err := admin.Get(ctx, client.ObjectKeyFromObject(found), found)
	Expect(client.IgnoreNotFound(err)).To(Succeed())
	if err == nil && found.GetAnnotations()["kustomize.toolkit.fluxcd.io/reconcile"] == "disabled" {
		return
	}
	desired := s.key()
	desired.SetLabels(map[string]string{"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"})
	desired.Object["spec"] = map[string]any{
		"refreshInterval": "1h",
		"refreshPolicy":   s.refresh,
		"secretStoreRef":  map[string]any{"kind": "ClusterSecretStore", "name": "vault"},
		"target":          map[string]any{"name": s.name, "creationPolicy": s.creation},
		"data":            []any{map[string]any{"secretKey": "password", "remoteRef": map[string]any{"key": "grafana"}}},
	}
	Expect(admin.Apply(ctx, client.ApplyConfigurationFromUnstructured(desired), client.FieldOwner("kustomize-controller"), client.ForceOwnership)).To(Succeed())
}

// externalSecretsReconciles is one reconcile of External Secrets whose refresh is
// due. It reports whether data was written.
func (s *seed) externalSecretsReconciles(ctx context.Context) (wrote bool) {
	GinkgoHelper()
	external := s.live(ctx)
	err := retry.RetryOnConflict(retry.DefaultRetry, func() (err error) {
		wrote, err = s.write(ctx, external)
		return err
	})
	Expect(err).NotTo(HaveOccurred())
	return wrote
}

func (s *seed) write(ctx context.Context, external *unstructured.Unstructured) (bool, error) {
	creation, _, _ := unstructured.NestedString(external.Object, "spec", "target", "creationPolicy")
	refresh, _, _ := unstructured.NestedString(external.Object, "spec", "refreshPolicy")
	_, refreshed, _ := unstructured.NestedString(external.Object, "status", "refreshTime")
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: consumerNamespace, Name: s.name}}
	err := admin.Get(ctx, client.ObjectKeyFromObject(secret), secret)
	if client.IgnoreNotFound(err) != nil {
		return false, err
	}
	exists, owner := !apierrors.IsNotFound(err), metav1.GetControllerOf(secret)
	valid := creation == "Orphan" || secret.Annotations[hashAnnotation] == hashOf(secret.Data)
	switch {
	case refresh == "CreatedOnce" && refreshed && valid:
		return false, s.label(ctx, secret)
	case creation == "Owner" && owner != nil && owner.UID != external.GetUID():
		if err := s.label(ctx, secret); err != nil {
			return false, err
		}
		return false, s.report(ctx, external, metav1.ConditionFalse, "failed to take ownership of target secret")
	}
	s.dress(secret, external, creation)
	if exists {
		err = admin.Update(ctx, secret, s.manager())
	} else {
		err = admin.Create(ctx, secret, s.manager())
	}
	if err != nil {
		return false, err
	}
	return true, s.report(ctx, external, metav1.ConditionTrue, "secret synced")
}

func (s *seed) manager() client.FieldOwner {
	return client.FieldOwner("externalsecrets.external-secrets.io/" + s.name)
}

// dress gives the Secret the provider's value, the ExternalSecret's own labels and
// the marks of ESO. What others put there stays.
func (s *seed) dress(secret *corev1.Secret, external *unstructured.Unstructured, creation string) {
	secret.Data = map[string][]byte{"password": []byte(s.provider)}
	if secret.Labels == nil {
		secret.Labels = map[string]string{}
	}
	if secret.Annotations == nil {
		secret.Annotations = map[string]string{}
	}
	maps.Copy(secret.Labels, external.GetLabels())
	secret.Labels[managedLabel] = "true"
	secret.Annotations[hashAnnotation] = hashOf(secret.Data)
	if creation == "Owner" {
		secret.Labels[createdByLabel] = "5d41402abc4b2a76b9719d911017c592"
		secret.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(external, externalsecret.GroupVersionKind)}
	}
}

// label puts on what ESO puts on any Secret that an ExternalSecret names.
func (s *seed) label(ctx context.Context, secret *corev1.Secret) error {
	patch := fmt.Appendf(nil, `{"metadata":{"labels":{%q:"true"}}}`, managedLabel)
	return admin.Patch(ctx, secret, client.RawPatch(types.MergePatchType, patch), s.manager())
}

func (s *seed) report(ctx context.Context, external *unstructured.Unstructured, status metav1.ConditionStatus, message string) error {
	patch, err := json.Marshal(map[string]any{"status": map[string]any{
		"refreshTime":           time.Now().UTC().Format(time.RFC3339),
		"syncedResourceVersion": fmt.Sprint(external.GetGeneration()),
		"conditions":            []any{map[string]any{"type": "Ready", "status": string(status), "message": message}},
	}})
	if err != nil {
		return err
	}
	return admin.Status().Patch(ctx, external.DeepCopy(), client.RawPatch(types.MergePatchType, patch))
}

// ready is the status of the ExternalSecret's Ready condition.
func (s *seed) ready(ctx context.Context) string {
	GinkgoHelper()
	list, _, err := unstructured.NestedSlice(s.live(ctx).Object, "status", "conditions")
	Expect(err).NotTo(HaveOccurred())
	for _, item := range list {
		if c, ok := item.(map[string]any); ok && c["type"] == "Ready" {
			return fmt.Sprint(c["status"])
		}
	}
	return ""
}

// policies are the live ones.
func (s *seed) policies(ctx context.Context) []string {
	GinkgoHelper()
	spec := s.live(ctx).Object
	creation, _, _ := unstructured.NestedString(spec, "spec", "target", "creationPolicy")
	refresh, _, _ := unstructured.NestedString(spec, "spec", "refreshPolicy")
	return []string{creation, refresh}
}

func hashOf(data map[string][]byte) string {
	sum := fnv.New64a()
	fmt.Fprint(sum, data)
	return fmt.Sprintf("%x", sum.Sum64())
}
