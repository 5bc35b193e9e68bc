package lint

import (
	"fmt"
	"slices"
)

// checkPosition finds what starts before the gate opens and has no reason to.
func checkPosition(c *cluster, g *Graph) []Finding {
	if g.Gate == (Ref{}) {
		return nil
	}
	exempt := newExemptions(c, g)
	open := g.filter(func(r Ref) bool { return !g.Behind(r, g.Gate) && !exempt.covers(r) })
	var findings []Finding
	for _, culprit := range culprits(g, open) {
		f := notBehind(c, g, culprit)
		for _, other := range open {
			if other != culprit && g.after(starts(other), starts(culprit)) {
				f.Affected = append(f.Affected, other)
			}
		}
		if len(f.Affected) > 0 {
			f.Message += "; nor is what comes after it: " + listed(f.Affected)
		}
		findings = append(findings, f)
	}
	return findings
}

// culprits are those of the open objects that come after no other one: put behind
// the gate, they take the rest along. Of a cycle it is the first.
func culprits(g *Graph, open []Ref) []Ref {
	var found []Ref
	for _, r := range open {
		if !slices.ContainsFunc(open, func(other Ref) bool {
			return other != r && g.after(starts(r), starts(other)) &&
				(!g.after(starts(other), starts(r)) || other.compare(r) < 0)
		}) {
			found = append(found, r)
		}
	}
	return found
}

func notBehind(c *cluster, g *Graph, r Ref) Finding {
	o := c.objects[r]
	if k, ok := c.kustomizations[r]; ok {
		message := fmt.Sprintf("is not behind the gate: none of its dependencies leads to %s", g.Gate)
		if slices.ContainsFunc(k.awaits(), func(awaited Ref) bool { return slices.Contains(verdicts(c), awaited) }) {
			message += "; its own health check on the verdict comes after its objects are applied"
		}
		return o.finding(NotBehindGate, Error, message, fmt.Sprintf(
			"add %s to its spec.dependsOn; or, if the network needs it, add it to the dependsOn of the gate; or, if it is meant to start before, annotate it with %s: \"true\"",
			dependencyOn(g.Gate, r.Namespace), UpstreamAnnotation))
	}
	appliers := c.appliers[r]
	message := "is not behind the gate: Flux applies it from the start"
	switch {
	case slices.Contains(appliers, g.Gate):
		message = fmt.Sprintf("is not behind the gate: the gate's own %s applies it, before the gate opens", g.Gate)
	case len(appliers) > 0:
		message = fmt.Sprintf("is not behind the gate: %s applies it, which comes before %s", listed(appliers), g.Gate)
	}
	return o.finding(NotBehindGate, Error, message, fmt.Sprintf(
		"move it to a Kustomization that depends on the gate; or, if it is meant to start before, annotate it with %s: \"true\"", UpstreamAnnotation))
}

// dependencyOn is the entry of spec.dependsOn, seen from a namespace.
func dependencyOn(r Ref, from string) string {
	if r.Namespace == from {
		return fmt.Sprintf("{name: %s}", r.Name)
	}
	return fmt.Sprintf("{name: %s, namespace: %s}", r.Name, r.Namespace)
}
