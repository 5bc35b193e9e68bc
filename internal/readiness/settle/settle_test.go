package settle_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/readiness/evaluate"
	"github.com/tazzo/rebirth/internal/readiness/settle"
)

const (
	shut     = settle.Shut
	settling = settle.Settling
	open     = settle.Open
	failing  = settle.Failing
	overdue  = settle.Overdue
)

var _ = Describe("A verdict", func() {
	DescribeTable("is published only while open, failing or not",
		func(phase settle.Phase, expected bool) {
			Expect(settle.Verdict{Phase: phase}.Published()).To(Equal(expected))
		},
		Entry("shut", shut, false), Entry("settling", settling, false), Entry("overdue", overdue, false),
		Entry("open", open, true), Entry("failing", failing, true),
	)

	It("of which nothing is known is shut", func() {
		Expect(settle.Verdict{}.Published()).To(BeFalse())
	})
})

var _ = Describe("A shut gate", func() {
	It("opens after so many passing rounds in a row", func() {
		g := newGate(settledAtOnce)
		Expect(g.play(4, good())).To(Equal([]settle.Phase{settling, settling, open, open}))
		Expect(g.state.Open).To(BeTrue())
		Expect(g.state.OpenedOnce).To(BeTrue())
		Expect(g.state.Since).To(Equal(begin.Add(2 * interval)))
		Expect(g.state.WaitingSince).To(BeZero())
	})

	It("says how far it is", func() {
		g := newGate(settledAtOnce)
		g.play(2, good())
		Expect(g.verdict.Message).To(Equal("2 of 3 rounds passed in a row"))
	})

	It("opens at once where one round is enough", func() {
		g := newGate(settledAtOnce, func(s *v1alpha1.ReadinessGateSpec) { s.Hysteresis.OpenAfter = 1 })
		Expect(g.play(1, good())).To(Equal([]settle.Phase{open}))
	})

	DescribeTable("begins to count anew after a round",
		func(between evaluate.Round) {
			g := newGate(settledAtOnce)
			g.play(2, good())
			Expect(g.play(1, between)).To(Equal([]settle.Phase{shut}))
			Expect(g.play(3, good())).To(Equal([]settle.Phase{settling, settling, open}))
		},
		Entry("that fails", bad()),
		Entry("in which one node of ten fails", round(9)),
		Entry("in which nothing could be read", unobserved()),
	)

	It("names a failure of the whole cluster without a node", func() {
		g := newGate()
		g.play(1, bad())
		Expect(g.verdict.Message).To(Equal("dns: CoreDNS crashes"))
	})

	It("that was open before needs the quorum alone, and no settling of nodes", func() {
		g := opened()
		g.play(7, round(5))
		Expect(g.state.Open).To(BeFalse())
		joined := round(9)
		joined.Nodes = []string{"n1", "n2", "n3"}
		Expect(g.play(3, joined)).To(Equal([]settle.Phase{settling, settling, open}))
	})

	DescribeTable("asks for the first opening and for the next",
		func(openedOnce bool, passing int, expected settle.Phase) {
			g := newGate(settledAtOnce)
			g.state.OpenedOnce = openedOnce
			Expect(g.play(3, round(passing))[2]).To(Equal(expected))
		},
		Entry("all of ten", false, 10, open),
		Entry("not nine of ten", false, 9, shut),
		Entry("nine of ten", true, 9, open),
		Entry("not eight of ten", true, 8, shut),
	)
})

var _ = Describe("The set of nodes", func() {
	It("must stay the same for so long before the first opening", func() {
		g := newGate(func(s *v1alpha1.ReadinessGateSpec) { s.Nodes.SettleFor.Duration = time.Minute })
		Expect(g.play(7, good())).To(Equal([]settle.Phase{settling, settling, settling, settling, settling, settling, open}))
	})

	It("that changes begins to settle anew, and the moment is named", func() {
		g := newGate()
		g.play(3, good())
		grown := good()
		grown.Nodes = []string{"n1", "n2", "n3"}
		Expect(g.play(1, grown)).To(Equal([]settle.Phase{settling}))
		Expect(g.verdict.Message).To(ContainSubstring("10:01:00 UTC"))
		Expect(g.play(3, grown)).To(Equal([]settle.Phase{settling, settling, open}))
	})

	It("settles from the first round that saw it, not from those that could not", func() {
		g := newGate()
		g.play(10, unobserved())
		Expect(g.play(4, good())).To(Equal([]settle.Phase{settling, settling, settling, open}))
	})

	It("that nobody could read for a moment is still the same", func() {
		g := newGate()
		g.play(1, good())
		since := g.state.NodesSince
		g.play(1, unobserved())
		g.play(1, good())
		Expect(g.state.NodesSince).To(Equal(since))
	})
})

var _ = Describe("An open gate", func() {
	It("stays open, silently, while the quorum passes", func() {
		g := opened()
		Expect(g.play(2, round(9))).To(Equal([]settle.Phase{open, open}))
		Expect(g.verdict.Message).To(Equal("the network carries traffic on 9 of 10 nodes"))
	})

	It("shuts once rounds have failed for so long, and not before", func() {
		g := opened()
		since := g.state.Since
		Expect(g.play(7, bad())).To(Equal([]settle.Phase{failing, failing, failing, failing, failing, failing, shut}))
		Expect(g.state.Open).To(BeFalse())
		Expect(g.state.OpenedOnce).To(BeTrue())
		Expect(g.state.Since).NotTo(Equal(since))
		Expect(g.state.WaitingSince).To(Equal(g.state.Since))
	})

	It("says when it shuts, and why, in the same words each round", func() {
		g := opened()
		g.play(1, bad())
		message := g.verdict.Message
		Expect(message).To(And(ContainSubstring("10:01:40 UTC"), ContainSubstring("CoreDNS crashes")))
		g.play(1, bad())
		Expect(g.verdict.Message).To(Equal(message))
	})

	It("begins to count anew after a round that passes", func() {
		g := opened()
		g.play(6, bad())
		Expect(g.play(1, good())).To(Equal([]settle.Phase{open}))
		Expect(g.play(6, bad())).NotTo(ContainElement(shut))
	})

	It("does not flap when the API server is away for 10 s (R15)", func() {
		g := opened()
		since := g.state.Since
		for range 20 {
			Expect(g.play(2, unobserved())).To(Equal([]settle.Phase{failing, failing}))
			Expect(g.play(1, good())).To(Equal([]settle.Phase{open}))
		}
		Expect(g.state.Since).To(Equal(since))
	})

	It("shuts when nothing can be read for long: unknown is not ready", func() {
		g := opened()
		Expect(g.play(7, unobserved())[6]).To(Equal(shut))
	})

	It("shuts at the first failing round where no time is given", func() {
		g := opened(func(s *v1alpha1.ReadinessGateSpec) { s.Hysteresis.CloseAfter.Duration = 0 })
		Expect(g.play(1, bad())).To(Equal([]settle.Phase{shut}))
	})

	It("shuts by the clock, though rounds were few", func() {
		g := opened()
		g.play(1, bad())
		g.now = g.now.Add(time.Hour)
		Expect(g.play(1, bad())).To(Equal([]settle.Phase{shut}))
	})

	It("with a latch stays open for good, and says what fails", func() {
		g := opened(latch)
		Expect(g.play(100, bad())).NotTo(ContainElement(Not(Equal(open))))
		Expect(g.verdict.Message).To(And(ContainSubstring("spec.mode: Latch"), ContainSubstring("CoreDNS crashes")))
	})

	It("whose latch is taken away shuts when rounds have failed for so long", func() {
		g := opened(latch)
		g.play(100, bad())
		g.spec.Mode = v1alpha1.GateContinuous
		Expect(g.play(1, bad())).To(Equal([]settle.Phase{shut}))
	})
})

var _ = Describe("A latch", func() {
	It("doesn't open a gate sooner", func() {
		g := newGate(latch, settledAtOnce)
		Expect(g.play(3, good())).To(Equal([]settle.Phase{settling, settling, open}))
	})
})

var _ = Describe("A gate that waits too long", func() {
	const rounds = 120 // of ten seconds: maxWait

	It("says so, stays shut, goes on trying, and opens in the end", func() {
		g := newGate()
		Expect(g.play(rounds, bad())).NotTo(ContainElement(overdue))
		Expect(g.play(1, bad())).To(Equal([]settle.Phase{overdue}))
		Expect(g.verdict.Message).To(And(ContainSubstring("spec.maxWait"), ContainSubstring("CoreDNS crashes")))
		Expect(g.play(3, good())).To(Equal([]settle.Phase{overdue, overdue, open}))
		Expect(g.verdict.Message).NotTo(ContainSubstring("maxWait"))
	})

	It("counts from the moment it shut", func() {
		g := opened()
		g.play(7, bad())
		Expect(g.play(rounds-1, bad())).NotTo(ContainElement(overdue))
		Expect(g.play(1, bad())).To(Equal([]settle.Phase{overdue}))
	})

	It("doesn't where no time is given", func() {
		g := newGate(func(s *v1alpha1.ReadinessGateSpec) { s.MaxWait.Duration = 0 })
		Expect(g.play(rounds+10, bad())).NotTo(ContainElement(overdue))
	})

	It("waits while it settles, too", func() {
		g := newGate(func(s *v1alpha1.ReadinessGateSpec) { s.Nodes.SettleFor.Duration = time.Hour })
		Expect(g.play(rounds+1, good())[rounds]).To(Equal(overdue))
		Expect(g.verdict.Message).To(ContainSubstring("the set of nodes"))
	})
})

// After a restart nothing is known but what the cluster says.
var _ = Describe("A new process", func() {
	kept := settle.State{Open: true, OpenedOnce: true, Since: begin.Add(-time.Hour)}

	It("keeps a verdict that still held, with its moment", func() {
		g := newGate()
		g.state = kept
		Expect(g.play(1, good())).To(Equal([]settle.Phase{open}))
		Expect(g.state.Since).To(Equal(kept.Since))
		Expect(g.state.WaitingSince).To(BeZero())
	})

	It("gives a verdict that it found no longer than it would its own", func() {
		g := newGate()
		g.state = kept
		Expect(g.play(7, bad())).To(Equal([]settle.Phase{failing, failing, failing, failing, failing, failing, shut}))
	})

	It("goes on counting how long the gate is shut", func() {
		g := newGate()
		g.play(100, bad())
		waiting, since := metav1.NewTime(g.state.WaitingSince), metav1.NewTime(begin.Add(-time.Hour))
		g.state = settle.Recall(v1alpha1.ReadinessGateStatus{WaitingSince: &waiting, Since: &since})
		Expect(g.state.Since).To(Equal(since.Time))
		Expect(g.play(20, bad())).NotTo(ContainElement(overdue))
		Expect(g.play(1, bad())).To(Equal([]settle.Phase{overdue}))
	})

	DescribeTable("takes nothing else from a status",
		func(status v1alpha1.ReadinessGateStatus) {
			Expect(settle.Recall(status)).To(Equal(settle.State{}))
		},
		Entry("that is empty", v1alpha1.ReadinessGateStatus{}),
		Entry("that says open: its ConfigMap proves that, or nothing does", v1alpha1.ReadinessGateStatus{Open: true, OpenedOnce: true, Since: &metav1.Time{Time: begin}}),
		Entry("that says that it was open once", v1alpha1.ReadinessGateStatus{OpenedOnce: true}),
	)

	It("that goes on with a verdict does not begin to count anew since when rounds fail", func() {
		g := opened()
		g.play(4, bad())
		since, began := g.state.Since, metav1.NewTime(g.state.FailingSince)
		g.state = settle.Resume(v1alpha1.ReadinessGateStatus{Open: true, FailingSince: &began}, since)
		Expect(g.play(3, bad())).To(Equal([]settle.Phase{failing, failing, shut}))
	})

	It("that goes on with a verdict forgets the failures at the first round that passes", func() {
		began := metav1.NewTime(begin.Add(-time.Hour))
		g := newGate()
		g.state = settle.Resume(v1alpha1.ReadinessGateStatus{Open: true, FailingSince: &began}, begin)
		Expect(g.play(1, good())).To(Equal([]settle.Phase{open}))
		Expect(g.play(1, bad())).To(Equal([]settle.Phase{failing}))
	})

	It("that goes on with a verdict takes no failures from a status that says shut", func() {
		began := metav1.NewTime(begin)
		Expect(settle.Resume(v1alpha1.ReadinessGateStatus{FailingSince: &began}, begin)).
			To(Equal(settle.State{Open: true, OpenedOnce: true, Since: begin}))
	})

	It("that withdrew a stale one asks for every node again", func() {
		g := newGate(settledAtOnce)
		Expect(g.play(10, round(9))).NotTo(ContainElement(open))
		Expect(g.play(3, good())[2]).To(Equal(open))
	})
})
