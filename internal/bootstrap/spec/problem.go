package spec

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a file, or only doubtful.
type Problem struct {
	File string `json:"file"`
	// Line and Column of what is wrong, counted from 1; the column in characters. Both
	// are 0 for what stands in no line of its own.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
	// Path of the field, such as nodes[1].address; empty for the file as a whole.
	Path string `json:"path,omitempty"`
	// Message says what is wrong, and the way out. It holds no secret.
	Message string `json:"message"`
	// Warning: nothing stands in the way, but look at it.
	Warning bool `json:"warning,omitempty"`
}

// String is a line such as "cluster.yaml:12:7: nodes[1].mac: is required".
func (p Problem) String() string {
	var s strings.Builder
	s.WriteString(p.File + ":")
	if p.Line > 0 {
		fmt.Fprintf(&s, "%d:%d:", p.Line, p.Column)
	}
	s.WriteString(" ")
	if p.Warning {
		s.WriteString("warning: ")
	}
	if p.Path != "" {
		s.WriteString(p.Path + ": ")
	}
	s.WriteString(p.Message)
	return s.String()
}

// Problems in the order of the file.
type Problems []Problem

// Errors are those that stand in the way.
func (p Problems) Errors() Problems { return p.filter(false) }

// Warnings are those that don't.
func (p Problems) Warnings() Problems { return p.filter(true) }

func (p Problems) filter(warnings bool) Problems {
	var found Problems
	for _, problem := range p {
		if problem.Warning == warnings {
			found = append(found, problem)
		}
	}
	return found
}

// String has a line for each.
func (p Problems) String() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

func (p Problems) sorted() Problems {
	slices.SortFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(p)
}
