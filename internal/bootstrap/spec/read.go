package spec

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxSize of a file in bytes: a cluster.yaml of hundreds of nodes has a tenth of it.
const maxSize = 1 << 20

// read makes places and values of a file. Its values are those of JSON, numbers
// being json.Number. Without a mapping to go on with it returns nil.
func (d *document) read(data []byte) map[string]any {
	nodes := d.parse(data)
	switch {
	case len(d.problems) > 0:
		return nil
	case len(nodes) == 0:
		d.report(&yaml.Node{}, nil, false, "is empty: examples/cluster.yaml is one to start from")
		return nil
	case len(nodes) > 1:
		d.report(nodes[1], nil, false, "a second document begins here: one file describes one cluster")
	}
	values, root := d.values(nodes[0], nil)
	d.root = root
	fields, ok := values.(map[string]any)
	if !ok && len(d.problems) == 0 {
		d.report(root.value, nil, false, "is no mapping of fields: it must begin with apiVersion, kind and metadata")
	}
	return fields
}

// parse returns the documents of a file that aren't empty.
func (d *document) parse(data []byte) []*yaml.Node {
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	if !d.isText(data) {
		return nil
	}
	var nodes []*yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var node yaml.Node
		err := decoder.Decode(&node)
		if errors.Is(err, io.EOF) {
			return nodes
		}
		if err != nil {
			d.notYAML(data, err)
			return nil
		}
		if content := node.Content; len(content) == 1 && content[0].ShortTag() != "!!null" {
			nodes = append(nodes, content[0])
		}
	}
}

// isText reports what no editor shows: too much of it, or what isn't text.
func (d *document) isText(data []byte) bool {
	if len(data) > maxSize {
		d.report(&yaml.Node{}, nil, false, "has %d bytes: at most %d are read", len(data), maxSize)
		return false
	}
	line, start := 1, 0
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 || !isYAML(r) {
			d.report(&yaml.Node{Line: line, Column: utf8.RuneCount(data[start:i]) + 1}, nil, false,
				"is not text in UTF-8: a byte here belongs to no character that YAML allows")
			return false
		}
		if i += size; r == '\n' {
			line, start = line+1, i
		}
	}
	return true
}

// isYAML says whether YAML allows the character (its production c-printable).
func isYAML(r rune) bool {
	switch {
	case r == '\t', r == '\n', r == '\r', r == 0x85:
		return true
	case r < 0x20, r >= 0x7f && r < 0xa0, r == 0xfeff, r == 0xfffe, r == 0xffff:
		return false
	}
	return true
}

var (
	yamlLine      = regexp.MustCompile(`line (\d+): `)
	unknownAnchor = regexp.MustCompile(`unknown anchor '(.*)' referenced`)
)

// notYAML reports the parser's error, which tells a line if it isn't the first, and
// which must not repeat what may be a secret that begins with an asterisk.
func (d *document) notYAML(data []byte, err error) {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	where := &yaml.Node{Line: 1}
	if found := unknownAnchor.FindStringSubmatch(message); found != nil {
		before := data[:max(bytes.Index(data, []byte("*"+found[1])), 0)]
		where.Line = bytes.Count(before, []byte("\n")) + 1
		where.Column = utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
		message = "an alias without an anchor: put a text that begins with an asterisk in quotes"
	} else if found := yamlLine.FindStringSubmatch(message); found != nil {
		where.Line, _ = strconv.Atoi(found[1])
		message = strings.Replace(message, found[0], "", 1)
		if strings.HasPrefix(message, "did not find expected") {
			where.Line++ // of these the library counts lines from 0
		}
	}
	if d.indentedByTab(where.Line) {
		message = "is indented by a tab: YAML takes spaces alone"
	}
	d.report(where, nil, false, "is not YAML: %s", message)
}

func (d *document) indentedByTab(line int) bool {
	if line > len(d.lines) {
		return false
	}
	text := d.lines[line-1]
	return bytes.ContainsRune(text[:len(text)-len(bytes.TrimLeft(text, " \t"))], '\t')
}

// values returns a node's value and its place.
func (d *document) values(node *yaml.Node, at path) (any, *place) {
	here := &place{value: node}
	if node.Style&yaml.TaggedStyle != 0 {
		d.failNode(node, at, "has a tag (!…) that means nothing here: leave it out")
		return nil, here
	}
	switch node.Kind {
	case yaml.MappingNode:
		return d.mapping(node, at, here), here
	case yaml.SequenceNode:
		here.items = []*place{}
		values := make([]any, len(node.Content))
		for i, item := range node.Content {
			var below *place
			values[i], below = d.values(item, at.at(i))
			here.items = append(here.items, below)
		}
		return values, here
	case yaml.AliasNode:
		d.failNode(node, at, "is an alias (*…), which is not followed: write the value itself; what nodes share belongs into nodeDefaults")
		return nil, here
	}
	return d.scalar(node, at), here
}

func (d *document) mapping(node *yaml.Node, at path, here *place) map[string]any {
	here.fields = map[string]*place{}
	values := map[string]any{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		switch first := here.fields[key.Value]; {
		case key.ShortTag() == "!!merge":
			d.report(key, at, false, "has a merge (<<), which is not followed: write the fields themselves; what nodes share belongs into nodeDefaults")
			continue
		case key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str":
			d.report(key, at, false, "has a field whose name is no text: put the name in quotes")
			continue
		case first != nil:
			d.report(key, at.at(key.Value), false, "is given twice, first in line %d", first.key.Line)
			continue
		}
		inner, below := d.values(value, at.at(key.Value))
		below.key = key
		here.fields[key.Value], values[key.Value] = below, inner
	}
	return values
}

// decimal leaves 4.0 out, which JSON Schema calls an integer and Go doesn't.
var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]*[1-9][0-9]*)?$`)

func (d *document) scalar(node *yaml.Node, at path) any {
	switch node.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(node.Value, "true")
	case "!!int", "!!float":
		if !decimal.MatchString(node.Value) {
			d.failNode(node, at, "is a number in a notation of its own: write it in decimal digits, or in quotes if it is a text")
			return nil
		}
		return json.Number(node.Value)
	}
	return node.Value
}
