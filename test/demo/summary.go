package main

import (
	"fmt"
	"strings"

	"charm.land/lipgloss/v2"
)

// proven is what a run that converged proves.
const proven = "Proven: a password that changed in a rebirth and in a rotation reached Grafana once it logged in, with one\n" +
	"restart each; one that a restore had made wrong was noticed, and repaired once its owner allowed it."

// Summary is how the demo ended.
type Summary struct {
	Goals  []*Goal
	Checks []Check
	// Err is why the play ended early.
	Err error
}

// Converged reports whether everything came true.
func (s Summary) Converged() bool {
	for _, g := range s.Goals {
		if _, ok := g.Took(); !ok {
			return false
		}
	}
	for _, c := range s.Checks {
		if !c.OK {
			return false
		}
	}
	return s.Err == nil && len(s.Goals) > 0
}

// String is the table of the stop conditions, the checks, and the verdict.
func (s Summary) String() string {
	var out strings.Builder
	act := ""
	for i, g := range s.Goals {
		if i == 0 {
			fmt.Fprintf(&out, "\nStop conditions\n")
		}
		if g.Act != act {
			act = g.Act
			fmt.Fprintf(&out, "  %s, counted from: %s\n", act, g.After)
		}
		fmt.Fprintln(&out, goalLine(g))
	}
	for i, c := range s.Checks {
		if i == 0 {
			fmt.Fprintln(&out)
		}
		fmt.Fprintf(&out, "  %s %s\n", markOf(c.OK), c.Text)
	}
	if s.Converged() {
		return out.String() + "\n" + proven + "\n"
	}
	if s.Err != nil {
		fmt.Fprintf(&out, "\n  %s %s\n", bad, s.Err)
	}
	return out.String() + "\nThe rebirth did not converge.\n"
}

func goalLine(g *Goal) string {
	const width = 44
	took, ok := g.Took()
	text := "not reached"
	if ok {
		text = seconds(took)
		if took.Seconds() < 1 {
			text = fmt.Sprintf("%d ms", took.Milliseconds())
		}
	}
	return fmt.Sprintf("    %s %s%s%9s", markOf(ok), g.Name, strings.Repeat(" ", max(1, width-lipgloss.Width(g.Name))), text)
}

func markOf(ok bool) Mark {
	if ok {
		return good
	}
	return bad
}
