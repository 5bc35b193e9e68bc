package reconciler

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

var _ = Describe("What is known of a gate", func() {
	It("is not that of a gate of the same name that was there before", func(ctx SpecContext) {
		cluster := fake.NewClientBuilder().WithObjects(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: metav1.NamespaceSystem, UID: "cluster-1"}}).Build()
		r := &Reconciler{Client: cluster, Live: cluster, Clock: clocktesting.NewFakePassiveClock(start)}
		gate := &v1alpha1.ReadinessGate{ObjectMeta: metav1.ObjectMeta{Namespace: "flux-system", Name: "network", UID: "first"}}
		gate.Spec.Publish.ConfigMapName = "network-ready"
		first, err := r.recall(ctx, gate)
		Expect(err).NotTo(HaveOccurred())
		first.state.Open = true
		Expect(r.recall(ctx, gate)).To(BeIdenticalTo(first))

		gate.UID = "second"
		second, err := r.recall(ctx, gate)
		Expect(err).NotTo(HaveOccurred())
		Expect(second.state.Open).To(BeFalse())
	})
})
