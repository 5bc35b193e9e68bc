package reconciler

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/readiness/render"
)

var _ = Describe("What is published", func() {
	const interval = 10 * time.Second
	gateOf := func(uid string) *v1alpha1.ReadinessGate {
		gate := &v1alpha1.ReadinessGate{ObjectMeta: metav1.ObjectMeta{Namespace: "flux-system", Name: "network"}}
		gate.UID = types.UID(uid)
		gate.Spec.Interval.Duration = interval
		return gate
	}
	verdictOf := func(gate *v1alpha1.ReadinessGate) *corev1.ConfigMap {
		return render.Verdict(gate, 1, "cluster-1", start)
	}

	DescribeTable("is written when it is not what it should be", func(edit func(live *corev1.ConfigMap)) {
		gate := gateOf("now")
		live := verdictOf(gate)
		Expect(upToDate(live, verdictOf(gate))).To(BeTrue())
		edit(live)
		Expect(upToDate(live, verdictOf(gate))).To(BeFalse())
	},
		Entry("in its data", func(live *corev1.ConfigMap) { live.Data["ready"] = "false" }),
		Entry("in the label by which Flux watches it", func(live *corev1.ConfigMap) { delete(live.Labels, render.WatchLabel) }),
		Entry("in its owner, a gate of the same name before, with which it would go", func(live *corev1.ConfigMap) { live.OwnerReferences = render.OwnedBy(gateOf("before")) }),
	)

	DescribeTable("has a heartbeat", func(owner string, age time.Duration, lately bool) {
		renewed := metav1.NewMicroTime(start.Add(-age))
		lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{OwnerReferences: render.OwnedBy(gateOf(owner))}}
		lease.Spec.RenewTime = &renewed
		Expect(beatLately(gateOf("now"), lease, start)).To(Equal(lately))
	},
		Entry("that is left alone when it is new", "now", interval/4, true),
		Entry("that is renewed in time", "now", interval/2, false),
		Entry("that is renewed when it is of the future", "now", -interval, false),
		Entry("that is renewed at once when it is a gate's of the same name before", "before", interval/4, false),
	)
})
