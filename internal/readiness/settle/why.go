package settle

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tazzo/rebirth/internal/readiness/evaluate"
)

// Why names the first failures of a round: of each check on a node one, and nodes that
// fail alike together, for what breaks DNS breaks it everywhere and in many ways.
func Why(round evaluate.Round) string {
	all := append(slices.Clone(round.Cluster), round.Failures...)
	if len(all) == 0 {
		return fmt.Sprintf("%d of %d nodes pass", round.Passing, round.Eligible)
	}
	const most = 3
	var texts []string
	named := 0
	for _, alike := range grouped(all) {
		if len(texts) == most {
			break
		}
		texts = append(texts, strings.TrimPrefix(nodesOf(alike)+", ", ", ")+alike[0].Check+": "+alike[0].Message)
		named += len(alike)
	}
	if more := len(all) - named; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more (see the report)", more))
	}
	return strings.Join(texts, "; ")
}

// grouped puts failures of one check and message together, in the order of the first
// of each, and leaves out all but the first of a check on a node.
func grouped(failures []evaluate.Failure) [][]evaluate.Failure {
	type pair struct{ a, b string }
	seen, at := map[pair]bool{}, map[pair]int{}
	var groups [][]evaluate.Failure
	for _, f := range failures {
		onNode, alike := pair{f.Node, f.Check}, pair{f.Check, f.Message}
		if f.Node != "" && seen[onNode] {
			continue
		}
		seen[onNode] = true
		if _, ok := at[alike]; !ok {
			at[alike] = len(groups)
			groups = append(groups, nil)
		}
		groups[at[alike]] = append(groups[at[alike]], f)
	}
	return groups
}

// nodesOf names the nodes of some failures, "" for one of no single node.
func nodesOf(failures []evaluate.Failure) string {
	const most = 5
	var names []string
	for _, f := range failures[:min(most, len(failures))] {
		names = append(names, f.Node)
	}
	switch more := len(failures) - most; {
	case failures[0].Node == "":
		return ""
	case len(names) == 1:
		return "node " + names[0]
	case more > 0:
		return fmt.Sprintf("nodes %s and %d more", strings.Join(names, ", "), more)
	default:
		last := len(names) - 1
		return fmt.Sprintf("nodes %s and %s", strings.Join(names[:last], ", "), names[last])
	}
}
