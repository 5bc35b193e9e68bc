package main

import (
	"fmt"
	"io"
	"time"
)

// plain shows one line for each line, for files and pipes.
type plain struct{ out io.Writer }

// Line implements View.
func (v plain) Line(e Line) { fmt.Fprintln(v.out, e) }

// World implements View: what is new in it is a line, too.
func (plain) World(string, time.Duration, World) {}

// Close implements View.
func (plain) Close() {}
