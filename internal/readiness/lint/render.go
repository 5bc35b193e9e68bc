package lint

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Text is what a person reads.
func Text(findings []Finding, g *Graph) string {
	var out strings.Builder
	for _, f := range findings {
		if f.File != "" {
			fmt.Fprintf(&out, "%s:%d: ", f.File, f.Line)
		}
		fmt.Fprintf(&out, "%s: ", f.Severity)
		if f.Object != nil {
			fmt.Fprintf(&out, "%s ", f.Object)
		}
		fmt.Fprintf(&out, "%s [%s]\n    way out: %s\n", f.Message, f.Code, f.Remedy)
	}
	fmt.Fprintf(&out, "%s. %s\n", Tally(findings), position(g))
	if unread := g.Unread(); len(unread) > 0 {
		fmt.Fprintf(&out, "Not looked into, because the content is not here: %s.\n", listed(unread))
		if len(unread) == count(g.Subjects(), Ref.isKustomization) {
			out.WriteString("That is all of them: is this directory the root of the repository, to which spec.path is relative?\n")
		}
	}
	return out.String()
}

// position says what stands where.
func position(g *Graph) string {
	if g.Gate == (Ref{}) {
		return "There is no gate."
	}
	all, behind := g.Subjects(), g.Downstream(g.Gate)
	return fmt.Sprintf("The gate is %s; behind it are %d of %d Kustomizations and %d of %d HelmReleases.", g.Gate,
		count(behind, Ref.isKustomization), count(all, Ref.isKustomization),
		count(behind, Ref.isHelmRelease), count(all, Ref.isHelmRelease))
}

func count(refs []Ref, is func(Ref) bool) int {
	n := 0
	for _, r := range refs {
		n += boolToInt(is(r))
	}
	return n
}

// result is the JSON output. Fields are only ever added.
type result struct {
	Errors     int       `json:"errors"`
	Warnings   int       `json:"warnings"`
	Gate       *Ref      `json:"gate"`
	Findings   []Finding `json:"findings"`
	Downstream []Ref     `json:"downstream"`
	Upstream   []Ref     `json:"upstream"`
	Unread     []Ref     `json:"unread"`
}

// JSON is what a program reads: the same findings, and what stands before and
// behind the gate.
func JSON(findings []Finding, g *Graph) ([]byte, error) {
	r := result{Findings: orEmpty(findings), Downstream: []Ref{}, Upstream: []Ref{}, Unread: orEmpty(g.Unread())}
	r.Errors, r.Warnings = Counts(findings)
	if g.Gate != (Ref{}) {
		r.Gate = &g.Gate
		r.Downstream, r.Upstream = orEmpty(g.Downstream(g.Gate)), orEmpty(g.Upstream(g.Gate))
	}
	encoded, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(encoded, '\n'), nil
}

// orEmpty makes an empty list of nil, so that readers always find a list.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
