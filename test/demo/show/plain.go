package show

import (
	"fmt"
	"io"
	"time"
)

// plain shows one line for each line, for files and pipes.
type plain struct{ out io.Writer }

// Line implements View.
func (v plain) Line(e Line) { fmt.Fprintln(v.out, e) }

// State implements View: what is new is a line, too.
func (plain) State(string, time.Duration, []Row) {}

// Close implements View.
func (plain) Close() {}
