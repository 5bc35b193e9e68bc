package secretsync_test

import (
	"context"

	"github.com/fluxcd/pkg/apis/meta"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/test/operator"
)

// newCluster returns a cluster named tazlab-db that is gone, with its roles, when
// the spec ends.
func newCluster(users ...string) *operator.Cluster {
	c := played.Cluster(databaseNamespace, "tazlab-db", users...)
	DeferCleanup(func(ctx context.Context) {
		Expect(c.Delete(ctx)).To(Succeed())
		for _, user := range users {
			Eventually(func() bool { _, err := c.Secret(ctx, user); return client.IgnoreNotFound(err) == nil && err != nil }).Should(BeTrue())
			Expect(database.DropRole(ctx, user)).To(Succeed())
		}
		Eventually(func() error {
			return admin.Get(ctx, client.ObjectKey{Namespace: databaseNamespace, Name: "tazlab-db-cluster-cert"}, &corev1.Secret{})
		}).ShouldNot(Succeed())
	})
	return c
}

// anExport exports a user's Secret to the consumers' namespace.
func anExport(user string, edits ...func(*v1alpha1.SecretExport)) *v1alpha1.SecretExport {
	export := &v1alpha1.SecretExport{
		ObjectMeta: metav1.ObjectMeta{Namespace: databaseNamespace, Name: user},
		Spec: v1alpha1.SecretExportSpec{
			Source: v1alpha1.ExportSource{PostgresUser: &v1alpha1.PostgresUserSource{Cluster: "tazlab-db", User: user}},
			To:     []v1alpha1.ExportDestination{{Namespace: consumerNamespace}},
		},
	}
	for _, edit := range edits {
		edit(export)
	}
	return export
}

// anImport imports the export of that name.
func anImport(name string, edits ...func(*v1alpha1.SecretImport)) *v1alpha1.SecretImport {
	imp := &v1alpha1.SecretImport{
		ObjectMeta: metav1.ObjectMeta{Namespace: consumerNamespace, Name: name},
		Spec:       v1alpha1.SecretImportSpec{From: v1alpha1.ExportReference{Namespace: databaseNamespace, Name: name}},
	}
	for _, edit := range edits {
		edit(imp)
	}
	return imp
}

// create creates the objects and deletes them, and waits for that, when the spec ends.
func create(ctx context.Context, objects ...client.Object) {
	GinkgoHelper()
	for _, obj := range objects {
		Expect(admin.Create(ctx, obj)).To(Succeed())
		DeferCleanup(func(ctx context.Context) { remove(ctx, obj) })
	}
}

func remove(ctx context.Context, obj client.Object) {
	GinkgoHelper()
	Expect(client.IgnoreNotFound(admin.Delete(ctx, obj, client.PropagationPolicy(metav1.DeletePropagationForeground)))).To(Succeed())
	Eventually(func() error { return admin.Get(ctx, client.ObjectKeyFromObject(obj), obj) }).ShouldNot(Succeed())
}

// condition returns a function that reads a condition of the live object.
func condition(ctx context.Context, obj interface {
	client.Object
	GetConditions() []metav1.Condition
}, kind string) func(Gomega) metav1.Condition {
	return func(g Gomega) metav1.Condition {
		g.Expect(admin.Get(ctx, client.ObjectKeyFromObject(obj), obj)).To(Succeed())
		for _, c := range obj.GetConditions() {
			if c.Type == kind {
				return c
			}
		}
		return metav1.Condition{}
	}
}

// ready returns a function that reads the Ready condition.
func ready(ctx context.Context, obj interface {
	client.Object
	GetConditions() []metav1.Condition
}) func(Gomega) metav1.Condition {
	return condition(ctx, obj, meta.ReadyCondition)
}

// haveReason matches a condition by status and reason.
func haveReason(status metav1.ConditionStatus, reason string) types.GomegaMatcher {
	return And(HaveField("Status", status), HaveField("Reason", reason))
}

// mirrorOf returns a function that reads the Secret of that name in the consumers'
// namespace.
func mirrorOf(ctx context.Context, name string) func() (map[string]string, error) {
	return func() (map[string]string, error) {
		secret := &corev1.Secret{}
		err := admin.Get(ctx, client.ObjectKey{Namespace: consumerNamespace, Name: name}, secret)
		out := map[string]string{}
		for key, value := range secret.Data {
			out[key] = string(value)
		}
		return out, err
	}
}
