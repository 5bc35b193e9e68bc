package importer

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/grants"
	"github.com/tazzo/rebirth/internal/secretsync/informers"
	"github.com/tazzo/rebirth/internal/secretsync/mirror"
)

var _ = Describe("A mirror that is to be deleted, for the caches show no consent", func() {
	now := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	withdrawn := &v1alpha1.SecretImport{
		ObjectMeta: metav1.ObjectMeta{Namespace: "monitoring", Name: "grafana", UID: "import"},
		Spec:       v1alpha1.SecretImportSpec{From: v1alpha1.ExportReference{Namespace: "db", Name: "grafana"}},
		Status: v1alpha1.SecretImportStatus{
			Source: &v1alpha1.ImportSourceStatus{Export: "db/grafana", NamespaceUID: "db", OnRevoke: v1alpha1.RevokeDelete},
			Target: &v1alpha1.ImportTargetStatus{Name: "mirror", ResourceVersion: "1", Generation: 1},
			Conditions: []metav1.Condition{{
				Type: v1alpha1.AllowedCondition, Status: metav1.ConditionFalse, Reason: v1alpha1.RevokedReason,
				LastTransitionTime: metav1.NewTime(now.Add(-time.Minute)),
			}},
		},
	}
	export := &v1alpha1.SecretExport{
		ObjectMeta: metav1.ObjectMeta{Namespace: "db", Name: "grafana"},
		Spec: v1alpha1.SecretExportSpec{
			Source: v1alpha1.ExportSource{Secret: &v1alpha1.SecretSource{Name: "mirror"}},
			To:     []v1alpha1.ExportDestination{{Namespace: "monitoring"}},
		},
	}
	namespace := func(uid types.UID) *corev1.Namespace {
		return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "db", UID: uid}}
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "monitoring", Name: "mirror", OwnerReferences: []metav1.OwnerReference{
		*metav1.NewControllerRef(withdrawn, v1alpha1.GroupVersion.WithKind(v1alpha1.SecretImportKind)),
	}}}

	DescribeTable("is deleted only if the API server says the same",
		func(deleted bool, live ...client.Object) {
			scheme := runtime.NewScheme()
			Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
			Expect(corev1.AddToScheme(scheme)).To(Succeed())
			granted, err := grants.Parse(nil, []string{"monitoring"})
			Expect(err).NotTo(HaveOccurred())
			r := &Reconciler{
				Client: fake.NewClientBuilder().WithScheme(scheme).WithObjects(namespace("db")).
					WithIndex(&v1alpha1.SecretImport{}, targetIndex, targets).Build(),
				Live:    fake.NewClientBuilder().WithScheme(scheme).WithObjects(append(live, secret.DeepCopy())...).Build(),
				Secrets: &informers.Set{}, Grants: granted, Clock: clocktesting.NewFakePassiveClock(now),
			}
			facts, err := r.observe(context.Background(), withdrawn.DeepCopy())
			Expect(err).NotTo(HaveOccurred())
			plan := mirror.Decide(facts)
			Expect(plan.Action == mirror.Delete).To(Equal(deleted))
			Expect(plan.Forget).To(Equal(deleted))
		},
		Entry("it does", true, namespace("db")),
		Entry("the export is there", false, namespace("db"), export),
		Entry("its namespace is another one", false, namespace("reborn")),
		Entry("its namespace is gone", false),
	)
})

var _ = Describe("The status of a mirror", func() {
	It("names what was written, also for another export than before", func() {
		imp := &v1alpha1.SecretImport{
			Spec: v1alpha1.SecretImportSpec{From: v1alpha1.ExportReference{Namespace: "db", Name: "second"}},
			Status: v1alpha1.SecretImportStatus{
				Source: &v1alpha1.ImportSourceStatus{Export: "db/first"},
				Target: &v1alpha1.ImportTargetStatus{Name: "first", Generation: 1},
			},
		}
		f := mirror.Facts{Import: imp, Export: &v1alpha1.SecretExport{
			ObjectMeta: metav1.ObjectMeta{Namespace: "db", Name: "second"},
			Spec:       v1alpha1.SecretExportSpec{Source: v1alpha1.ExportSource{Secret: &v1alpha1.SecretSource{Name: "second"}}},
		}}
		after, plan := imp.DeepCopy(), mirror.Plan{InOrder: true}
		setSource(after, f, plan)
		setTarget(after, f, plan, applied{version: "2", wrote: true})
		Expect(after.Status.Target.Name).To(Equal("second"))
		Expect(after.Status.Source.Export).To(Equal("db/second"))
	})
})
