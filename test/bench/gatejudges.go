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
var pureBenchmarks = []struct {
	pkg, name, what string
	budget          bool
}{
	{"cni", "BenchmarkRead", "what the plugin says of them is read", false},
	{"probes", "BenchmarkRound", "probes are planned, and the agents' answers are read", false},
	{"evaluate", "BenchmarkJudge/healthy", "their reports are judged, all of them good", true},
	{"evaluate", "BenchmarkJudge/broken", "their reports are judged, all of them bad", true},
}

// gateJudges runs the packages' own benchmarks.
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
	for _, p := range pureBenchmarks {
		took, there := measured[p.pkg+"."+p.name]
		if !there {
			return fmt.Errorf("package %s has no benchmark %s", p.pkg, p.name)
		}
		row := figures.Plain("gate, 1000 nodes: "+p.what, figures.Milliseconds(took))
		if p.budget {
			row = figures.AtMost(row.What, took, judgeBudget, figures.Milliseconds)
		}
		b.add(row)
	}
	return nil
}
