package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// progress says what is going on, with the time since the start.
type progress struct {
	out   io.Writer
	start time.Time
}

func startProgress(out io.Writer) *progress { return &progress{out: out, start: time.Now()} }

func (p *progress) say(format string, args ...any) {
	fmt.Fprintf(p.out, "%6.1f s  %s\n", time.Since(p.start).Seconds(), fmt.Sprintf(format, args...))
}

// Write implements io.Writer for the progress of others, line by line.
func (p *progress) Write(text []byte) (int, error) {
	for line := range strings.Lines(string(text)) {
		p.say("%s", strings.TrimRight(line, "\n"))
	}
	return len(text), nil
}
