package evaluate_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/readiness/evaluate"
	"github.com/tazzo/rebirth/internal/readiness/evidence"
)

func openedSince(ago time.Duration) edit {
	return func(f *evaluate.Facts) { f.OpenedOnce, f.Open, f.Since = true, true, now.Add(-ago) }
}

func deleting(n *evidence.Node) { n.Deleting = true }

// joined is a node that joined so long ago, and is not up yet.
func joined(name string, ago time.Duration) edit {
	return func(f *evaluate.Facts) {
		onNode(name, func(n *evidence.Node) { n.Created, n.ReadyChanged = now.Add(-ago), now.Add(-ago) })(f)
		plugin(name, "no pod on this node")(f)
	}
}

var _ = Describe("A round", func() {
	It("passes when every node does, and lists the nodes in order", func() {
		r, ok := passes(facts(3))
		Expect(ok).To(BeTrue())
		Expect(r).To(Equal(evaluate.Round{Total: 3, Eligible: 3, Passing: 3, Nodes: []string{"n1", "n2", "n3"}}))
	})

	It("of a single node needs no peer", func() {
		_, ok := passes(facts(1))
		Expect(ok).To(BeTrue())
	})

	It("without any node fails, even where no number of nodes is asked for", func() {
		f := facts(0)
		_, ok := passes(f)
		Expect(ok).To(BeFalse())
		f.Spec.Nodes.Min, f.Spec.Nodes.QuorumPercent, f.OpenedOnce = 0, 0, true
		_, ok = passes(f)
		Expect(ok).To(BeFalse())
	})

	It("in which something could not be read fails, whatever else is known", func() {
		r, ok := passes(facts(2, openedOnce, func(f *evaluate.Facts) { f.Evidence.Unobserved = "pods can't be listed: forbidden" }))
		Expect(ok).To(BeFalse())
		Expect(r.Cluster).To(ConsistOf(evaluate.Failure{Check: evaluate.CheckAPI, Message: "pods can't be listed: forbidden"}))
		Expect(r.Nodes).To(BeNil(), "the set of nodes is not known, rather than empty")
	})

	It("with fewer nodes than asked for fails, and names the field", func() {
		r, ok := passes(facts(2, func(f *evaluate.Facts) { f.Spec.Nodes.Min = 3 }))
		Expect(ok).To(BeFalse())
		Expect(r.Cluster).To(HaveLen(1))
		Expect(r.Cluster[0].Message).To(And(ContainSubstring("2 nodes count"), ContainSubstring("spec.nodes.min is 3")))
	})

	It("with fewer passing nodes than asked for fails, though the quorum is reached", func() {
		f := facts(3, openedOnce, plugin("n1", "crashes"))
		f.Spec.Nodes.Min, f.Spec.Nodes.QuorumPercent = 3, 50
		_, ok := passes(f)
		Expect(ok).To(BeFalse())
	})

	DescribeTable("counts nodes",
		func(eligible int, edits ...edit) {
			r := evaluate.Judge(facts(2, edits...))
			Expect(r.Eligible).To(Equal(eligible))
			Expect(r.Nodes).To(HaveLen(2), "the set of nodes is that of all")
			Expect(r.Excused).To(HaveLen(2 - eligible))
			for _, e := range r.Excused {
				Expect(e.Node).To(Equal("n2"))
				Expect(e.Check).To(Equal(evaluate.CheckNodes))
				Expect(e.Message).NotTo(BeEmpty())
			}
		},
		Entry("before the first opening, a new one", 2, joined("n2", time.Minute)),
		Entry("before the first opening, one that has been NotReady for long", 2, off("n2", time.Hour)),
		Entry("before the first opening, not one that is being removed", 1, onNode("n2", deleting)),
		Entry("once open, a new one that passes", 2, openedOnce, joined("n2", time.Second), plugin("n2", "")),
		Entry("once open, not a new one that fails", 1, openedOnce, joined("n2", 3*time.Minute-1)),
		Entry("once open, a new one that fails after its time", 2, openedOnce, joined("n2", 3*time.Minute)),
		Entry("once open, a new one that was there when the gate opened: it has passed before", 2, openedSince(30*time.Second), joined("n2", time.Minute)),
		Entry("once open, not one that joined since and fails", 1, openedSince(2*time.Minute), joined("n2", time.Minute)),
		Entry("once open and shut again, a new one that fails: the gate must not open over it", 2, shutAgain, joined("n2", time.Minute)),
		Entry("once open and shut again, not one that is off for long", 1, shutAgain, off("n2", 2*time.Minute)),
		Entry("once open, one that has just become NotReady", 2, openedOnce, off("n2", 2*time.Minute-1)),
		Entry("once open, not one that is off for long", 1, openedOnce, off("n2", 2*time.Minute)),
		Entry("once open, not one that is being removed", 1, openedOnce, onNode("n2", deleting)),
		Entry("at any time, one that is NotReady for its network", 2, openedOnce, noNetwork("n2", time.Hour)),
		Entry("once open, not one without a network that then was switched off", 1, openedOnce, noNetwork("n2", 2*time.Hour), off("n2", time.Hour)),
		Entry("once open, not one that is off, whatever a cloud said of its routes", 1, openedOnce, off("n2", time.Hour), plugin("n2", "no route created")),
		Entry("whose clock is ahead, as new", 1, openedOnce, joined("n2", -time.Minute)),
	)

	It("reaches the number asked for with a node that has just joined and passes", func() {
		f := facts(3, openedOnce, joined("n3", time.Second), plugin("n3", ""))
		f.Spec.Nodes.Min = 3
		r, ok := passes(f)
		Expect(ok).To(BeTrue(), "%v", r.Cluster)
	})

	It("of a gate that is shut again does not pass while a node that joined meanwhile fails and the quorum lacks it", func() {
		_, ok := passes(facts(2, shutAgain, joined("n2", time.Second)))
		Expect(ok).To(BeFalse())
		_, ok = passes(facts(2, openedOnce, joined("n2", time.Second)))
		Expect(ok).To(BeTrue(), "as it would one that is open")
	})

	It("of an open gate does not pass because all that is broken is excused", func() {
		r, ok := passes(facts(2, openedOnce, off("n1", time.Hour), off("n2", time.Hour)))
		Expect(ok).To(BeFalse())
		Expect(failing(r)).To(Equal([]string{evaluate.CheckNodes}))
	})

	DescribeTable("of 20 nodes passes",
		func(expected bool, openedOnce bool, percent, broken int) {
			f := facts(20)
			f.OpenedOnce, f.Spec.Nodes.QuorumPercent = openedOnce, int32(percent)
			for i := range broken {
				plugin(nodeName(i), "crashes")(&f)
			}
			r, ok := passes(f)
			Expect(ok).To(Equal(expected))
			Expect(r.Passing).To(Equal(20 - broken))
		},
		Entry("for the first opening with all", true, false, 90, 0),
		Entry("for the first opening not with one broken, whatever the quorum", false, false, 1, 1),
		Entry("with just the quorum", true, true, 90, 2),
		Entry("not with one less", false, true, 90, 3),
		Entry("not with a quorum between two numbers", false, true, 91, 2),
		Entry("with all, if all are asked for", true, true, 100, 0),
		Entry("not with one broken, if all are asked for", false, true, 100, 1),
		Entry("with one, if hardly any is asked for", true, true, 1, 19),
		Entry("not with none", false, true, 1, 20),
	)
})
