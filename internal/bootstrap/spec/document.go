package spec

import (
	"bytes"
	"fmt"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// document is a file that is being read: where its values stand, and what is wrong.
type document struct {
	file  string
	lines [][]byte
	root  *place
	// faulty are the places that are left out of further checks, meant the fields that
	// are given under a wrong name; both by their paths as text.
	faulty   map[string]path
	meant    map[string]bool
	problems Problems
}

func newDocument(file string, data []byte) *document {
	return &document{file: file, lines: bytes.Split(data, []byte("\n")), faulty: map[string]path{}, meant: map[string]bool{}}
}

// place is where a value stands.
type place struct {
	// key is the name of the field; nil for the whole document and for items.
	key    *yaml.Node
	value  *yaml.Node
	fields map[string]*place
	items  []*place
}

// fail reports a mistake and takes the value out of all further checks.
func (d *document) fail(at path, format string, args ...any) {
	d.failNode(d.position(at), at, format, args...)
}

func (d *document) warn(at path, format string, args ...any) {
	d.report(d.position(at), at, true, format, args...)
}

// failNode is fail at a node of its own, such as a field's name.
func (d *document) failNode(node *yaml.Node, at path, format string, args ...any) {
	d.exclude(at)
	d.report(node, at, false, format, args...)
}

func (d *document) exclude(at path) { d.faulty[at.String()] = at }

func (d *document) report(where *yaml.Node, at path, warning bool, format string, args ...any) {
	d.problems = append(d.problems, Problem{
		File: d.file, Line: max(where.Line, 1), Column: max(where.Column, 1),
		Path: at.shown().String(), Message: fmt.Sprintf(format, args...), Warning: warning,
	})
}

// find returns the place at a path, or the nearest one above it that exists.
func (d *document) find(at path) (found *place, exact bool) {
	found = d.root
	for _, step := range at {
		var below *place
		switch step := step.(type) {
		case string:
			below = found.fields[step]
		case int:
			if step < len(found.items) {
				below = found.items[step]
			}
		}
		if below == nil {
			return found, false
		}
		found = below
	}
	return found, true
}

// has says whether the file gives a value at the path, be it a wrong one or under a
// wrong name.
func (d *document) has(at path) bool {
	_, exact := d.find(at)
	return exact || d.meant[at.String()]
}

// position is that of the value, or of the name of the field that lacks it.
func (d *document) position(at path) *yaml.Node {
	found, exact := d.find(at)
	empty := found.value.Kind == yaml.ScalarNode && found.value.Value == ""
	if found.key != nil && (!exact || empty) {
		return found.key
	}
	return found.value
}

// where names a place for a message that is shown at another.
func (d *document) where(at path) string {
	return fmt.Sprintf("%s (line %d)", at.shown(), d.position(at).Line)
}

// isFaulty says whether something is wrong already with the value or what it is in.
func (d *document) isFaulty(at path) bool { return isWithin(at, d.faulty) }

func isWithin(at path, places map[string]path) bool {
	for depth := range len(at) + 1 {
		if _, found := places[at[:depth].String()]; found {
			return true
		}
	}
	return false
}

// located turns a location of the schema's validator into a path.
func (d *document) located(location []string) path {
	var at path
	for _, step := range location {
		if here, exact := d.find(at); exact && here.items != nil {
			if i, err := strconv.Atoi(step); err == nil {
				at = at.at(i)
				continue
			}
		}
		at = at.at(step)
	}
	return at
}

// prune takes what is faulty out of the values, so that the rest can be decoded.
func (d *document) prune(values any) {
	for _, wrong := range d.faulty {
		prune(values, wrong)
	}
}

func prune(values any, at path) {
	if len(at) == 0 {
		return
	}
	last := len(at) == 1
	switch step := at[0].(type) {
	case string:
		fields, _ := values.(map[string]any)
		if last {
			delete(fields, step)
			return
		}
		prune(fields[step], at[1:])
	case int:
		items, _ := values.([]any)
		switch {
		case step >= len(items):
		case last:
			items[step] = nil
		default:
			prune(items[step], at[1:])
		}
	}
}
