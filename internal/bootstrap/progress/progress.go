package progress

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
	"k8s.io/utils/clock"
)

// patience is how long somebody who waits for the display waits for it.
const patience = 2 * time.Second

// frame is how often a display looks at the time.
const frame = 100 * time.Millisecond

// display is one way to show a run. One goroutine calls it.
type display interface {
	// show draws what has happened since the last call, in order.
	show(b *Board, happened []happening, now time.Time) error
	// tick comes every frame.
	tick(b *Board, now time.Time) error
	// end comes last, before the summary.
	end()
	summary(Summary) error
}

// happening is an event and what it did to the board.
type happening struct {
	event  Event
	row    Row
	turned bool
}

// Progress is the Reporter: it remembers, and hands on to its display.
type Progress struct {
	clock   clock.WithTicker
	display display
	wake    chan struct{}
	ended   chan struct{}

	mutex    sync.Mutex
	board    Board
	happened []happening
	// shown is closed when what has happened is on the display.
	shown  chan struct{}
	closed bool
	err    error
}

// New shows the run on w: live if that is a terminal that can be drawn on, else line
// by line.
func New(w io.Writer, c clock.WithTicker) *Progress {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) && drawable(os.Getenv("TERM")) {
		return NewLive(f, os.Environ(), c)
	}
	return NewPlain(w, c)
}

func drawable(terminal string) bool { return terminal != "" && terminal != "dumb" }

// NewPlain writes a line for each step that begins or ends, and one for each that
// goes on for half a minute.
func NewPlain(w io.Writer, c clock.WithTicker) *Progress { return start(&plain{out: w}, c) }

// NewJSON writes each event as a JSON object on a line of its own, with the type
// "event"; the summary has the type "summary".
func NewJSON(w io.Writer, c clock.WithTicker) *Progress { return start(&jsonLines{out: w}, c) }

// NewLive draws on a terminal: what has ended stays above, what runs moves below.
// It reads no input and catches no signal, hides no cursor and changes no mode, so
// that even a run that is killed leaves the terminal in order. For that, what is typed
// is echoed into the panel. While nothing waits or runs, the terminal is free.
func NewLive(terminal *os.File, environ []string, c clock.WithTicker) *Progress {
	return start(newLive(terminal, environ), c)
}

func start(d display, c clock.WithTicker) *Progress {
	p := &Progress{clock: c, display: d, wake: make(chan struct{}, 1), ended: make(chan struct{}), shown: make(chan struct{})}
	go p.draw(c.NewTicker(frame))
	return p
}

// Report implements Reporter.
func (p *Progress) Report(e Event) {
	p.mutex.Lock()
	if p.closed {
		p.mutex.Unlock()
		return
	}
	row, turned := p.board.Fold(e)
	p.happened = append(p.happened, happening{e, row, turned})
	shown, busy := p.shown, p.board.busy()
	p.mutex.Unlock()
	p.nudge()
	if !busy {
		_ = p.await(shown) // a display that is stuck says so when it is closed
	}
}

// Close implements Reporter.
func (p *Progress) Close() error {
	p.mutex.Lock()
	p.closed = true
	p.mutex.Unlock()
	p.nudge()
	if err := p.await(p.ended); err != nil {
		return err
	}
	return p.err
}

// Summary is what the run amounts to, so far.
func (p *Progress) Summary() Summary {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return summarize(&p.board)
}

// WriteSummary closes the display and writes the summary where and how the progress
// was written. It writes nothing if no step was reported.
func (p *Progress) WriteSummary() error {
	if err := p.Close(); err != nil {
		return err
	}
	s := p.Summary()
	if len(s.Phases) == 0 {
		return nil
	}
	return p.display.summary(s)
}

func (p *Progress) nudge() {
	select {
	case p.wake <- struct{}{}:
	default: // it is awake already
	}
}

func (p *Progress) await(done <-chan struct{}) error {
	timer := p.clock.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
		return nil
	case <-timer.C():
		return errors.New("the progress can't be shown: the terminal or the pipe takes nothing")
	}
}

// draw runs until Close.
func (p *Progress) draw(ticker clock.Ticker) {
	defer close(p.ended)
	defer ticker.Stop()
	for {
		select {
		case <-p.wake:
			if p.show() {
				p.display.end()
				return
			}
		case <-ticker.C():
			p.mutex.Lock()
			board := p.board.clone()
			p.mutex.Unlock()
			p.keep(p.display.tick(&board, p.clock.Now()))
		}
	}
}

// show shows what has happened, and returns whether that was all for good.
func (p *Progress) show() (last bool) {
	p.mutex.Lock()
	board, happened, shown, closed := p.board.clone(), p.happened, p.shown, p.closed
	p.happened, p.shown = nil, make(chan struct{})
	p.mutex.Unlock()
	p.keep(p.display.show(&board, happened, p.clock.Now()))
	close(shown)
	return closed
}

// keep keeps the first error for Close.
func (p *Progress) keep(err error) {
	if p.err == nil {
		p.err = err
	}
}
