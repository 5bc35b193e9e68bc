package main

import (
	"errors"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("The summary", func() {
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	reached := &Goal{Act: "Rebirth", Name: "mirror written", After: "the restore begins", begin: begin, end: begin.Add(80 * time.Millisecond)}
	late := &Goal{Act: "Rebirth", Name: "Grafana logs in again", After: "the restore begins", begin: begin, end: begin.Add(2340 * time.Millisecond)}
	open := &Goal{Act: "Repair", Name: "verifier emptied", After: "spec.repair is set", begin: begin}

	It("lists every stop condition by itself, and says what is proven", func() {
		s := Summary{Goals: []*Goal{reached, late}, Checks: []Check{{true, "no leak"}}}
		Expect(s.Converged()).To(BeTrue())
		Expect(s.String()).To(Equal(`
Stop conditions
  Rebirth, counted from: the restore begins
    ✓ mirror written                                  80 ms
    ✓ Grafana logs in again                           2.3 s

  ✓ no leak

` + proven + "\n"))
	})

	DescribeTable("has not converged", func(s Summary, line string) {
		Expect(s.Converged()).To(BeFalse())
		Expect(s.String()).To(And(ContainSubstring(line), ContainSubstring("did not converge"), Not(ContainSubstring(proven))))
	},
		Entry("with a stop condition that was not reached", Summary{Goals: []*Goal{reached, open}}, "✗ verifier emptied                            not reached"),
		Entry("with a check that fails", Summary{Goals: []*Goal{reached}, Checks: []Check{{false, "a leak"}}}, "✗ a leak"),
		Entry("with an error", Summary{Err: errors.New("PostgreSQL is gone")}, "✗ PostgreSQL is gone"),
		Entry("with nothing reached at all", Summary{}, "The rebirth did not converge."),
	)

	It("asks for exactly one restart for each change", func() {
		Expect(restarts(World{Restarts: 3, Grafana: Process{Number: 4}}).OK).To(BeTrue())
		Expect(restarts(World{Restarts: 4, Grafana: Process{Number: 5}}).OK).To(BeFalse())
		Expect(restarts(World{Restarts: 3, Grafana: Process{Number: 5}}).OK).To(BeFalse())
	})
})
