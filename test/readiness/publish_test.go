package readiness_test

import (
	"context"
	"net/http"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/readiness/render"
)

var _ = Describe("The verdict", func() {
	It("comes back at once when somebody deletes it, and is put right when somebody edits it", func(ctx SpecContext) {
		newCluster(ctx, 1)
		run(ctx)
		g := newGate(ctx, func(s *v1alpha1.ReadinessGateSpec) {
			s.Interval = seconds(60)
			s.Hysteresis.OpenAfter = 1
			s.Nodes.SettleFor = seconds(0)
		})
		g.expectOpen(ctx)
		first := g.verdict(ctx)
		Expect(admin.Delete(ctx, first)).To(Succeed())
		Eventually(func() error { return g.exists(ctx, "") }).WithTimeout(5 * time.Second).Should(Succeed())
		Expect(g.verdict(ctx).Data).To(Equal(first.Data))

		edited := g.verdict(ctx)
		edited.Data["ready"] = "false"
		delete(edited.Labels, "reconcile.fluxcd.io/watch")
		Expect(admin.Update(ctx, edited)).To(Succeed())
		Eventually(func() map[string]string { return g.verdict(ctx).Data }).WithTimeout(5 * time.Second).Should(Equal(first.Data))
		Expect(g.verdict(ctx).Labels).To(Equal(first.Labels))
	})

	DescribeTable("is not written over what is not the gate's", func(ctx SpecContext, labels map[string]string) {
		newCluster(ctx, 1)
		g := aGate("network")
		foreign := g.configMap("")
		foreign.Labels, foreign.Data = labels, map[string]string{"mine": "yes"}
		create(ctx, foreign)
		i := run(ctx)
		createGate(ctx, g)
		Eventually(func() string { return g.ready(ctx).Message }).Should(ContainSubstring("ConfigMap flux-system/network-ready is not this gate's"))
		Expect(g.ready(ctx).Reason).To(Equal(v1alpha1.ConflictReason))
		asked := i.requests.Load()
		Consistently(func(e Gomega) {
			cm := g.verdict(ctx)
			e.Expect(cm.ResourceVersion).To(Equal(foreign.ResourceVersion))
			e.Expect(i.requests.Load()).To(BeNumerically("<", asked+20), "no hot loop")
		}).Should(Succeed())
	},
		Entry("a ConfigMap of somebody's", map[string]string(nil)),
		Entry("one that Flux applies", map[string]string{"kustomize.toolkit.fluxcd.io/name": "network", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}),
	)

	It("is not given by a heartbeat in somebody else's Lease", func(ctx SpecContext) {
		newCluster(ctx, 1)
		holder := "somebody"
		foreign := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: gateNamespace, Name: "network-ready"}, Spec: coordinationv1.LeaseSpec{HolderIdentity: &holder}}
		create(ctx, foreign)
		run(ctx)
		g := newGate(ctx)
		g.expectShut(ctx, "Lease flux-system/network-ready is not this gate's")
		Expect(g.lease(ctx).ResourceVersion).To(Equal(foreign.ResourceVersion))
	})

	It("names the spec by which the network was proven, not the one that is yet to be", func(ctx SpecContext) {
		newCluster(ctx, 1)
		run(ctx)
		g := newGate(ctx, func(s *v1alpha1.ReadinessGateSpec) { s.Hysteresis.CloseAfter = seconds(60) })
		g.expectOpen(ctx)
		before := g.verdict(ctx)
		g.patch(ctx, func() { g.Spec.Nodes.Min = 5 })
		Eventually(func() string { return g.ready(ctx).Reason }).Should(Equal(v1alpha1.GateFailingReason))
		Expect(g.verdict(ctx).Data).To(Equal(before.Data))
		g.patch(ctx, func() { g.Spec.Nodes.Min = 1 })
		Eventually(func() string { return g.verdict(ctx).Data["generation"] }).Should(Equal("3"))
	})

	It("is withdrawn after closeAfter, however often the controller starts anew meanwhile", func(ctx SpecContext) {
		c := newCluster(ctx, 1)
		i := run(ctx)
		g := newGate(ctx, func(s *v1alpha1.ReadinessGateSpec) { s.Hysteresis.CloseAfter = seconds(8) })
		g.expectOpen(ctx)
		c.nodes["n1"].agent.stop()
		Eventually(func() *metav1.Time { g.ready(ctx); return g.Status.FailingSince }).ShouldNot(BeNil())
		began := g.Status.FailingSince.Time
		for g.exists(ctx, "") == nil {
			Expect(time.Since(began)).To(BeNumerically("<", 14*time.Second), "it would stay for ever")
			i.stop()
			i = run(ctx)
			beat := g.lease(ctx).Spec.RenewTime.Time
			Eventually(func() bool { return g.exists(ctx, "") != nil || g.lease(ctx).Spec.RenewTime.After(beat) }).Should(BeTrue())
		}
		g.expectShut(ctx, "node n1, agent:")
		Expect(g.Status.FailingSince).To(BeNil())
	})

	// before makes a gate with the verdict of a controller before, in a cluster that
	// proves nothing anew.
	before := func(ctx context.Context, mode v1alpha1.GateMode, uid string, beat *metav1.MicroTime) gate {
		GinkgoHelper()
		newCluster(ctx, 1).nodes["n1"].agent.stop()
		g := aGate("network", func(s *v1alpha1.ReadinessGateSpec) { s.Mode = mode })
		createGate(ctx, g)
		verdict := g.configMap("")
		verdict.OwnerReferences = render.OwnedBy(g.ReadinessGate)
		verdict.Labels = map[string]string{v1alpha1.ManagedByLabel: "readiness-gate"}
		verdict.Data = map[string]string{"ready": "true", "cluster_uid": uid, "since": time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), "generation": "1"}
		Expect(admin.Create(ctx, verdict)).To(Succeed())
		create(ctx, &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Namespace: g.Namespace, Name: verdict.Name, OwnerReferences: verdict.OwnerReferences},
			Spec:       coordinationv1.LeaseSpec{RenewTime: beat},
		})
		return g
	}
	longAgo := func() *metav1.MicroTime { t := metav1.NewMicroTime(time.Now().Add(-time.Hour)); return &t }

	DescribeTable("of before is withdrawn before a controller calls itself ready, if it is stale",
		func(ctx SpecContext, mode v1alpha1.GateMode, uid func() string, beat func() *metav1.MicroTime) {
			g := before(ctx, mode, uid(), beat())
			i := run(ctx)
			Eventually(i.ready).Should(Equal(http.StatusOK))
			Expect(g.exists(ctx, "")).NotTo(Succeed(), "ready, and the stale verdict is still there")
			g.expectNeverOpen(ctx)
		},
		Entry("its heartbeat is old", v1alpha1.GateContinuous, clusterUID, longAgo),
		Entry("its heartbeat is of a clock that was wrong", v1alpha1.GateContinuous, clusterUID, func() *metav1.MicroTime { t := metav1.NewMicroTime(time.Now().Add(time.Hour)); return &t }),
		Entry("it is another cluster's", v1alpha1.GateContinuous, anotherUID, func() *metav1.MicroTime { t := metav1.NowMicro(); return &t }),
		Entry("it is another cluster's, and latched", v1alpha1.GateLatch, anotherUID, func() *metav1.MicroTime { t := metav1.NowMicro(); return &t }),
		Entry("it never had a heartbeat", v1alpha1.GateContinuous, clusterUID, func() *metav1.MicroTime { return nil }),
	)

	It("of before stays if it is latched, however long no controller was there", func(ctx SpecContext) {
		g := before(ctx, v1alpha1.GateLatch, clusterUID(), longAgo())
		verdict := g.verdict(ctx)
		i := run(ctx)
		Eventually(i.ready).Should(Equal(http.StatusOK))
		Eventually(func() string { return g.ready(ctx).Message }).Should(ContainSubstring("open for good"))
		Expect(g.verdict(ctx).UID).To(Equal(verdict.UID))
		g.expectStaysOpen(ctx)
	})

	DescribeTable("outlives a change of the leader", func(ctx SpecContext, leave func(leader *instance)) {
		newCluster(ctx, 1)
		first := run(ctx, elected)
		g := newGate(ctx)
		g.expectOpen(ctx)
		verdict := g.verdict(ctx)
		second := run(ctx, elected)
		Eventually(second.ready).Should(Equal(http.StatusOK), "a standby is ready too")
		leave(first)
		beat := g.lease(ctx).Spec.RenewTime.Time
		Eventually(func() bool { return g.lease(ctx).Spec.RenewTime.After(beat.Add(2 * time.Second)) }).Should(BeTrue())
		Expect(g.verdict(ctx).UID).To(Equal(verdict.UID))
		Expect(g.verdict(ctx).ResourceVersion).To(Equal(verdict.ResourceVersion))
	},
		Entry("that stops", func(leader *instance) { leader.stop() }),
		Entry("that no longer reaches the API server", func(leader *instance) { leader.cut.Store(true) }),
	)

	It("is the same after a crash between any two writes", func(ctx SpecContext) {
		newCluster(ctx, 1)
		for n := int64(1); n <= 6; n++ {
			dying := run(ctx, func(s *settings) { s.cutAt = n })
			g := aGate("network")
			createGate(ctx, g)
			Eventually(dying.cut.Load).Should(BeTrue())
			dying.stop()
			next := run(ctx)
			g.expectOpen(ctx)
			g.expectStaysOpen(ctx)
			next.stop()
			Expect(admin.Delete(ctx, g.ReadinessGate)).To(Succeed())
			for _, suffix := range []string{"", "-report"} {
				Eventually(func() error { return g.exists(ctx, suffix) }).ShouldNot(Succeed())
			}
			Eventually(func() error {
				return admin.Get(ctx, client.ObjectKeyFromObject(g.configMap("")), &coordinationv1.Lease{})
			}).ShouldNot(Succeed())
		}
	})

	It("stays as it is while the gate is suspended, whatever the network does", func(ctx SpecContext) {
		c := newCluster(ctx, 1)
		first := run(ctx)
		g := newGate(ctx)
		g.expectOpen(ctx)
		g.patch(ctx, func() { g.Spec.Suspend = true })
		c.nodes["n1"].agent.stop()
		Eventually(func() time.Duration { return time.Since(g.lease(ctx).Spec.RenewTime.Time) }).Should(BeNumerically(">", 2*time.Second))
		g.expectStaysOpen(ctx)
		first.stop()

		lease := g.lease(ctx)
		old := metav1.NewMicroTime(time.Now().Add(-time.Hour))
		lease.Spec.RenewTime = &old
		Expect(admin.Update(ctx, lease)).To(Succeed())
		second := run(ctx)
		Eventually(second.ready).Should(Equal(http.StatusOK), "a suspended gate keeps no controller from being ready")
		g.expectStaysOpen(ctx)
		g.patch(ctx, func() { g.Spec.Suspend = false })
		g.expectShut(ctx)
	})

	It("is judged at once when somebody asks for it", func(ctx SpecContext) {
		c := newCluster(ctx, 1)
		remove(ctx, c.nodes["n1"].flannel)
		run(ctx)
		g := newGate(ctx, func(s *v1alpha1.ReadinessGateSpec) {
			s.Interval = seconds(300)
			s.Hysteresis.OpenAfter = 1
			s.Nodes.SettleFor = seconds(0)
		})
		g.expectShut(ctx, "node n1, cni:")
		c.startFlannel(ctx, "n1")
		g.expectNeverOpen(ctx)
		g.patch(ctx, func() { g.Annotations = map[string]string{meta.ReconcileRequestAnnotation: "now"} })
		g.expectOpen(ctx)
		Expect(g.Status.LastHandledReconcileAt).To(Equal("now"))
	})
})

func anotherUID() string { return "another" }

func clusterUID() string {
	GinkgoHelper()
	ns := &corev1.Namespace{}
	Expect(admin.Get(GinkgoT().Context(), types.NamespacedName{Name: metav1.NamespaceSystem}, ns)).To(Succeed())
	return string(ns.UID)
}
