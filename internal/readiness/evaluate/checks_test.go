package evaluate_test

import (
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/readiness/evaluate"
	"github.com/tazzo/rebirth/internal/readiness/evidence"
)

func dns(change func(*evidence.DNS)) edit {
	return func(f *evaluate.Facts) { change(&f.Evidence.DNS) }
}

func checks(change func(*v1alpha1.GateChecks)) edit {
	return func(f *evaluate.Facts) { change(&f.Spec.Checks) }
}

var _ = Describe("What strangers say of a failure", func() {
	It("comes on one line and not without end, so that it can't forge or fill a report", func() {
		r := evaluate.Judge(facts(2, off("n2", time.Minute), onNode("n2", func(n *evidence.Node) {
			n.NotReadyReason = "first\nn1  cni  failing\x1b[2J" + strings.Repeat("x", 5000)
		})))
		Expect(r.Failures[0].Message).To(HavePrefix("the node is NotReady: first n1  cni  failing [2Jxxx"))
		Expect([]rune(r.Failures[0].Message)).To(HaveLen(1001))
	})
})

var _ = Describe("A check of the whole cluster", func() {
	DescribeTable("fails the round",
		func(check string, message string, edits ...edit) {
			r, ok := passes(facts(2, edits...))
			Expect(ok).To(BeFalse())
			Expect(failing(r)).To(Equal([]string{check}))
			Expect(r.Cluster[0].Node).To(BeEmpty())
			Expect(r.Cluster[0].Message).To(ContainSubstring(message))
		},
		Entry("the network plugin's DaemonSet wants no pod", evaluate.CheckCNI, "wants no pod",
			func(f *evaluate.Facts) { f.Evidence.CNI.Cluster = "DaemonSet wants no pod" }),
		Entry("the agents' DaemonSet is not there", evaluate.CheckAgent, "there is no DaemonSet",
			func(f *evaluate.Facts) { f.Evidence.Agents = "there is no DaemonSet rebirth/agent" }),
		Entry("there is no DNS service: it names the field", evaluate.CheckDNS, "spec.checks.dns.service",
			dns(func(d *evidence.DNS) { d.ClusterIP = "" })),
		Entry("the DNS service has another name (R4)", evaluate.CheckDNS, "dns/core",
			dns(func(d *evidence.DNS) { d.Service, d.ClusterIP = "dns/core", "" })),
		Entry("no pod of DNS has an address", evaluate.CheckDNS, "0 ready endpoints and needs 1: no pod behind it",
			dns(func(d *evidence.DNS) { d.Ready = nil })),
		Entry("CoreDNS crashes: the pod is named (R5)", evaluate.CheckDNS, "kube-system/coredns-7f9 is not Ready",
			dns(func(d *evidence.DNS) {
				d.Ready, d.Waiting = nil, []string{"pod kube-system/coredns-7f9 is not Ready"}
			})),
		Entry("too few endpoints of DNS", evaluate.CheckDNS, "1 ready endpoints and needs 2",
			checks(func(c *v1alpha1.GateChecks) { c.DNS.MinEndpoints = 2 })),
		Entry("the API server has no service", evaluate.CheckService, "default/kubernetes",
			func(f *evaluate.Facts) { f.Evidence.API = "" }),
	)

	It("passes with DNS of another name and other labels, found by its function (R4)", func() {
		_, ok := passes(facts(2, dns(func(d *evidence.DNS) { d.Service = "dns/my-own" })))
		Expect(ok).To(BeTrue())
	})

	It("that is switched off asks for nothing", func() {
		_, ok := passes(facts(2,
			checks(func(c *v1alpha1.GateChecks) { c.DNS.Disabled, c.Service.Disabled = true, true }),
			dns(func(d *evidence.DNS) { *d = evidence.DNS{} }),
			func(f *evaluate.Facts) { f.Evidence.API = "" },
			probed("n1", evidence.DNSProbe), probed("n1", evidence.ServiceProbe),
			probed("n2", evidence.DNSProbe), probed("n2", evidence.ServiceProbe)))
		Expect(ok).To(BeTrue())
	})
})

var _ = Describe("A node", func() {
	failed := func(kind evidence.Kind, message string) evidence.Result {
		return evidence.Result{Kind: kind, Target: "the target", Message: message}
	}

	DescribeTable("fails, for the earliest cause alone, and is named",
		func(check, message string, edits ...edit) {
			r, ok := passes(facts(2, edits...))
			Expect(ok).To(BeFalse())
			Expect(failing(r)).To(Equal([]string{"n2 " + check}))
			Expect(r.Failures[0].Message).To(ContainSubstring(message))
			Expect(r.Passing).To(Equal(1))
		},
		Entry("Flannel is broken on one of two Ready nodes, sandboxes too (R1)", evaluate.CheckCNI, "kube-flannel-n2: CrashLoopBackOff",
			plugin("n2", "kube-flannel-n2: CrashLoopBackOff"), sandbox("n2", evidence.Sandbox{Failed: "open subnet.env"}), without("n2"), probed("n1", evidence.PeerProbe, peer("n2", false))),
		Entry("the plugin is why it is NotReady", evaluate.CheckCNI, "kube-flannel-n2: CrashLoopBackOff",
			plugin("n2", "kube-flannel-n2: CrashLoopBackOff"), noNetwork("n2", time.Minute), without("n2")),
		Entry("the kubelet says that there is no network, and the plugin nothing", evaluate.CheckCNI, "cni plugin not initialized",
			noNetwork("n2", time.Minute), without("n2")),
		Entry("it is off, and so its plugin's pod is not Ready", evaluate.CheckNodes, "Kubelet stopped posting",
			off("n2", time.Minute), plugin("n2", "not Ready"), silent("n2"), probed("n1", evidence.PeerProbe, peer("n2", false))),
		Entry("it is NotReady for no reason", evaluate.CheckNodes, "no reason given",
			onNode("n2", func(n *evidence.Node) { n.Ready = false })),
		Entry("nothing is known of sandboxes", evaluate.CheckSandbox, "no pod on the pod network has started",
			func(f *evaluate.Facts) { delete(f.Evidence.Sandboxes, "n2") }, without("n2")),
		Entry("no sandbox was ever made", evaluate.CheckSandbox, "no pod on the pod network has started",
			sandbox("n2", evidence.Sandbox{NeededSince: now}), without("n2")),
		Entry("no sandbox was made since the plugin restarted", evaluate.CheckSandbox, "2026-03-01T09:59:00Z (the plugin restarted)",
			sandbox("n2", evidence.Sandbox{Proven: now.Add(-time.Hour), NeededSince: now.Add(-time.Minute), Why: "the plugin restarted"})),
		Entry("the last sandbox failed", evaluate.CheckSandbox, "loadFlannelSubnetEnv failed",
			sandbox("n2", evidence.Sandbox{Proven: now.Add(-time.Hour), Failed: "loadFlannelSubnetEnv failed"})),
		Entry("canary pods find no room there", evaluate.CheckSandbox, "(the plugin restarted); canary pod x is not scheduled: Too many pods",
			sandbox("n2", evidence.Sandbox{Proven: now.Add(-time.Hour), NeededSince: now, Why: "the plugin restarted", Canary: "canary pod x is not scheduled: Too many pods"})),
		Entry("no agent's pod is there, and so no sandbox: the cause is named", evaluate.CheckAgent, "does not tolerate the node's taint gpu=only:NoSchedule",
			onNode("n2", func(n *evidence.Node) { n.AgentAbsent = "it does not tolerate the node's taint gpu=only:NoSchedule" }), without("n2"), sandbox("n2", evidence.Sandbox{})),
		Entry("no agent's pod is there for the plugin is broken", evaluate.CheckCNI, "CrashLoopBackOff",
			onNode("n2", func(n *evidence.Node) { n.AgentAbsent = "not scheduled" }), without("n2"), plugin("n2", "CrashLoopBackOff")),
		Entry("an agent's pod waits there for its sandbox", evaluate.CheckSandbox, "open subnet.env", silent("n2"), sandbox("n2", evidence.Sandbox{Failed: "open subnet.env"})),
		Entry("nothing is known of its agent", evaluate.CheckAgent, "nothing is known", without("n2")),
		Entry("its name is resolved to nothing: CoreDNS is Ready and says NXDOMAIN (R6)", evaluate.CheckDNS, "the target: NXDomain: does not exist",
			probed("n2", evidence.DNSProbe, failed(evidence.DNSProbe, "NXDomain: does not exist"))),
		Entry("one of two ways to DNS fails", evaluate.CheckDNS, "Timeout",
			probed("n2", evidence.DNSProbe, evidence.Result{Kind: evidence.DNSProbe, OK: true}, failed(evidence.DNSProbe, "Timeout"))),
		Entry("the API server isn't reached through the service", evaluate.CheckService, "ConnectionRefused",
			probed("n2", evidence.ServiceProbe, failed(evidence.ServiceProbe, "ConnectionRefused"))),
		Entry("a required endpoint isn't reached", evaluate.CheckEndpoint, "Timeout",
			probed("n2", evidence.EndpointProbe, failed(evidence.EndpointProbe, "Timeout"))),
		Entry("its agent says nothing of DNS", evaluate.CheckDNS, "nothing is known", probed("n2", evidence.DNSProbe)),
		Entry("its agent says nothing of the service", evaluate.CheckService, "nothing is known", probed("n2", evidence.ServiceProbe)),
		Entry("its agent says nothing of peers", evaluate.CheckPeers, "nothing is known", probed("n2", evidence.PeerProbe)),
		Entry("its agent says nothing of a required endpoint, only of an optional one", evaluate.CheckEndpoint, "nothing is known",
			checks(func(c *v1alpha1.GateChecks) { c.Endpoints = []v1alpha1.EndpointCheck{{Name: "vault", Required: true}} }),
			probed("n1", evidence.EndpointProbe, evidence.Result{Kind: evidence.EndpointProbe, OK: true}),
			probed("n2", evidence.EndpointProbe, evidence.Result{Kind: evidence.EndpointProbe, OK: true, Optional: true})),
	)

	It("fails when its agent doesn't answer, and then no peer is needed", func() {
		r, ok := passes(facts(2, silent("n2"), probed("n1", evidence.PeerProbe)))
		Expect(ok).To(BeFalse())
		Expect(failing(r)).To(Equal([]string{"n2 agent"}))
	})

	It("passes when a sandbox was made in the very second it was needed since", func() {
		_, ok := passes(facts(2, sandbox("n2", evidence.Sandbox{Proven: now, NeededSince: now})))
		Expect(ok).To(BeTrue())
	})

	It("passes while the next canary by routine is due", func() {
		_, ok := passes(facts(2, sandbox("n2", evidence.Sandbox{Proven: now.Add(-31 * time.Minute), Due: true})))
		Expect(ok).To(BeTrue())
	})

	It("needs no sandbox where that is switched off", func() {
		_, ok := passes(facts(2, sandbox("n2", evidence.Sandbox{Failed: "no"}), checks(func(c *v1alpha1.GateChecks) { c.Sandbox.Disabled = true })))
		Expect(ok).To(BeTrue())
	})

	It("needs no peer where that is switched off", func() {
		_, ok := passes(facts(2, probed("n2", evidence.PeerProbe), checks(func(c *v1alpha1.GateChecks) { c.Peers.Disabled = true })))
		Expect(ok).To(BeTrue())
	})

	It("says all that is wrong with its traffic, in one order", func() {
		f := facts(2, openedOnce,
			probed("n2", evidence.ServiceProbe, failed(evidence.ServiceProbe, "Timeout")),
			probed("n2", evidence.DNSProbe, failed(evidence.DNSProbe, "Timeout")), probed("n2", evidence.PeerProbe))
		Expect(failing(evaluate.Judge(f))).To(Equal([]string{"n2 dns", "n2 peers", "n2 service"}))
	})

	It("passes while an optional endpoint is late, which is reported apart (R7)", func() {
		r, ok := passes(facts(2, probed("n2", evidence.EndpointProbe, evidence.Result{
			Kind: evidence.EndpointProbe, Target: "endpoint vault (vault.example.ts.net:8200)", Message: "NXDomain", Optional: true,
		})))
		Expect(ok).To(BeTrue())
		Expect(r.Passing).To(Equal(2))
		Expect(r.Reported).To(Equal([]evaluate.Failure{{Node: "n2", Check: evaluate.CheckEndpoint, Message: "endpoint vault (vault.example.ts.net:8200): NXDomain"}}))
	})
})
