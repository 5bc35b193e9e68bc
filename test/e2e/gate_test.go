//go:build e2e

package e2e

import (
	"context"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// gateSpecs are about the gate of a cluster that runs; each leaves it open.
func gateSpecs() {
	It("keeps the gate open when Flannel's pod is killed on one node, for its DaemonSet makes another", func(ctx SpecContext) {
		disturb(ctx)
		verdict := verdictUID(ctx)
		former := flannelOn(ctx, Default, "rebirth-worker")
		Expect(world.Client.Delete(ctx, former, client.GracePeriodSeconds(0))).To(Succeed())
		Eventually(ctx, func(g Gomega) {
			pod := flannelOn(ctx, g, "rebirth-worker")
			g.Expect(pod.UID).NotTo(Equal(former.UID))
			g.Expect(pod.Status.Phase).To(Equal(corev1.PodRunning))
		}).WithTimeout(patience).Should(Succeed())
		expectOpen(ctx, nodes)
		Expect(verdictUID(ctx)).To(Equal(verdict), "the verdict was never withdrawn")
	}, SpecTimeout(10*time.Minute))

	It("shuts the gate when an open network breaks on one node, names it, and opens it again (R1)", func(ctx SpecContext) {
		cutOverlay(ctx, brokenNode)
		DeferCleanup(mendOverlay, brokenNode)
		expectShut(ctx, brokenNode, "agent", "dns", "peers", "service")
		mendOverlay(ctx, brokenNode)
		expectOpen(ctx, nodes)
	}, SpecTimeout(10*time.Minute))

	It("shuts the gate when CoreDNS is scaled to zero, says so, and opens it again", func(ctx SpecContext) {
		disturb(ctx)
		scale(ctx, "kube-system", "coredns", "0")
		DeferCleanup(scale, "kube-system", "coredns", "2")
		expectShut(ctx, "", "dns")
		scale(ctx, "kube-system", "coredns", "2")
		expectOpen(ctx, nodes)
	}, SpecTimeout(10*time.Minute))

	It("shuts the gate when CoreDNS crashes on a wrong Corefile, and names CoreDNS (R5)", func(ctx SpecContext) {
		mend := setCorefile(ctx, ".:53 {\n  no-such-plugin\n}\n")
		Eventually(ctx, func(g Gomega) {
			for _, pod := range coreDNS(ctx, g) {
				g.Expect(pod.Status.ContainerStatuses).To(ContainElement(HaveField("State.Waiting.Reason", "CrashLoopBackOff")))
			}
		}).WithTimeout(patience).Should(Succeed())
		expectShut(ctx, "", "dns")
		Expect(getGate(ctx, Default).Status.Failing).To(ContainElement(SatisfyAll(
			HaveField("Check", "dns"), HaveField("Message", ContainSubstring("coredns")))))
		mend()
		expectOpen(ctx, nodes)
	}, SpecTimeout(10*time.Minute))

	It("shuts the gate when CoreDNS is Ready and answers NXDOMAIN (R6)", func(ctx SpecContext) {
		mend := setCorefile(ctx, ".:53 {\n  health\n  ready\n  template ANY ANY . {\n    rcode NXDOMAIN\n  }\n}\n")
		expectAvailable(ctx, "kube-system", "coredns")
		expectShut(ctx, "rebirth-worker", "dns")
		expectAvailable(ctx, "kube-system", "coredns")
		mend()
		expectOpen(ctx, nodes)
	}, SpecTimeout(10*time.Minute))

	It("stays open when a node is drained and leaves, and counts a new one once it carries traffic", func(ctx SpecContext) {
		disturb(ctx)
		verdict := verdictUID(ctx)
		late := workerWithoutDatabase(ctx)
		DeferCleanup(start, late)
		_, err := world.Cluster.Kubectl(ctx, "drain", late, "--ignore-daemonsets", "--delete-emptydir-data", "--force")
		Expect(err).NotTo(HaveOccurred())
		empty(ctx, late)
		Expect(world.Client.Delete(ctx, node(late))).To(Succeed())
		expectOpen(ctx, nodes-1)
		start(ctx, late)
		expectOpen(ctx, nodes)
		Expect(verdictUID(ctx)).To(Equal(verdict), "the verdict was never withdrawn")
	}, SpecTimeout(10*time.Minute))

	It("keeps its verdict while the API server goes twice, and for longer than a gate that fails stays open (R15)", func(ctx SpecContext) {
		verdict := verdictUID(ctx)
		var back time.Time
		for range 2 {
			restartAPIServer(ctx)
			back = now()
			// The gate finds it before it goes again: a leader that finds none for longer gives up.
			Eventually(ctx, func(g Gomega) { g.Expect(heartbeat(ctx, g)).To(BeTemporally(">", back)) }).WithTimeout(patience).Should(Succeed())
		}
		Eventually(ctx, func(g Gomega) {
			g.Expect(heartbeat(ctx, g).Sub(back)).To(BeNumerically(">", closeAfter+10*time.Second))
		}).
			WithTimeout(patience).Should(Succeed())
		expectOpen(ctx, nodes)
		Expect(verdictUID(ctx)).To(Equal(verdict), "the verdict was never withdrawn")
	}, SpecTimeout(10*time.Minute))

	It("withdraws the stale verdict after a power loss of all nodes, gives a new one, and everything runs again", func(ctx SpecContext) {
		verdict := verdictUID(ctx)
		lease := heartbeat(ctx, Default)
		Expect(world.Cluster.PowerLoss(ctx)).To(Succeed())
		// A heartbeat that old is what makes a verdict stale.
		Eventually(ctx, func() time.Duration { return now().Sub(lease) }).WithTimeout(patience).Should(BeNumerically(">", 75*time.Second))
		Expect(world.Cluster.PowerOn(ctx)).To(Succeed())
		expectNodesReady(ctx, nodes)
		Eventually(ctx, func(g Gomega) {
			g.Expect(getGate(ctx, g).Status.Open).To(BeTrue())
			g.Expect(read(ctx, g, &corev1.ConfigMap{}, key("flux-system", "network-ready")).UID).NotTo(Equal(verdict))
		}).WithTimeout(patience).Should(Succeed())
		expectOpen(ctx, nodes)
		expectAvailable(ctx, consumer, "grafana")
		expectReady(ctx, everything...)
	}, SpecTimeout(15*time.Minute))
}

// empty makes of a node what a new one is before its kubelet starts: nothing runs, and
// nothing is left of the former network. It would get another range of addresses, and
// Flannel's bridge refuses a second one.
func empty(ctx context.Context, node string) {
	GinkgoHelper()
	for _, command := range []string{
		"systemctl stop kubelet", "crictl rmp --all --force", "ip link delete cni0", "ip link delete flannel.1", "rm -r /run/flannel /var/lib/cni",
	} {
		_, err := world.Cluster.OnNode(ctx, node, strings.Fields(command)...)
		Expect(err).NotTo(HaveOccurred())
	}
}

// start has a node join that was emptied. One that runs is left alone.
func start(ctx context.Context, node string) {
	GinkgoHelper()
	_, err := world.Cluster.OnNode(ctx, node, "systemctl", "start", "kubelet")
	Expect(err).NotTo(HaveOccurred())
}

// workerWithoutDatabase is one that can be taken away without a second PostgreSQL ever
// running on the same volume.
func workerWithoutDatabase(ctx context.Context) string {
	GinkgoHelper()
	var free []string
	// The other worker may run a backup just now.
	Eventually(ctx, func(g Gomega) {
		var pods corev1.PodList
		g.Expect(world.Client.List(ctx, &pods, client.InNamespace(database))).To(Succeed())
		free = slices.DeleteFunc(slices.Clone(world.Repository.Workers), func(worker string) bool {
			return slices.ContainsFunc(pods.Items, func(pod corev1.Pod) bool {
				return pod.Spec.NodeName == worker && pod.Status.Phase == corev1.PodRunning
			})
		})
		g.Expect(free).NotTo(BeEmpty(), "every worker runs a pod of the database")
	}).Should(Succeed())
	return free[0]
}

func verdictUID(ctx context.Context) types.UID {
	GinkgoHelper()
	return read(ctx, Default, &corev1.ConfigMap{}, key("flux-system", "network-ready")).UID
}

// heartbeat is when the gate's controller last said that its verdict holds.
func heartbeat(ctx context.Context, g Gomega) time.Time {
	GinkgoHelper()
	lease := read(ctx, g, &coordinationv1.Lease{}, key("flux-system", "network-ready"))
	g.Expect(lease.Spec.RenewTime).NotTo(BeNil())
	return lease.Spec.RenewTime.Time
}

// closeAfter is how long a gate that fails stays open, by default.
const closeAfter = time.Minute

// restartAPIServer ends the API server's process, and returns when another one answers.
func restartAPIServer(ctx context.Context) {
	GinkgoHelper()
	former := apiServer(ctx, Default)
	_, err := world.Cluster.OnNode(ctx, "rebirth-control-plane", "crictl", "stop", former)
	Expect(err).NotTo(HaveOccurred())
	Eventually(ctx, func(g Gomega) {
		g.Expect(apiServer(ctx, g)).NotTo(Equal(former))
		_, err := world.Cluster.Kubectl(ctx, "get", "--raw", "/readyz", "--request-timeout=5s")
		g.Expect(err).NotTo(HaveOccurred())
	}).WithTimeout(patience).Should(Succeed())
}

// apiServer is the container that runs it.
func apiServer(ctx context.Context, g Gomega) string {
	GinkgoHelper()
	id, err := world.Cluster.OnNode(ctx, "rebirth-control-plane", "crictl", "ps", "--quiet", "--name", "kube-apiserver")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(strings.Fields(id)).To(HaveLen(1))
	return strings.TrimSpace(id)
}

func node(name string) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func flannelOn(ctx context.Context, g Gomega, node string) *corev1.Pod {
	GinkgoHelper()
	var pods corev1.PodList
	g.Expect(world.Client.List(ctx, &pods, client.InNamespace("kube-system"), client.MatchingLabels{"k8s-app": "flannel"},
		client.MatchingFields{"spec.nodeName": node})).To(Succeed())
	g.Expect(pods.Items).To(HaveLen(1))
	return &pods.Items[0]
}

// setCorefile has CoreDNS start anew with another configuration; mend takes it back.
func setCorefile(ctx context.Context, corefile string) (mend func()) {
	GinkgoHelper()
	former := read(ctx, Default, &corev1.ConfigMap{}, key("kube-system", "coredns")).Data["Corefile"]
	set := func(ctx context.Context, corefile string) {
		GinkgoHelper()
		config := read(ctx, Default, &corev1.ConfigMap{}, key("kube-system", "coredns"))
		config.Data["Corefile"] = corefile
		Expect(world.Client.Update(ctx, config)).To(Succeed())
		Expect(world.Client.DeleteAllOf(ctx, &corev1.Pod{}, client.InNamespace("kube-system"), client.MatchingLabels{"k8s-app": "kube-dns"},
			client.GracePeriodSeconds(0))).To(Succeed())
	}
	DeferCleanup(func(ctx SpecContext) {
		if read(ctx, Default, &corev1.ConfigMap{}, key("kube-system", "coredns")).Data["Corefile"] != former {
			set(ctx, former)
		}
	}, NodeTimeout(time.Minute))
	set(ctx, corefile)
	return func() { GinkgoHelper(); set(ctx, former) }
}

func coreDNS(ctx context.Context, g Gomega) []corev1.Pod {
	GinkgoHelper()
	var pods corev1.PodList
	g.Expect(world.Client.List(ctx, &pods, client.InNamespace("kube-system"), client.MatchingLabels{"k8s-app": "kube-dns"})).To(Succeed())
	g.Expect(pods.Items).NotTo(BeEmpty())
	return pods.Items
}

func scale(ctx context.Context, namespace, deployment, replicas string) {
	GinkgoHelper()
	_, err := world.Cluster.Kubectl(ctx, "--namespace", namespace, "scale", "deployment", deployment, "--replicas", replicas)
	Expect(err).NotTo(HaveOccurred())
}
