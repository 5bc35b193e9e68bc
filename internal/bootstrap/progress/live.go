package progress

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"golang.org/x/term"
)

// live draws on a terminal. It holds it only while something waits or runs.
type live struct {
	out     *screen
	environ []string
	colours colorprofile.Profile

	program *tea.Program
	ended   chan struct{}
	// frames counts, so that the spinner turns.
	frames int
}

// environment are the variables that drawing depends on. The others are nobody's
// business here: they may hold secrets. TMUX would have a program started, with all
// of them.
var environment = []string{"TERM", "COLORTERM", "NO_COLOR", "CLICOLOR", "COLUMNS", "LINES"}

func newLive(terminal *os.File, environ []string) *live {
	environ = slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return !slices.Contains(environment, name)
	})
	l := &live{out: &screen{File: terminal}, environ: environ, colours: colorprofile.Detect(terminal, environ)}
	if slices.ContainsFunc(environ, func(entry string) bool { return len(entry) > len("NO_COLOR=") && strings.HasPrefix(entry, "NO_COLOR=") }) {
		l.colours = min(l.colours, colorprofile.ASCII)
	}
	return l
}

func (l *live) show(b *Board, happened []happening, now time.Time) error {
	if b.busy() && l.program == nil {
		l.begin(b, now)
	}
	for _, h := range happened {
		if h.turned && (h.row.State.ended() || h.row.State == Note) {
			if err := l.print(lineOf(b, h.row, h.row.State, h.event.At)); err != nil {
				return err
			}
		}
	}
	if !b.busy() {
		l.end()
	}
	return l.tick(b, now)
}

func (l *live) tick(b *Board, now time.Time) error {
	if l.program != nil {
		l.frames++
		l.program.Send(model{board: b, now: now, frame: l.frames})
	}
	return nil
}

// begin draws the first frame before it returns: Bubble Tea can't print above a
// frame that isn't there.
func (l *live) begin(b *Board, now time.Time) {
	first := l.out.expect()
	width, height := l.out.size()
	l.program = tea.NewProgram(model{board: b, now: now, width: width, height: height, frame: l.frames},
		tea.WithOutput(l.out), tea.WithInput(nil), tea.WithoutSignalHandler(), tea.WithEnvironment(l.environ), tea.WithColorProfile(l.colours))
	l.ended = make(chan struct{})
	go func() {
		defer close(l.ended)
		_, _ = l.program.Run() // the timeline is printed all the same
	}()
	select {
	case <-first:
	case <-l.ended:
	}
}

// end gives the terminal back, without the panel.
func (l *live) end() {
	if l.program != nil {
		l.program.Send(model{board: &Board{}})
		l.program.Quit()
		<-l.ended
		l.program = nil
	}
}

// print adds to the timeline, line by line: Bubble Tea can't print what is too tall
// to fit above the panel.
func (l *live) print(text line) error {
	width, _ := l.out.size()
	for _, styled := range text.styled(width) {
		// Bubble Tea prints this as it is: only what it draws itself loses its colours.
		var out strings.Builder
		_, _ = (&colorprofile.Writer{Forward: &out, Profile: l.colours}).WriteString(styled) // a Builder takes everything
		if l.drawing() {
			l.program.Send(tea.Println(out.String())())
		} else if _, err := fmt.Fprintln(l.out, out.String()); err != nil {
			return err
		}
	}
	return nil
}

// drawing says whether Bubble Tea has the terminal. It may have given up.
func (l *live) drawing() bool {
	if l.program == nil {
		return false
	}
	select {
	case <-l.ended:
		return false
	default:
		return true
	}
}

func (l *live) summary(s Summary) error {
	text := s.String()
	text = strings.ReplaceAll(text, " "+words[Failed]+" ", " "+paint[Failed].Render(words[Failed])+" ")
	_, err := fmt.Fprintf(&colorprofile.Writer{Forward: l.out, Profile: l.colours}, "\n%s\n", text)
	return err
}

// screen is the terminal. It tells when something is written to it.
type screen struct {
	*os.File
	mutex   sync.Mutex
	written chan struct{}
}

// size in characters, or the usual one where the terminal doesn't tell it.
func (s *screen) size() (width, height int) {
	width, height, err := term.GetSize(int(s.Fd()))
	if err != nil || width <= 0 || height <= 0 {
		return 80, 24
	}
	return width, height
}

// expect returns what is closed by the next write.
func (s *screen) expect() <-chan struct{} {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	written := make(chan struct{})
	s.written = written
	return written
}

// Write implements io.Writer.
func (s *screen) Write(p []byte) (int, error) {
	n, err := s.File.Write(p)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.written != nil {
		close(s.written)
		s.written = nil
	}
	return n, err
}

// model is what Bubble Tea draws. It is also the message that replaces it.
type model struct {
	board         *Board
	now           time.Time
	width, height int
	frame         int
}

// Init implements tea.Model.
func (m model) Init() tea.Cmd { return nil }

// Update implements tea.Model.
func (m model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case model:
		msg.width, msg.height = m.width, m.height
		return msg, nil
	}
	return m, nil
}

// View implements tea.Model.
func (m model) View() tea.View {
	drawn := panel(m.board, m.now, m.width, m.height, m.frame)
	if drawn != "" {
		drawn += "\n"
	}
	view := tea.NewView(drawn)
	view.DisableBracketedPasteMode = true
	// The cursor stays to be seen, in a line of its own, because nobody shows it again
	// after a SIGKILL. This shape is the number 0: the terminal's own.
	view.Cursor = tea.NewCursor(0, strings.Count(drawn, "\n"))
	view.Cursor.Shape, view.Cursor.Blink = -1, false
	return view
}
