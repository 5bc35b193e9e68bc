package show

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

// State implements View.
func (v *live) State(scene string, elapsed time.Duration, rows []Row) {
	v.program.Send(panel{scene: scene, rows: rows, began: time.Now().Add(-elapsed), shown: true})
}

// Close implements View.
func (v *live) Close() {
	v.program.Send(panel{})
	v.program.Quit()
	<-v.ended
}

// panel is the state below the timeline; it is also the message that replaces it.
type panel struct {
	scene string
	rows  []Row
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
	rule := strings.Repeat("─", max(p.width, 20))
	lines := []string{faint.Render(rule), strong.Render(fmt.Sprintf("%7s  %s", seconds(elapsed), p.scene))}
	for _, row := range p.rows {
		lines = append(lines, p.row(row))
	}
	return strings.Join(lines, "\n")
}

func (p panel) row(row Row) string {
	sign, text := string(row.Mark), row.Text
	if row.Mark == Waiting {
		sign = spinner[p.frame%len(spinner)]
	}
	if text == "" {
		text = "-"
	}
	line := fmt.Sprintf(" %-17s %s", row.What, text)
	return "       " + marks[row.Mark].Render(sign) + lipgloss.NewStyle().MaxWidth(max(p.width-8, 20)).Render(line)
}
