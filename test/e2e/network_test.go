//go:build e2e

package e2e

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// vxlan is the port of Flannel's overlay.
const vxlan = "4789"

// cutOverlay has a node drop what Flannel sends to and gets from other nodes: the node
// stays Ready and Flannel's pod runs.
func cutOverlay(ctx context.Context, node string) {
	GinkgoHelper()
	for _, chain := range []string{"INPUT", "OUTPUT"} {
		_, err := world.Cluster.OnNode(ctx, node, "iptables", "--wait", "--insert", chain, "--protocol", "udp", "--dport", vxlan, "--jump", "DROP")
		Expect(err).NotTo(HaveOccurred())
	}
}

// mendOverlay takes back what cutOverlay did, however often that was.
func mendOverlay(ctx context.Context, node string) {
	GinkgoHelper()
	for _, chain := range []string{"INPUT", "OUTPUT"} {
		rule := chain + " --protocol udp --dport " + vxlan + " --jump DROP"
		_, err := world.Cluster.OnNode(ctx, node, "sh", "-c",
			"while iptables --wait --check "+rule+" 2>/dev/null; do iptables --wait --delete "+rule+" || exit 1; done")
		Expect(err).NotTo(HaveOccurred())
	}
}

// bringUp makes the cluster and its network, and waits for no more than a person
// would who looks at "kubectl get nodes".
func bringUp(ctx context.Context) {
	GinkgoHelper()
	Expect(world.Create(ctx)).To(Succeed())
	Expect(world.InstallNetwork(ctx)).To(Succeed())
}

// expectHeldBack checks that Flux has applied nothing behind the gate: no storage
// either, which the gate must not need.
func expectHeldBack(ctx context.Context) {
	GinkgoHelper()
	for _, name := range []string{"storage", "secret-sync", "pgo", "external-secrets", "tazlab-db", "monitoring"} {
		Eventually(ctx, func(g Gomega) {
			ready := meta.FindStatusCondition(conditions(ctx, g, kustomizationKind, key("flux-system", name)), "Ready")
			g.Expect(ready).NotTo(BeNil(), name)
			g.Expect(ready.Status).NotTo(Equal(metav1.ConditionTrue), name)
		}).Should(Succeed())
	}
	for _, namespace := range []string{"secret-sync", "postgres-operator", "external-secrets"} {
		Expect(absent(ctx, &corev1.Namespace{}, key("", namespace))).To(BeTrue(), "namespace %s", namespace)
	}
	var volumes corev1.PersistentVolumeList
	Expect(world.Client.List(ctx, &volumes)).To(Succeed())
	Expect(volumes.Items).To(BeEmpty())
}
