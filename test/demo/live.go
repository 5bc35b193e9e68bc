package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"
	"golang.org/x/term"
)

// live shows the timeline on a terminal, and below it the present state of things.
type live struct {
	out     *os.File
	colours colorprofile.Profile
	program *tea.Program
	ended   chan struct{}
}

// newLive takes the terminal over until Close. It reads no input, so Ctrl-C stays
// the signal that it is.
func newLive(out *os.File, colours colorprofile.Profile) *live {
	v := &live{out: out, colours: colours, ended: make(chan struct{})}
	v.program = tea.NewProgram(panel{}, tea.WithOutput(out), tea.WithInput(nil), tea.WithoutSignalHandler(), tea.WithColorProfile(colours))
	go func() {
		defer close(v.ended)
		_, _ = v.program.Run() // without a terminal there is nothing to show it on
	}()
	return v
}

// Line implements View.
func (v *live) Line(e Line) {
	width, _, err := term.GetSize(int(v.out.Fd()))
	if err != nil {
		width = 80
	}
	// Bubble Tea prints this as it is: only what it draws itself loses its colours.
	var line strings.Builder
	_, _ = (&colorprofile.Writer{Forward: &line, Profile: v.colours}).WriteString(styled(e, width)) // a Builder takes everything
	v.program.Println(line.String())
}

// World implements View.
func (v *live) World(act string, elapsed time.Duration, w World) {
	v.program.Send(panel{act: act, world: w, began: time.Now().Add(-elapsed), shown: true})
}

// Close implements View.
func (v *live) Close() {
	v.program.Send(panel{})
	v.program.Quit()
	<-v.ended
}

// panel is the state below the timeline; it is also the message that replaces it.
type panel struct {
	act   string
	world World
	began time.Time
	shown bool
	width int
	frame int
}

type tick time.Time

func ticking() tea.Cmd {
	return tea.Tick(100*time.Millisecond, func(t time.Time) tea.Msg { return tick(t) })
}

// Init implements tea.Model.
func (p panel) Init() tea.Cmd { return ticking() }

// Update implements tea.Model.
func (p panel) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tick:
		p.frame++
		return p, ticking()
	case tea.WindowSizeMsg:
		p.width = msg.Width
	case panel:
		msg.width, msg.frame = p.width, p.frame
		return msg, nil
	}
	return p, nil
}

// View implements tea.Model.
func (p panel) View() tea.View {
	if !p.shown {
		return tea.NewView("")
	}
	return tea.NewView(p.render(time.Since(p.began)))
}

// spinner turns while something is waited for.
var spinner = []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}

func (p panel) render(elapsed time.Duration) string {
	w := p.world
	rule := strings.Repeat("─", max(p.width, 20))
	lines := []string{faint.Render(rule), strong.Render(fmt.Sprintf("%7s  %s", seconds(elapsed), p.act))}
	for _, row := range []struct {
		mark       Mark
		what, text string
	}{
		{upMark(w.Database == "up"), "PostgreSQL", w.Database},
		{upMark(w.Cluster == "running"), "PostgresCluster", w.Cluster},
		{w.Export.mark(), "SecretExport", w.Export.line()},
		{w.Import.mark(), "SecretImport", w.Import.line()},
		{upMark(w.Owned && w.Mirror == w.Source), "Grafana's Secret", strings.TrimSpace(w.Mirror + " " + mine(w))},
		{upMark(w.Grafana.Login == loggedIn), "Grafana", w.Grafana.String()},
	} {
		lines = append(lines, p.row(row.mark, row.what, row.text))
	}
	return strings.Join(lines, "\n")
}

func (p panel) row(mark Mark, what, text string) string {
	sign := string(mark)
	if mark == waiting {
		sign = spinner[p.frame%len(spinner)]
	}
	if text == "" {
		text = "-"
	}
	line := fmt.Sprintf(" %-17s %s", what, text)
	return "       " + marks[mark].Render(sign) + lipgloss.NewStyle().MaxWidth(max(p.width-8, 20)).Render(line)
}

func upMark(up bool) Mark {
	if up {
		return good
	}
	return waiting
}

func mine(w World) string {
	switch {
	case w.Mirror == "":
		return ""
	case w.Owned:
		return "(mirror)"
	default:
		return "(seeded by the ExternalSecret)"
	}
}
