package evaluate_test

import (
	"testing"

	"github.com/tazzo/rebirth/internal/readiness/evaluate"
	"github.com/tazzo/rebirth/internal/readiness/evidence"
)

// BenchmarkJudge judges a thousand nodes with the default number of probes each. The
// budget is 50 ms.
func BenchmarkJudge(b *testing.B) {
	healthy := facts(1000)
	for i := range 1000 {
		report := healthy.Evidence.Reports[nodeName(i)]
		for range 6 {
			report.Results = append(report.Results, evidence.Result{Kind: evidence.DNSProbe, Target: "an endpoint", OK: true})
		}
		report.Results = append(report.Results, peer(nodeName((i+2)%1000), true), peer(nodeName((i+3)%1000), true))
		healthy.Evidence.Reports[nodeName(i)] = report
	}
	broken := facts(1000, openedOnce)
	for i := range 1000 {
		probed(nodeName(i), evidence.PeerProbe, peer(nodeName((i+1)%1000), false), peer(nodeName((i+2)%1000), false))(&broken)
		probed(nodeName(i), evidence.DNSProbe, evidence.Result{Kind: evidence.DNSProbe, Target: "an endpoint", Message: "Timeout"})(&broken)
	}
	for name, f := range map[string]evaluate.Facts{"healthy": healthy, "broken": broken} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				evaluate.Judge(f)
			}
		})
	}
}
