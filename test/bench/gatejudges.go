package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"time"

	"github.com/tazzo/rebirth/test/bench/figures"
)

// judgeBudget of the design, for the reports of a thousand nodes.
const judgeBudget = 50 * time.Millisecond

// pureBenchmarks are those of the gate's pure packages, each for a thousand nodes, in
// the order in which a round needs them.
var pureBenchmarks = []struct{ pkg, name, what string }{
	{"cni", "BenchmarkRead", "what the plugin says of them is read"},
	{"probes", "BenchmarkRound", "probes are planned, and the agents' answers are read"},
	{"evaluate", "BenchmarkJudge/healthy", "they are judged, all of them good"},
	{"evaluate", "BenchmarkJudge/broken", "they are judged, all of them bad"},
}

// gateJudges runs the packages' own benchmarks. All together keep to the budget: that is
// more than a round needs.
func (b *bench) gateJudges(ctx context.Context, _ struct{}) error {
	b.progress.say("the benchmarks of the gate's pure packages")
	measured := map[string]time.Duration{}
	for _, pkg := range []string{"cni", "probes", "evaluate"} {
		run := exec.CommandContext(ctx, "go", "test", "-run=^$", "-bench=.", "-count=3", "./internal/readiness/"+pkg)
		output, err := run.CombinedOutput()
		if err != nil {
			return fmt.Errorf("the benchmarks of %s: %w\n%s", pkg, err, output)
		}
		results, err := figures.ParseBenchmarks(bytes.NewReader(output))
		if err != nil {
			return fmt.Errorf("the benchmarks of %s: %w", pkg, err)
		}
		for name, samples := range results {
			measured[pkg+"."+name] = figures.Percentile(samples, 50)
		}
	}
	var sum time.Duration
	for _, p := range pureBenchmarks {
		took, there := measured[p.pkg+"."+p.name]
		if !there {
			return fmt.Errorf("package %s has no benchmark %s", p.pkg, p.name)
		}
		b.add(figures.Plain("gate, 1000 nodes: "+p.what, figures.Milliseconds(took)))
		sum += took
	}
	b.add(figures.AtMost("gate, 1000 nodes: all of this", sum, judgeBudget, figures.Milliseconds))
	return nil
}
