package wire_test

import (
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

func response() wire.Response {
	return wire.Response{
		Agent: wire.Agent{Node: "worker-1", PodUID: "6b1c", BootID: "b0", StartedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
		Results: []wire.Result{
			{ID: "dns/udp/service", OK: true, Duration: time.Millisecond},
			{ID: "api", Reason: wire.TLS, Message: "the certificate can't be verified", Duration: time.Second},
		},
	}
}

var _ = Describe("a response", func() {
	It("survives the way", func() {
		body, err := response().Encode()
		Expect(err).NotTo(HaveOccurred())
		Expect(wire.DecodeResponse(body, request(dnsProbe(), apiProbe()))).To(Equal(response()))
	})

	It("has room for the longest messages about all probes", func() {
		r, asked := response(), request()
		r.Results = nil
		for range wire.MaxProbes {
			r.Results = append(r.Results, wire.Result{ID: "x", Reason: wire.Failed, Message: strings.Repeat("é", 200)})
			asked.Probes = append(asked.Probes, wire.Probe{ID: "x"})
		}
		body, err := r.Encode()
		Expect(err).NotTo(HaveOccurred())
		Expect(wire.DecodeResponse(body, asked)).To(Equal(r))
	})

	DescribeTable("is refused",
		func(change func(*wire.Response), message string) {
			r := response()
			change(&r)
			body, err := r.Encode()
			Expect(err).NotTo(HaveOccurred())
			_, err = wire.DecodeResponse(body, request(dnsProbe(), apiProbe()))
			Expect(err).To(MatchError(ContainSubstring(message)))
		},
		Entry("with a result missing", func(r *wire.Response) { r.Results = r.Results[:1] }, "1 results for 2 probes"),
		Entry("with a result too many", func(r *wire.Response) { r.Results = append(r.Results, r.Results[0]) }, "3 results for 2 probes"),
		Entry("with a result twice", func(r *wire.Response) { r.Results[1] = r.Results[0] }, `results[1] is of probe "dns/udp/service" instead of "api"`),
		Entry("OK and not", func(r *wire.Response) { r.Results[1].OK = true }, `it is OK and has the reason "TLS"`),
		Entry("without a reason", func(r *wire.Response) { r.Results[1].Reason = "" }, `its reason "" is unknown`),
		Entry("with an unknown reason", func(r *wire.Response) { r.Results[1].Reason = "Tired" }, `its reason "Tired" is unknown`),
		Entry("with a novel", func(r *wire.Response) { r.Results[1].Message = strings.Repeat("x", wire.MaxMessage+1) }, "its message has 1025 bytes"),
		Entry("from the future", func(r *wire.Response) { r.Results[1].Duration = -1 }, "its duration -1ns is negative"),
		Entry("from no node", func(r *wire.Response) { r.Agent.Node = "" }, `agent: node "" is no name of a node`),
		Entry("from an agent that never started", func(r *wire.Response) { r.Agent.StartedAt = time.Time{} }, "startedAt is missing"),
		Entry("with an odd UID", func(r *wire.Response) { r.Agent.PodUID = "a\nb" }, "podUID is no ID"),
		Entry("with a long boot ID", func(r *wire.Response) { r.Agent.BootID = strings.Repeat("x", 129) }, "bootID is no ID"),
	)

	It("is refused if it is no JSON", func() {
		_, err := wire.DecodeResponse([]byte("<html>"), request())
		Expect(err).To(MatchError(ContainSubstring("the response is not JSON")))
	})
})

var _ = Describe("a refusal", func() {
	It("survives the way", func() {
		body, err := wire.Refusal{Reason: wire.RefusedBusy, Message: "later"}.Encode()
		Expect(err).NotTo(HaveOccurred())
		Expect(wire.DecodeRefusal(body)).To(Equal(wire.Refusal{Reason: wire.RefusedBusy, Message: "later"}))
	})

	It("has a known reason", func() {
		_, err := wire.DecodeRefusal([]byte(`{"reason":"Tired","message":""}`))
		Expect(err).To(MatchError(ContainSubstring(`reason "Tired" is unknown`)))
	})
})
