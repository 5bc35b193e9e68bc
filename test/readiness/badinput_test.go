package readiness_test

import (
	"context"
	"strings"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

var _ = Describe("Bad input", func() {
	nothing := func(context.Context, *cluster) {}
	asItIs := func(*v1alpha1.ReadinessGateSpec) {}

	DescribeTable("is refused by the API server", func(ctx SpecContext, field string, edit func(*v1alpha1.ReadinessGateSpec)) {
		Expect(admin.Create(ctx, aGate("network", edit).ReadinessGate)).To(MatchError(ContainSubstring(field)))
	},
		Entry("an unknown provider", "spec.checks.cni.provider", func(s *v1alpha1.ReadinessGateSpec) { s.Checks.CNI.Provider = "Weave" }),
		Entry("quorum 101", "spec.nodes.quorumPercent", func(s *v1alpha1.ReadinessGateSpec) { s.Nodes.QuorumPercent = 101 }),
		Entry("quorum below 1", "spec.nodes.quorumPercent", func(s *v1alpha1.ReadinessGateSpec) { s.Nodes.QuorumPercent = -1 }),
		Entry("an endpoint that is no address", "spec.checks.endpoints[0].tcp", func(s *v1alpha1.ReadinessGateSpec) {
			s.Checks.Endpoints = []v1alpha1.EndpointCheck{{Name: "vault", TCP: "vault"}}
		}),
		Entry("a payload that is too large", "spec.checks.peers.payload", func(s *v1alpha1.ReadinessGateSpec) { s.Checks.Peers.Payload.Set(1 << 20) }),
	)

	// What a client in Go leaves out where it is zero, or can't say.
	DescribeTable("that Go's types have no room for is refused by the API server", func(ctx SpecContext, path string, value any) {
		object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(aGate("network").ReadinessGate)
		Expect(err).NotTo(HaveOccurred())
		gate := &unstructured.Unstructured{Object: object}
		gate.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.ReadinessGateKind))
		Expect(unstructured.SetNestedField(gate.Object, value, strings.Split(path, ".")...)).To(Succeed())
		Expect(admin.Create(ctx, gate)).To(MatchError(ContainSubstring(path)))
	},
		Entry("quorum 0", "spec.nodes.quorumPercent", int64(0)),
		Entry("min 0", "spec.nodes.min", int64(0)),
		Entry("a payload of nothing", "spec.checks.peers.payload", "0"),
		// One gate that can't be decoded would hide all others from the controller.
		Entry("a duration longer than Go's longest", "spec.interval", "9999999h"),
		Entry("one of many short ones", "spec.hysteresis.closeAfter", strings.Repeat("99999h", 30)),
		Entry("a number longer than 32 bits", "spec.nodes.min", int64(1<<40)),
	)

	It("of another name for the ConfigMap is refused: the one under the former name would stay", func(ctx SpecContext) {
		g := newGate(ctx)
		before := g.DeepCopy()
		g.Spec.Publish.ConfigMapName = "network-works"
		Expect(admin.Patch(ctx, g.ReadinessGate, client.MergeFrom(before))).To(MatchError(ContainSubstring("configMapName is immutable: delete the gate and make another one")))
	})

	It("is named at once, all of it, in the report too, and withdraws a verdict", func(ctx SpecContext) {
		newCluster(ctx, 1)
		run(ctx)
		g := newGate(ctx)
		g.expectOpen(ctx)
		g.patch(ctx, func() {
			g.Spec.Interval = metav1.Duration{Duration: 10 * time.Millisecond}
			g.Spec.Checks.Endpoints = []v1alpha1.EndpointCheck{{Name: "vault", TCP: "vault:99999"}}
			g.Spec.Checks.DNS.ExternalNames = []string{"no name"}
		})
		g.expectShut(ctx, "spec.interval is 10ms", "spec.checks.endpoints[0] (vault)", "spec.checks.dns.externalNames[0]")
		Expect(g.report(ctx)).To(And(HaveKeyWithValue("state", v1alpha1.InvalidSpecReason), HaveKeyWithValue("report", HavePrefix("nothing is checked: spec.interval is 10ms"))))
		Expect(g.Status.Nodes.Passing).To(BeZero(), "nobody looks at nodes any more")
	})

	DescribeTable("that only the controller can see is named, and the gate stays shut",
		func(ctx SpecContext, words string, prepare func(context.Context, *cluster), edit func(*v1alpha1.ReadinessGateSpec)) {
			prepare(ctx, newCluster(ctx, 1))
			i := run(ctx)
			g := newGate(ctx, edit)
			g.expectShut(ctx, words)
			asked := i.requests.Load()
			g.expectNeverOpen(ctx)
			Expect(i.requests.Load()).To(BeNumerically("<", asked+80), "no hot loop in three seconds")
		},
		Entry("min above the number of nodes", "1 nodes count, and spec.nodes.min is 3", nothing, func(s *v1alpha1.ReadinessGateSpec) { s.Nodes.Min = 3 }),
		Entry("a port beyond 65535", "spec.checks.endpoints[0] (vault)", nothing, func(s *v1alpha1.ReadinessGateSpec) {
			s.Checks.Endpoints = []v1alpha1.EndpointCheck{{Name: "vault", TCP: "vault:99999"}}
		}),
		Entry("an interval that is too short", "spec.interval is 10ms", nothing, func(s *v1alpha1.ReadinessGateSpec) {
			s.Interval = metav1.Duration{Duration: 10 * time.Millisecond}
		}),
		Entry("a network plugin that is not there", "no DaemonSet of Cilium is there", nothing, func(s *v1alpha1.ReadinessGateSpec) { s.Checks.CNI.Provider = v1alpha1.CNICilium }),
		Entry("no DNS service", "there is no Service kube-system/kube-dns", func(ctx context.Context, c *cluster) {
			remove(ctx, c.slice)
			remove(ctx, c.service)
		}, asItIs),
		Entry("no agents because of a taint", "node n1, agent: no agent's pod is on this node, for it does not tolerate the node's taint gpu=only:NoSchedule", func(ctx context.Context, c *cluster) {
			all := agents.Spec.Template.Spec.Tolerations
			agents.Spec.Template.Spec.Tolerations = nil
			Expect(admin.Update(ctx, agents)).To(Succeed())
			DeferCleanup(func(ctx SpecContext) {
				agents.Spec.Template.Spec.Tolerations = all
				Expect(admin.Update(ctx, agents)).To(Succeed())
			})
			node := c.nodes["n1"].object
			before := client.MergeFrom(node.DeepCopy())
			node.Spec.Taints = []corev1.Taint{{Key: "gpu", Value: "only", Effect: corev1.TaintEffectNoSchedule}}
			Expect(admin.Patch(ctx, node, before)).To(Succeed())
			remove(ctx, c.nodes["n1"].agentPod)
		}, asItIs),
	)

	DescribeTable("of two gates with one ConfigMap stalls the younger one alone", func(ctx SpecContext, published, shared string) {
		newCluster(ctx, 1)
		run(ctx)
		first := newGate(ctx)
		first.expectOpen(ctx)
		second := aGate("second", func(s *v1alpha1.ReadinessGateSpec) { s.Publish.ConfigMapName = published })
		Expect(admin.Create(ctx, second.ReadinessGate)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { remove(ctx, second.ReadinessGate) })
		Eventually(func() string { return second.ready(ctx).Message }).Should(ContainSubstring("ReadinessGate flux-system/network publishes ConfigMap " + shared + " too"))
		Expect(apimeta.IsStatusConditionTrue(second.Status.Conditions, meta.StalledCondition)).To(BeTrue())
		first.expectStaysOpen(ctx)
	},
		Entry("for their verdicts", "network-ready", "network-ready"),
		Entry("for the verdict of the one and the report of the other", "network-ready-report", "network-ready-report"),
	)

	It("that keeps a gate shut for longer than maxWait is said to be Stalled, and heals", func(ctx SpecContext) {
		c := newCluster(ctx, 1)
		remove(ctx, c.nodes["n1"].flannel)
		run(ctx)
		g := newGate(ctx, func(s *v1alpha1.ReadinessGateSpec) { s.MaxWait = seconds(2) })
		g.expectShut(ctx, "spec.maxWait", "node n1, cni:")
		Expect(apimeta.IsStatusConditionTrue(g.Status.Conditions, meta.StalledCondition)).To(BeTrue())
		c.startFlannel(ctx, "n1")
		g.expectOpen(ctx)
	})
})
