package readiness_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

// gate is a ReadinessGate, and what it publishes.
type gate struct{ *v1alpha1.ReadinessGate }

// newGate creates a quick gate named network; what it published is gone, too, when
// the spec ends.
func newGate(ctx context.Context, edits ...func(*v1alpha1.ReadinessGateSpec)) gate {
	GinkgoHelper()
	g := aGate("network", edits...)
	createGate(ctx, g)
	return g
}

func aGate(name string, edits ...func(*v1alpha1.ReadinessGateSpec)) gate {
	g := gate{&v1alpha1.ReadinessGate{ObjectMeta: metav1.ObjectMeta{Namespace: gateNamespace, Name: name}}}
	s := &g.Spec
	s.Publish.ConfigMapName = "network-ready"
	s.Interval = seconds(1)
	s.Nodes.SettleFor, s.Nodes.NewNodeGrace, s.Nodes.NotReadyGrace = seconds(1), seconds(2), seconds(2)
	s.Hysteresis = v1alpha1.GateHysteresis{OpenAfter: 2, CloseAfter: seconds(2)}
	s.MaxWait = metav1.Duration{Duration: 20 * time.Minute}
	for _, edit := range edits {
		edit(s)
	}
	return g
}

func createGate(ctx context.Context, g gate) {
	GinkgoHelper()
	Expect(admin.Create(ctx, g.ReadinessGate)).To(Succeed())
	DeferCleanup(func(ctx context.Context) {
		Expect(client.IgnoreNotFound(admin.Delete(ctx, g.ReadinessGate, client.PropagationPolicy(metav1.DeletePropagationForeground)))).To(Succeed())
		Eventually(func() error { return admin.Get(ctx, client.ObjectKeyFromObject(g), &v1alpha1.ReadinessGate{}) }).ShouldNot(Succeed())
		Expect(client.IgnoreNotFound(admin.Delete(ctx, g.configMap("")))).To(Succeed())
		Eventually(func() error { return g.exists(ctx, "") }).ShouldNot(Succeed())
	})
}

func seconds(n int) metav1.Duration { return metav1.Duration{Duration: time.Duration(n) * time.Second} }

func (g gate) configMap(suffix string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: g.Namespace, Name: g.Spec.Publish.ConfigMapName + suffix}}
}

// exists is nil if the ConfigMap does.
func (g gate) exists(ctx context.Context, suffix string) error {
	cm := g.configMap(suffix)
	return admin.Get(ctx, client.ObjectKeyFromObject(cm), cm)
}

func (g gate) verdict(ctx context.Context) *corev1.ConfigMap {
	GinkgoHelper()
	cm := g.configMap("")
	Expect(admin.Get(ctx, client.ObjectKeyFromObject(cm), cm)).To(Succeed())
	return cm
}

func (g gate) lease(ctx context.Context) *coordinationv1.Lease {
	GinkgoHelper()
	lease := &coordinationv1.Lease{}
	Expect(admin.Get(ctx, client.ObjectKeyFromObject(g.configMap("")), lease)).To(Succeed())
	return lease
}

// ready reads the gate anew and returns its condition Ready.
func (g gate) ready(ctx context.Context) metav1.Condition {
	GinkgoHelper()
	Expect(admin.Get(ctx, client.ObjectKeyFromObject(g), g.ReadinessGate)).To(Succeed())
	if c := meta.FindStatusCondition(g.Status.Conditions, "Ready"); c != nil {
		return *c
	}
	return metav1.Condition{}
}

func (g gate) report(ctx context.Context) map[string]string {
	cm := g.configMap("-report")
	if admin.Get(ctx, client.ObjectKeyFromObject(cm), cm) != nil {
		return nil
	}
	return cm.Data
}

func (g gate) expectOpen(ctx context.Context) {
	GinkgoHelper()
	Eventually(func(e Gomega) {
		c := g.ready(ctx)
		e.Expect(c.Status).To(Equal(metav1.ConditionTrue), "%s", c.Message)
		e.Expect(g.exists(ctx, "")).To(Succeed())
	}).Should(Succeed())
}

// expectShut expects the gate to be shut, and to say these words.
func (g gate) expectShut(ctx context.Context, words ...string) {
	GinkgoHelper()
	Eventually(func(e Gomega) {
		c := g.ready(ctx)
		e.Expect(c.Status).To(Equal(metav1.ConditionFalse), "%s", c.Message)
		for _, word := range words {
			e.Expect(c.Message).To(ContainSubstring(word))
		}
		e.Expect(g.exists(ctx, "")).NotTo(Succeed(), "the verdict must be withdrawn")
	}).Should(Succeed())
}

// expectNeverOpen expects the gate to stay shut.
func (g gate) expectNeverOpen(ctx context.Context) {
	GinkgoHelper()
	Consistently(func() error { return g.exists(ctx, "") }).ShouldNot(Succeed())
}

// expectStaysOpen expects that very verdict to stay.
func (g gate) expectStaysOpen(ctx context.Context) {
	GinkgoHelper()
	before := g.verdict(ctx)
	Consistently(func(e Gomega) {
		cm := g.configMap("")
		e.Expect(admin.Get(ctx, client.ObjectKeyFromObject(cm), cm)).To(Succeed())
		e.Expect(cm.UID).To(Equal(before.UID))
		e.Expect(cm.ResourceVersion).To(Equal(before.ResourceVersion))
	}).Should(Succeed())
}

// patch changes the gate.
func (g gate) patch(ctx context.Context, change func()) {
	GinkgoHelper()
	g.ready(ctx)
	before := g.DeepCopy()
	change()
	Expect(admin.Patch(ctx, g.ReadinessGate, client.MergeFrom(before))).To(Succeed())
}
