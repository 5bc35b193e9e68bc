package show

import (
	"strings"

	"charm.land/lipgloss/v2"
)

// The colours of a terminal's own palette, so that they suit its background. A
// writer that knows no colours gets none.
var (
	strong = lipgloss.NewStyle().Bold(true)
	faint  = lipgloss.NewStyle().Faint(true)
	marks  = map[Mark]lipgloss.Style{
		Happened: faint,
		Good:     lipgloss.NewStyle().Foreground(lipgloss.Green),
		Waiting:  lipgloss.NewStyle().Foreground(lipgloss.Yellow),
		Bad:      lipgloss.NewStyle().Foreground(lipgloss.Red),
	}
)

// styled is a line for a terminal of that width.
func styled(e Line, width int) string {
	if e.Mark == Heading {
		return strong.Render(wrapped(e.String(), "", width))
	}
	prefix := e.prefix()
	return faint.Render(prefix[:strings.Index(prefix, string(e.Mark))]) + marks[e.Mark].Render(string(e.Mark)) +
		prefix[strings.Index(prefix, string(e.Mark))+len(e.Mark):] + wrapped(e.Text, strings.Repeat(" ", lipgloss.Width(prefix)), width)
}

// wrapped breaks text to the terminal's width and indents what follows the first
// line.
func wrapped(text, indent string, width int) string {
	room := width - len(indent)
	if room < 30 {
		return text
	}
	return strings.ReplaceAll(lipgloss.Wrap(text, room, ""), "\n", "\n"+indent)
}

// Coloured marks the summary's lines.
func Coloured(summary string) string {
	for _, m := range []Mark{Good, Bad} {
		summary = strings.ReplaceAll(summary, " "+string(m)+" ", " "+marks[m].Render(string(m))+" ")
	}
	return summary
}
