package lint

import "io/fs"

// checks look at the whole cluster, each for faults of one kind.
var checks = []func(*cluster, *Graph) []Finding{
	checkGate,
	checkPosition,
	checkNetwork,
	checkDependencies,
	checkCycles,
	checkHealthChecks,
	checkTiming,
	checkInstall,
}

// Lint reads a Flux repository and returns what is wrong with it, ordered by
// file and line, and its graph. It reads fsys alone, and never writes. An error
// means that the repository can't be judged at all; whatever can be said of an
// object is a Finding.
func Lint(fsys fs.FS, o Options) ([]Finding, *Graph, error) {
	c, err := read(fsys, o)
	if err != nil {
		return nil, nil, err
	}
	g := newGraph(c)
	gate, findings, err := findGate(c, o)
	if err != nil {
		return nil, nil, err
	}
	g.Gate = gate
	findings = append(findings, c.findings...)
	for _, check := range checks {
		findings = append(findings, check(c, g)...)
	}
	return sorted(findings), g, nil
}
