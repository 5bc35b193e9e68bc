package secretsync_test

import (
	"context"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"
	"github.com/fluxcd/pkg/runtime/conditions/check"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

// What Flux waits for is decided by kstatus: its own code judges here.
var _ = Describe("Flux, which waits for exports and imports", func() {
	It("goes on waiting for one that no controller has seen yet", func(ctx context.Context) {
		export, imp := anExport("grafana"), anImport("grafana")
		create(ctx, export, imp)
		Expect(kstatusOf(ctx, export)(Default)).To(Equal(status.InProgressStatus))
		Expect(kstatusOf(ctx, imp)(Default)).To(Equal(status.InProgressStatus))
	})

	It("sees waiting, ready, an edit and stalled for what they are", func(ctx context.Context) {
		run(ctx, settings{})
		g := grafana{cluster: newCluster("grafana"), export: anExport("grafana"), imp: anImport("grafana")}
		create(ctx, g.export, g.imp)
		Eventually(ready(ctx, g.export)).Should(haveReason(metav1.ConditionFalse, v1alpha1.ClusterMissingReason))
		Eventually(ready(ctx, g.imp)).Should(haveReason(metav1.ConditionFalse, v1alpha1.ExportNotReadyReason))
		expectKstatus(ctx, status.InProgressStatus, g.export, g.imp)

		Expect(g.cluster.Create(ctx, false)).To(Succeed())
		Expect(g.cluster.Initdb(ctx)).To(Succeed())
		g.expectMirrored(ctx)
		expectKstatus(ctx, status.CurrentStatus, g.export, g.imp)

		By("edits that can't be served")
		update(ctx, g.export, func(e *v1alpha1.SecretExport) { e.Spec.Source.PostgresUser.User = "nobody" })
		update(ctx, g.imp, func(i *v1alpha1.SecretImport) { i.Spec.From.Name = "nobody" })
		Eventually(kstatusOf(ctx, g.export)).Should(Equal(status.FailedStatus))
		Eventually(kstatusOf(ctx, g.imp)).Should(Equal(status.FailedStatus))
		expectKstatus(ctx, status.FailedStatus, g.export, g.imp)

		By("a controller that is suspended, so that an edit is not seen")
		update(ctx, g.imp, func(i *v1alpha1.SecretImport) { i.Spec.Suspend = true })
		Expect(kstatusOf(ctx, g.imp)(Default)).To(Equal(status.InProgressStatus))
	})
})

// expectKstatus holds the objects against kstatus and against Flux' own rules for
// conditions.
func expectKstatus(ctx context.Context, want status.Status, objects ...conditions.Getter) {
	GinkgoHelper()
	checker := check.NewChecker(admin, &check.Conditions{NegativePolarity: []string{meta.StalledCondition, meta.ReconcilingCondition}})
	for _, obj := range objects {
		Expect(kstatusOf(ctx, obj)(Default)).To(Equal(want))
		failure, warning := checker.Check(ctx, obj)
		Expect(failure).NotTo(HaveOccurred())
		Expect(warning).NotTo(HaveOccurred())
	}
}

func kstatusOf(ctx context.Context, obj client.Object) func(Gomega) status.Status {
	return func(g Gomega) status.Status {
		kind, err := apiutil.GVKForObject(obj, scheme)
		g.Expect(err).NotTo(HaveOccurred())
		live := &unstructured.Unstructured{}
		live.SetGroupVersionKind(kind)
		g.Expect(admin.Get(ctx, client.ObjectKeyFromObject(obj), live)).To(Succeed())
		result, err := status.Compute(live)
		g.Expect(err).NotTo(HaveOccurred())
		return result.Status
	}
}
