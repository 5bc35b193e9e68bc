package probes_test

import (
	"testing"

	. "github.com/onsi/gomega"
)

// BenchmarkRound plans and reads the probes of a thousand agents.
func BenchmarkRound(b *testing.B) {
	all := agents(1000)
	RegisterTestingT(b)
	for b.Loop() {
		for self := range all {
			p := planOf(self, all, 7)
			p.Read(answers(p))
		}
	}
}
