//go:build e2e

package e2e

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

var (
	kustomizationKind   = schema.GroupVersionKind{Group: "kustomize.toolkit.fluxcd.io", Version: "v1", Kind: "Kustomization"}
	postgresClusterKind = schema.GroupVersionKind{Group: "postgres-operator.crunchydata.com", Version: "v1beta1", Kind: "PostgresCluster"}
	externalSecretKind  = schema.GroupVersionKind{Group: "external-secrets.io", Version: "v1", Kind: "ExternalSecret"}
)

func key(namespace, name string) client.ObjectKey {
	return client.ObjectKey{Namespace: namespace, Name: name}
}

// read returns the object; it fails the assertion that asks if there is none.
func read[T client.Object](ctx context.Context, g Gomega, object T, at client.ObjectKey) T {
	GinkgoHelper()
	g.Expect(world.Client.Get(ctx, at, object)).To(Succeed())
	return object
}

// absent tells whether there is no such object.
func absent(ctx context.Context, object client.Object, at client.ObjectKey) bool {
	return client.IgnoreNotFound(world.Client.Get(ctx, at, object)) == nil && object.GetUID() == ""
}

// conditions of an object whose types are not this module's.
func conditions(ctx context.Context, g Gomega, kind schema.GroupVersionKind, at client.ObjectKey) []metav1.Condition {
	GinkgoHelper()
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kind)
	read(ctx, g, object, at)
	var status struct {
		Status struct {
			Conditions []metav1.Condition `json:"conditions"`
		} `json:"status"`
	}
	g.Expect(runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &status)).To(Succeed())
	return status.Status.Conditions
}

// expectReady waits until Flux calls its Kustomizations ready.
func expectReady(ctx context.Context, kustomizations ...string) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		for _, name := range kustomizations {
			ready := meta.FindStatusCondition(conditions(ctx, g, kustomizationKind, key("flux-system", name)), "Ready")
			g.Expect(ready).NotTo(BeNil(), name)
			g.Expect(ready.Status).To(Equal(metav1.ConditionTrue), "%s: %s", name, ready.Message)
		}
	}).WithTimeout(patience).Should(Succeed())
}

func getGate(ctx context.Context, g Gomega) *v1alpha1.ReadinessGate {
	GinkgoHelper()
	return read(ctx, g, &v1alpha1.ReadinessGate{}, key("flux-system", "network"))
}

// expectShut waits until the gate is shut, and names the node (or "" for the cluster)
// and one of the checks.
func expectShut(ctx context.Context, node string, checks ...string) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		gate := getGate(ctx, g)
		g.Expect(gate.Status.Open).To(BeFalse())
		g.Expect(gate.Status.Failing).To(ContainElement(SatisfyAll(
			HaveField("Node", node), HaveField("Check", BeElementOf(checks)))), "%v", gate.Status.Failing)
		g.Expect(absent(ctx, &corev1.ConfigMap{}, key("flux-system", "network-ready"))).To(BeTrue(), "the verdict is withdrawn")
	}).WithTimeout(patience).Should(Succeed())
}

// expectOnlyFailing waits until the gate is shut for that node alone: all others pass.
func expectOnlyFailing(ctx context.Context, node string) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		gate := getGate(ctx, g)
		g.Expect(gate.Status.Open).To(BeFalse())
		g.Expect(gate.Status.Nodes).To(Equal(v1alpha1.GateNodeCounts{Total: nodes, Eligible: nodes, Passing: nodes - 1}), "%v", gate.Status.Failing)
		g.Expect(gate.Status.Failing).To(HaveEach(HaveField("Node", node)))
	}).WithTimeout(patience).Should(Succeed())
}

// expectPodsReady waits until all pods of the namespaces are Ready, but for those that
// have done their work.
func expectPodsReady(ctx context.Context, namespaces ...string) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		for _, namespace := range namespaces {
			var pods corev1.PodList
			g.Expect(world.Client.List(ctx, &pods, client.InNamespace(namespace))).To(Succeed())
			g.Expect(pods.Items).NotTo(BeEmpty())
			for i := range pods.Items {
				if pod := &pods.Items[i]; pod.Status.Phase != corev1.PodSucceeded {
					g.Expect(pod.Status.Conditions).To(ContainElement(SatisfyAll(
						HaveField("Type", corev1.PodReady), HaveField("Status", corev1.ConditionTrue))), pod.Name)
				}
			}
		}
	}).WithTimeout(patience).Should(Succeed())
}

// expectOpen waits until the verdict is published and all nodes pass.
func expectOpen(ctx context.Context, nodes int32) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		gate := getGate(ctx, g)
		g.Expect(gate.Status.Open).To(BeTrue(), "%v", gate.Status.Failing)
		g.Expect(gate.Status.Nodes).To(Equal(v1alpha1.GateNodeCounts{Total: nodes, Eligible: nodes, Passing: nodes}), "%v", gate.Status.Failing)
		verdict := read(ctx, g, &corev1.ConfigMap{}, key("flux-system", "network-ready"))
		g.Expect(verdict.Data).To(HaveKeyWithValue("ready", "true"))
	}).WithTimeout(patience).Should(Succeed())
}

// expectNodesReady waits until so many nodes are Ready.
func expectNodesReady(ctx context.Context, count int) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		var nodes corev1.NodeList
		g.Expect(world.Client.List(ctx, &nodes)).To(Succeed())
		ready := 0
		for i := range nodes.Items {
			for _, condition := range nodes.Items[i].Status.Conditions {
				if condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue {
					ready++
				}
			}
		}
		g.Expect(ready).To(Equal(count))
	}).WithTimeout(patience).Should(Succeed())
}

// expectAvailable waits until all replicas of a Deployment are.
func expectAvailable(ctx context.Context, namespace, name string) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		deployment := read(ctx, g, &appsv1.Deployment{}, key(namespace, name))
		g.Expect(deployment.Status.ObservedGeneration).To(Equal(deployment.Generation))
		g.Expect(deployment.Status.AvailableReplicas).To(BeNumerically(">=", 1))
		g.Expect(deployment.Status.UpdatedReplicas).To(Equal(deployment.Status.Replicas))
		g.Expect(deployment.Status.UnavailableReplicas).To(BeZero())
	}).WithTimeout(patience).Should(Succeed())
}
