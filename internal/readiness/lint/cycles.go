package lint

import (
	"fmt"
	"slices"
	"strings"
)

// Cycles returns the ways along which an object would have to be Ready before
// itself, each with the same object at both ends. Of cycles that share an object
// the shortest is returned: the others may vanish with it.
func (g *Graph) Cycles() [][]Ref {
	var cycles [][]Ref
	for _, cycle := range g.cycles() {
		var refs []Ref
		for _, step := range cycle {
			if len(refs) == 0 || refs[len(refs)-1] != step.ref {
				refs = append(refs, step.ref)
			}
		}
		cycles = append(cycles, refs)
	}
	return cycles
}

func (g *Graph) cycles() [][]need {
	var shortest [][]need
	for _, r := range g.subjects {
		if g.after(starts(r), starts(r)) {
			shortest = append(shortest, g.before(starts(r), starts(r)))
		}
	}
	slices.SortStableFunc(shortest, func(a, b []need) int { return len(a) - len(b) })
	var kept [][]need
	seen := map[Ref]bool{}
	for _, cycle := range shortest {
		if slices.ContainsFunc(cycle, func(n need) bool { return seen[n.ref] }) {
			continue
		}
		for _, step := range cycle {
			seen[step.ref] = true
		}
		kept = append(kept, cycle)
	}
	return kept
}

// told is a way in words: "A depends on B, which waits for C".
func told(way []need) string {
	var said strings.Builder
	said.WriteString(way[0].ref.String())
	joint := " "
	for _, step := range way[1:] {
		if step.why == whyStarted {
			continue
		}
		fmt.Fprintf(&said, "%s%s %s", joint, step.why, step.ref)
		joint = ", which "
	}
	return said.String()
}

func checkCycles(c *cluster, g *Graph) []Finding {
	var findings []Finding
	for _, cycle := range g.cycles() {
		findings = append(findings, c.objects[cycle[0].ref].finding(DependencyCycle, Error,
			"waits for itself, so none of these ever starts: "+told(cycle),
			"take one of these dependencies out"))
	}
	return findings
}
