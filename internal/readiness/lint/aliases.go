package lint

import (
	"bytes"
	"errors"
	"slices"

	"go.yaml.in/yaml/v3"
)

// kustomize follows YAML's aliases without end: one that contains itself
// overflows its stack, which nothing can catch, and nested ones fill the memory.
var (
	errItself  = errors.New("an anchor contains itself: write its value out")
	errTooMany = errors.New("its aliases stand for more than a million values: write fewer of them")
)

const maxExpanded = 1_000_000

// checkAliases refuses a file that kustomize would not survive. What isn't YAML
// is left to those who parse it.
func checkAliases(data []byte) error {
	if !bytes.ContainsRune(data, '&') || !bytes.ContainsRune(data, '*') {
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	expansion := expansion{left: maxExpanded, size: len(data)}
	for {
		var node yaml.Node
		if decoder.Decode(&node) != nil {
			return nil
		}
		if err := expansion.follow(&node, nil); err != nil {
			return err
		}
	}
}

// expansion counts values as if every alias were written out.
type expansion struct {
	left int
	// size of the text: what is within it is smaller.
	size int
}

func (e *expansion) follow(node *yaml.Node, open []*yaml.Node) error {
	if e.left--; e.left < 0 {
		return errTooMany
	}
	if slices.Contains(open, node) {
		return errItself
	}
	if node.Kind == yaml.AliasNode {
		return e.follow(node.Alias, append(open, node))
	}
	// Patches are YAML within YAML.
	if node.Kind == yaml.ScalarNode && len(node.Value) < e.size {
		return checkAliases([]byte(node.Value))
	}
	for _, inner := range node.Content {
		if err := e.follow(inner, append(open, node)); err != nil {
			return err
		}
	}
	return nil
}
