package lint

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// remoteEntry is an entry of a kustomization file that isn't in the repository.
type remoteEntry struct {
	file  string
	line  int
	entry string
}

// withoutRemote returns a kustomization file, or one that configures a generator
// or transformer, without the entries that kustomize would fetch, and those
// entries. What isn't YAML is returned as it is: kustomize says best what is wrong
// with it. Aliases must have been checked.
func withoutRemote(data []byte) ([]byte, []remoteEntry) {
	var found []remoteEntry
	var rest bytes.Buffer
	decoder, encoder := yaml.NewDecoder(bytes.NewReader(data)), yaml.NewEncoder(&rest)
	for {
		var root yaml.Node
		err := decoder.Decode(&root)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return data, nil
		}
		for _, node := range root.Content {
			prune(node, "", &found)
		}
		if encoder.Encode(&root) != nil {
			return data, nil
		}
	}
	if len(found) == 0 || encoder.Close() != nil {
		return data, nil
	}
	return rest.Bytes(), found
}

// prune takes remote entries out of every list of file names below the node, and
// list items and fields that name a remote file by their "path".
func prune(node *yaml.Node, field string, found *[]remoteEntry) {
	switch node.Kind {
	case yaml.MappingNode:
		kept := node.Content[:0]
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			if namesFile(key.Value) && remoteScalar(value, key.Value, found) {
				continue
			}
			if value.Kind == yaml.AliasNode && value.Alias.Kind == yaml.SequenceNode {
				// The same list may be harmless where it is anchored.
				prune(value.Alias, key.Value, found)
			}
			prune(value, key.Value, found)
			kept = append(kept, key, value)
		}
		node.Content = kept
	case yaml.SequenceNode:
		kept := node.Content[:0]
		for _, item := range node.Content {
			if remoteScalar(item, field, found) || remoteItem(item, found) {
				continue
			}
			pruneInline(item, field, found)
			prune(item, field, found)
			kept = append(kept, item)
		}
		node.Content = kept
	}
}

// pruneInline looks into a generator or transformer that is written inline.
func pruneInline(item *yaml.Node, field string, found *[]remoteEntry) {
	if field != "generators" && field != "transformers" && field != "validators" || !strings.Contains(item.Value, "\n") {
		return
	}
	rest, inner := withoutRemote([]byte(item.Value))
	item.Value = string(rest)
	for _, entry := range inner {
		entry.line += item.Line
		*found = append(*found, entry)
	}
}

func namesFile(field string) bool {
	return field == "path" || field == "env"
}

// remoteItem is a list item, such as a patch, whose file is remote.
func remoteItem(item *yaml.Node, found *[]remoteEntry) bool {
	if item.Kind != yaml.MappingNode {
		return false
	}
	for i := 0; i+1 < len(item.Content); i += 2 {
		if item.Content[i].Value == "path" && remoteScalar(item.Content[i+1], "path", found) {
			return true
		}
	}
	return false
}

func remoteScalar(node *yaml.Node, field string, found *[]remoteEntry) bool {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind != yaml.ScalarNode || field == "literals" {
		return false
	}
	entry := node.Value
	// A generator's file may be given another name: "name=file".
	if _, file, renamed := strings.Cut(entry, "="); renamed && field == "files" {
		entry = file
	}
	// An inline patch is no file name.
	if strings.Contains(entry, "\n") || !isRemote(entry) {
		return false
	}
	*found = append(*found, remoteEntry{line: node.Line, entry: entry})
	return true
}
