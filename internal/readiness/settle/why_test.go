package settle_test

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/readiness/evaluate"
	"github.com/tazzo/rebirth/internal/readiness/settle"
)

var _ = Describe("What a verdict says", func() {
	failure := func(node, check, message string) evaluate.Failure {
		return evaluate.Failure{Node: node, Check: check, Message: message}
	}

	DescribeTable("names", func(expected string, round evaluate.Round) {
		Expect(settle.Why(round)).To(Equal(expected))
	},
		Entry("how many nodes pass, when no one fails", "2 of 3 nodes pass", evaluate.Round{Passing: 2, Eligible: 3}),
		Entry("what fails in the whole cluster, before nodes", "dns: no endpoint; node n1, cni: crashes", evaluate.Round{
			Cluster: []evaluate.Failure{failure("", "dns", "no endpoint")}, Failures: []evaluate.Failure{failure("n1", "cni", "crashes")}}),
		Entry("every failure of the whole cluster", "dns: no endpoint; dns: no Service", evaluate.Round{
			Cluster: []evaluate.Failure{failure("", "dns", "no endpoint"), failure("", "dns", "no Service")}}),
		Entry("one failure of a check on a node, and counts the others", "node n1, dns: NXDomain over UDP; and 1 more (see the report)", evaluate.Round{
			Failures: []evaluate.Failure{failure("n1", "dns", "NXDomain over UDP"), failure("n1", "dns", "NXDomain over TCP")}}),
		Entry("nodes that fail alike together", "nodes n1, n2 and n4, dns: NXDomain; node n3, dns: no answer", evaluate.Round{
			Failures: []evaluate.Failure{failure("n1", "dns", "NXDomain"), failure("n2", "dns", "NXDomain"), failure("n3", "dns", "no answer"), failure("n4", "dns", "NXDomain")}}),
		Entry("three things, and counts the others", "node n1, cni: crashes 1; node n2, cni: crashes 2; node n3, cni: crashes 3; and 1 more (see the report)",
			evaluate.Round{Failures: []evaluate.Failure{
				failure("n1", "cni", "crashes 1"), failure("n2", "cni", "crashes 2"), failure("n3", "cni", "crashes 3"), failure("n4", "cni", "crashes 4")}}),
	)

	It("is short for a thousand nodes", func() {
		var round evaluate.Round
		for i := range 1000 {
			round.Failures = append(round.Failures, failure(fmt.Sprintf("n%d", i+1), "service", "no answer"))
		}
		Expect(settle.Why(round)).To(Equal("nodes n1, n2, n3, n4, n5 and 995 more, service: no answer"))
	})
})
