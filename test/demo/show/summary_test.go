package show

import (
	"errors"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("The summary", func() {
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	reached := &Measured{Scene: "Rebirth", Name: "mirror written", After: "the restore begins", begin: begin, end: begin.Add(80 * time.Millisecond)}
	late := &Measured{Scene: "Rebirth", Name: "Grafana logs in again", After: "the restore begins", begin: begin, end: begin.Add(2340 * time.Millisecond)}
	open := &Measured{Scene: "Repair", Name: "verifier emptied", After: "spec.repair is set", begin: begin}

	It("lists every stop condition by itself, and says what is proven", func() {
		s := Summary{Goals: []*Measured{reached, late}, Checks: []Check{{true, "no leak"}}, Proven: []string{"one thing", "another"}}
		Expect(s.Converged()).To(BeTrue())
		Expect(s.String()).To(Equal(`
Stop conditions
  Rebirth, counted from: the restore begins
    ✓ mirror written                                  80 ms
    ✓ Grafana logs in again                           2.3 s

  ✓ no leak

Proven:
  one thing
  another
`))
	})

	DescribeTable("has not converged", func(s Summary, line string) {
		Expect(s.Converged()).To(BeFalse())
		Expect(s.String()).To(And(ContainSubstring(line), ContainSubstring(NotConverged), Not(ContainSubstring("Proven"))))
	},
		Entry("with a stop condition that was not reached", Summary{Goals: []*Measured{reached, open}}, "✗ verifier emptied                            not reached"),
		Entry("with a check that fails", Summary{Goals: []*Measured{reached}, Checks: []Check{{false, "a leak"}}}, "✗ a leak"),
		Entry("with an error", Summary{Err: errors.New("PostgreSQL is gone")}, "✗ PostgreSQL is gone"),
		Entry("with nothing reached at all", Summary{}, "The rebirth did not converge."),
	)
})
