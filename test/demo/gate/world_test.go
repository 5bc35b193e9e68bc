package gate

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/test/demo/show"
	"github.com/tazzo/rebirth/test/demo/stage"
)

func TestGate(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "The demo's act of readiness-gate")
}

func status(state, reason, message string) stage.Status {
	return stage.Status{State: state, Reason: reason, Message: message}
}

var (
	allReady = Count{3, 3}
	behind   = status("Reconciling", stage.DependencyNotReady, "dependency 'flux-system/readiness-gate' is not ready")
	applied  = status("Ready", "ReconciliationSucceeded", "Applied revision: main")
)

var _ = DescribeTable("The news from one world to the next",
	func(before, after World, want ...string) {
		got := []string{}
		for _, n := range newsOf(before, after) {
			got = append(got, string(n.Mark)+" "+n.Text)
		}
		Expect(got).To(Equal(append([]string{}, want...)))
	},
	Entry("nothing", World{Verdict: true}, World{Verdict: true}),
	Entry("objects that all look right",
		World{Nodes: allReady, Flannel: Count{2, 3}, DNS: 1}, World{Nodes: allReady, Flannel: allReady, DNS: 1},
		"✓ nodes Ready: 3 of 3, Flannel's pods ready: 3 of 3, CoreDNS' endpoints ready: 1: all is well"),
	Entry("no Flannel at all is not right", World{}, World{Nodes: allReady, DNS: 1}),
	Entry("a gate that is shut names every node on a line of its own",
		World{}, World{Gate: status("Reconciling", "Shut", "node a, cni: no pod; node b, dns: NXDomain")},
		"✗ is shut: node a, cni: no pod\nnode b, dns: NXDomain"),
	Entry("a gate that settles",
		World{}, World{Gate: status("Reconciling", "Settling", "1 of 3 rounds passed in a row")},
		"… is shut, and settling: 1 of 3 rounds passed in a row"),
	Entry("a verdict", World{}, World{Verdict: true}, "✓ publishes ConfigMap network-ready"),
	Entry("a verdict that is withdrawn", World{Verdict: true}, World{}, "✗ withdraws ConfigMap network-ready"),
	Entry("what waits for the gate",
		World{}, World{Behind: behind}, "… Kustomization secret-sync waits: dependency 'flux-system/readiness-gate' is not ready"),
	Entry("what no longer waits is another act's news", World{Behind: behind, Verdict: true}, World{Behind: applied, Verdict: true}),
	Entry("what goes on", World{Verdict: true}, World{Verdict: true, Applied: true}, "✓ goes on: applies Kustomization secret-sync"),
)

var _ = Describe("The stop conditions", func() {
	reached := func(goals []show.Goal[World], w World) (names []string) {
		for _, g := range goals {
			if g.Reached(w) {
				names = append(names, g.Name)
			}
		}
		return names
	}

	It("of a broken network want the very node, and nothing behind the gate", func() {
		w := World{Nodes: allReady, Flannel: Count{2, 3}, DNS: 1, Failing: "worker-2 cni", Upstream: applied, Release: applied, Behind: behind}
		Expect(reached(brokenGoals(), w)).To(HaveLen(4))
		w.Failing, w.Applied = "worker-1 agent, worker-2 cni", true
		Expect(reached(brokenGoals(), w)).To(HaveExactElements(ContainSubstring("namespaces"), ContainSubstring("installed")))
	})

	It("of a network that looks healed want every object right, and the gate shut all the same", func() {
		w := World{Nodes: allReady, Flannel: allReady, DNS: 1, Failing: "worker-2 agent", Behind: behind}
		Expect(reached(halfHealedGoals(), w)).To(HaveLen(3))
		w.Flannel.Ready = 2
		Expect(reached(halfHealedGoals(), w)).To(BeEmpty())
	})

	It("of a healed network want a verdict before anything behind it", func() {
		w := World{Verdict: true, Gate: status("Ready", "Open", "open"), Own: applied, Applied: true}
		Expect(reached(healedGoals(), w)).To(HaveLen(3))
		Expect(heldUntilOpen(w).OK).To(BeTrue())
		w.TooEarly = true
		Expect(reached(healedGoals(), w)).To(HaveLen(2))
		Expect(heldUntilOpen(w).OK).To(BeFalse())
		Expect(heldUntilOpen(World{}).OK).To(BeFalse(), "nothing was ever applied")
	})
})

var _ = DescribeTable("The agents' key",
	func(key, content string, ok bool) {
		Expect(hidden([]byte(key), []byte(content), "a log").OK).To(Equal(ok))
	},
	Entry("is nowhere", "secret", "all is well", true),
	Entry("leaks as it is", "secret", "key=secret", false),
	Entry("leaks in base64", "secret", "c2VjcmV0", false),
	Entry("is unknown, so nothing is proven", "", "all is well", false),
)
