package controlplane

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// progress tells a person what is going on: on a terminal a long step is one
// line that is refreshed every second, elsewhere one line every half minute.
type progress struct {
	out      io.Writer
	terminal bool
}

func progressOn(out io.Writer) progress {
	if out == nil {
		out = io.Discard
	}
	file, isFile := out.(*os.File)
	return progress{out: out, terminal: isFile && term.IsTerminal(int(file.Fd()))}
}

func (p progress) say(format string, args ...any) {
	fmt.Fprintf(p.out, format+"\n", args...)
}

// step shows what is being done, with the time since its start and a detail that
// may change, until the returned function is called.
func (p progress) step(what string, detail func() string) (end func()) {
	start, done := time.Now(), make(chan struct{})
	every := 30 * time.Second
	if p.terminal {
		every = time.Second
	} else {
		p.say("%s", what)
	}
	var shown sync.WaitGroup
	shown.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				p.refresh(fmt.Sprintf("%s, %s %s", what, elapsed(start), detail()))
			}
		}
	})
	return func() {
		close(done)
		shown.Wait()
		if p.terminal {
			fmt.Fprint(p.out, "\r\033[K")
		}
	}
}

// refresh writes no more than fits on one line: the rest would stay behind.
func (p progress) refresh(line string) {
	if !p.terminal {
		p.say("%s", line)
		return
	}
	if width, _, err := term.GetSize(int(p.out.(*os.File).Fd())); err == nil && width > 0 && len(line) >= width {
		line = line[:width-1]
	}
	fmt.Fprintf(p.out, "\r\033[K%s", line)
}

func elapsed(since time.Time) time.Duration { return time.Since(since).Round(time.Second) }
