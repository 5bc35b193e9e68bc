package progress

import (
	"fmt"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
)

// The colours of a terminal's own palette, so that they suit its background.
var (
	faint  = lipgloss.NewStyle().Faint(true)
	strong = lipgloss.NewStyle().Bold(true)
	paint  = map[State]lipgloss.Style{
		Running: lipgloss.NewStyle().Foreground(lipgloss.Cyan),
		Done:    lipgloss.NewStyle().Foreground(lipgloss.Green),
		Skipped: lipgloss.NewStyle().Foreground(lipgloss.Yellow),
		Failed:  lipgloss.NewStyle().Foreground(lipgloss.Red),
		Note:    lipgloss.NewStyle().Foreground(lipgloss.Yellow),
	}
)

// spinner turns while a step runs.
var spinner = []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")

// panel is what moves below the timeline: a line of counts, and one for each step
// that runs, as many as fit. No line is wider than the terminal.
func panel(b *Board, now time.Time, width, height, frame int) string {
	if !b.busy() {
		return ""
	}
	lines := []string{headline(b, now, width)}
	var running []Row
	for _, r := range b.Rows {
		if r.State == Running {
			running = append(running, r)
		}
	}
	// Two thirds of the terminal, and of those not the headline, the line that counts
	// the rest, and the cursor's.
	room := max(1, height*2/3-3)
	node := columnsOf(&Board{Rows: running}).node
	for i, r := range running {
		if i == room {
			lines = append(lines, faint.Render(cut(fmt.Sprintf("%10s… and %d more", "", len(running)-room), width)))
			break
		}
		took, where := fmt.Sprintf("%8s  ", clockTime(r.Took(now))), ""
		if node > 0 {
			where = pad(r.Node, node) + "  "
		}
		sign := paint[Running].Render(string(spinner[frame%len(spinner)]))
		lines = append(lines, took+sign+cut("  "+where+join(r.Title, r.Detail), width-len(took)-1))
	}
	return strings.Join(lines, "\n")
}

// headline counts the steps of the phases that are being worked on, and what of all
// is to come or has failed.
func headline(b *Board, now time.Time, width int) string {
	var parts []string
	waiting, failed := 0, 0
	for _, p := range b.Phases(now) {
		if p.Steps[Running] > 0 {
			parts = append(parts, fmt.Sprintf("%s %d of %d", p.Name, p.Steps[Done], p.Total()))
		}
		waiting += p.Steps[Waiting]
		failed += p.Steps[Failed]
	}
	if waiting > 0 {
		parts = append(parts, fmt.Sprintf("%d to come", waiting))
	}
	if failed > 0 {
		parts = append(parts, fmt.Sprintf("%d failed", failed))
	}
	return strong.Render(cut(fmt.Sprintf("%8s  %s", clockTime(now.Sub(b.Start)), strings.Join(parts, " · ")), width))
}

// cut shortens a line to what fits.
func cut(text string, width int) string {
	if lipgloss.Width(text) <= width {
		return text
	}
	return lipgloss.NewStyle().MaxWidth(max(1, width-1)).Render(text) + "…"
}

// styled is a line of the timeline for a terminal of that width, as lines of the
// terminal: what doesn't fit goes on below the text, or if there is little room
// below the phase.
func (l line) styled(width int) []string {
	head, text := faint.Render(l.at)+paint[l.state].Render(l.word), l.where+l.text
	if lipgloss.Width(l.at+l.word+l.where) <= width-30 {
		head, text = head+l.where, l.text
	}
	indent := lipgloss.Width(head)
	lines := strings.Split(lipgloss.Wrap(text, max(10, width-indent), ""), "\n")
	for i := range lines {
		lines[i] = strings.Repeat(" ", indent) + lines[i]
	}
	lines[0] = head + lines[0][indent:]
	return lines
}
