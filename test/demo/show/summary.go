package show

import (
	"fmt"
	"strings"

	"charm.land/lipgloss/v2"
)

// Summary is how the demo ended.
type Summary struct {
	Goals  []*Measured
	Checks []Check
	// Err is why the play ended early.
	Err error
	// Proven is what a play that converged proves.
	Proven []string
}

// Check is something that has to hold at the end.
type Check struct {
	OK   bool
	Text string
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

// NotConverged is the last line of a summary of which something did not come true.
const NotConverged = "The rebirth did not converge."

// String is the table of the stop conditions, the checks, and the verdict.
func (s Summary) String() string {
	var out strings.Builder
	scene := ""
	for i, g := range s.Goals {
		if i == 0 {
			fmt.Fprintf(&out, "\nStop conditions\n")
		}
		if g.Scene != scene {
			scene = g.Scene
			fmt.Fprintf(&out, "  %s, counted from: %s\n", scene, g.After)
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
		return out.String() + "\nProven:\n  " + strings.Join(s.Proven, "\n  ") + "\n"
	}
	if s.Err != nil {
		fmt.Fprintf(&out, "\n  %s %s\n", Bad, s.Err)
	}
	return out.String() + "\n" + NotConverged + "\n"
}

func goalLine(g *Measured) string {
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
		return Good
	}
	return Bad
}
