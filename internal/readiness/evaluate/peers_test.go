package evaluate_test

import (
	"fmt"
	"math/rand/v2"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/readiness/evaluate"
	"github.com/tazzo/rebirth/internal/readiness/evidence"
)

var _ = Describe("A failed probe between two nodes", func() {
	DescribeTable("is held against",
		func(nodes int, expected []string, edits ...edit) {
			Expect(failing(evaluate.Judge(facts(nodes, edits...)))).To(Equal(expected))
		},
		Entry("both of two: nobody can tell", 2, []string{"n1 peers", "n2 peers"},
			probed("n1", evidence.PeerProbe, peer("n2", false)), probed("n2", evidence.PeerProbe, peer("n1", false))),
		Entry("the one that reaches nobody, not those that reach others", 4, []string{"n3 peers", "n3 peers"},
			probed("n1", evidence.PeerProbe, peer("n2", true), peer("n3", false)),
			probed("n2", evidence.PeerProbe, peer("n1", true), peer("n3", false)),
			probed("n3", evidence.PeerProbe, peer("n1", false), peer("n4", false)),
			probed("n4", evidence.PeerProbe, peer("n1", true))),
		Entry("the one whose agent doesn't answer, not those that reach others", 3, []string{"n3 agent"},
			silent("n3"), probed("n1", evidence.PeerProbe, peer("n2", true), peer("n3", false)), probed("n2", evidence.PeerProbe, peer("n1", true))),
		Entry("the one that tried as well, if it reached nobody", 3, []string{"n1 peers", "n1 peers", "n2 agent", "n3 agent"},
			silent("n2"), silent("n3"), probed("n1", evidence.PeerProbe, peer("n2", false), peer("n3", false))),
		Entry("the one that has a fault of its own alone, also where there is no other", 2, []string{"n2 cni"},
			plugin("n2", "crashes"), probed("n1", evidence.PeerProbe, peer("n2", false))),
		Entry("those that tried, if the other one reaches somebody", 3, []string{"n1 peers"},
			probed("n1", evidence.PeerProbe, peer("n3", false))),
		Entry("all, where the network is cut in two halves", 4, []string{"n1 peers", "n2 peers", "n3 peers", "n4 peers"},
			probed("n1", evidence.PeerProbe, peer("n2", true), peer("n3", false)), probed("n2", evidence.PeerProbe, peer("n1", true), peer("n4", false)),
			probed("n3", evidence.PeerProbe, peer("n4", true), peer("n1", false)), probed("n4", evidence.PeerProbe, peer("n3", true), peer("n2", false))),
		Entry("the one that tried, if nobody knows whom", 2, []string{"n1 peers"},
			probed("n1", evidence.PeerProbe, evidence.Result{Kind: evidence.PeerProbe, Target: "somebody"})),
	)

	DescribeTable("is held against nobody",
		func(nodes int, edits ...edit) {
			_, ok := passes(facts(nodes, append([]edit{openedOnce}, edits...)...))
			Expect(ok).To(BeTrue())
		},
		Entry("if the other one has been off for long: an open gate opens again without it", 2,
			off("n2", time.Hour), silent("n2"), probed("n1", evidence.PeerProbe, peer("n2", false))),
		Entry("if the other one has just joined", 2,
			joined("n2", time.Minute), without("n2"), probed("n1", evidence.PeerProbe, peer("n2", false))),
		Entry("if the other one is no node any more", 1,
			probed("n1", evidence.PeerProbe, peer("gone", false))),
	)

	DescribeTable("does not make one broken node of ten a lack of the quorum",
		func(fanout int) {
			f := facts(10, openedOnce)
			for i := range 10 {
				var results []evidence.Result
				for k := 1; k <= fanout; k++ {
					to := nodeName((i + k) % 10)
					results = append(results, peer(to, i != 4 && to != nodeName(4)))
				}
				probed(nodeName(i), evidence.PeerProbe, results...)(&f)
			}
			r, ok := passes(f)
			Expect(r.Passing).To(Equal(9))
			Expect(r.Failures).To(HaveEach(HaveField("Node", nodeName(4))))
			Expect(ok).To(BeTrue())
			f.OpenedOnce = false
			_, ok = passes(f)
			Expect(ok).To(BeFalse(), "and for the first opening it is one too many")
		},
		Entry("where each tries one other, which may be that one", 1),
		Entry("where each tries two", 2),
		Entry("where each tries three", 3),
	)

	It("between nodes that count always fails one of the two, whatever else happens", func() {
		random := rand.New(rand.NewPCG(1, 2))
		for range 3000 {
			n := 2 + random.IntN(5)
			f := facts(n, openedOnce)
			for i := range n {
				var results []evidence.Result
				for j := range n {
					if i != j && random.IntN(3) > 0 {
						results = append(results, peer(nodeName(j), random.IntN(2) == 0))
					}
				}
				probed(nodeName(i), evidence.PeerProbe, results...)(&f)
				switch random.IntN(12) {
				case 0:
					silent(nodeName(i))(&f)
				case 1:
					without(nodeName(i))(&f)
				case 2:
					plugin(nodeName(i), "crashes")(&f)
				case 3:
					off(nodeName(i), time.Duration(random.IntN(240))*time.Second)(&f)
				}
			}
			expectBlame(f)
		}
	})
})

func expectBlame(f evaluate.Facts) {
	GinkgoHelper()
	r := evaluate.Judge(f)
	bad := map[string]bool{}
	for _, list := range [][]evaluate.Failure{r.Failures, r.Excused} {
		for _, failure := range list {
			bad[failure.Node] = true
		}
	}
	for from, report := range f.Evidence.Reports {
		for _, result := range report.Results {
			if !result.OK && !bad[from] && !bad[result.Peer] {
				Fail(fmt.Sprintf("%s does not reach %s, and both pass:\n%+v", from, result.Peer, f.Evidence))
			}
		}
	}
}
