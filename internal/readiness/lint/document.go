package lint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// document is one Kubernetes object as it stands in a file.
type document struct {
	// line of its first field, counted from 1.
	line   int
	fields map[string]any
}

// documents reads the Kubernetes objects of a YAML file, those of a List
// included. What is YAML, but no object, is left out. What is no YAML, or has a
// field twice, is an error, with the objects that could be read.
func documents(data []byte) ([]document, error) {
	if err := checkAliases(data); err != nil {
		return nil, err
	}
	var found []document
	var failed error
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var node yaml.Node
		err := decoder.Decode(&node)
		if errors.Is(err, io.EOF) {
			return found, failed
		}
		if err != nil {
			return found, errors.Join(failed, fmt.Errorf("not YAML: %w", err))
		}
		if len(node.Content) != 1 {
			continue
		}
		read, err := objects(node.Content[0])
		found, failed = append(found, read...), errors.Join(failed, err)
	}
}

// objects returns the object that the node is, or those of the List that it is.
func objects(node *yaml.Node) ([]document, error) {
	if node.Kind != yaml.MappingNode {
		return nil, nil
	}
	var fields map[string]any
	if err := node.Decode(&fields); err != nil {
		return nil, err
	}
	if fields["kind"] == "List" {
		return items(node)
	}
	d := document{line: node.Line, fields: fields}
	if d.text("apiVersion") == "" || d.text("kind") == "" || d.text("metadata", "name") == "" {
		return nil, nil
	}
	return []document{d}, nil
}

func items(list *yaml.Node) ([]document, error) {
	var found []document
	var failed error
	for i := 0; i+1 < len(list.Content); i += 2 {
		if list.Content[i].Value != "items" || list.Content[i+1].Kind != yaml.SequenceNode {
			continue
		}
		for _, item := range list.Content[i+1].Content {
			read, err := objects(item)
			found, failed = append(found, read...), errors.Join(failed, err)
		}
	}
	return found, failed
}

func (d document) ref() Ref {
	return refOf(d.fields)
}

func (d document) text(path ...string) string {
	return text(d.fields, path...)
}

// refOf names the object that has these fields.
func refOf(fields map[string]any) Ref {
	r := Ref{
		Group:     group(text(fields, "apiVersion")),
		Kind:      text(fields, "kind"),
		Namespace: text(fields, "metadata", "namespace"),
		Name:      text(fields, "metadata", "name"),
	}
	if r.Namespace == "" && (r.isKustomization() || r.isHelmRelease()) {
		r.Namespace = "default"
	}
	return r
}

// text returns the string at a path of fields, "" if there is none.
func text(fields map[string]any, path ...string) string {
	for _, name := range path[:len(path)-1] {
		inner, ok := fields[name].(map[string]any)
		if !ok {
			return ""
		}
		fields = inner
	}
	value, _ := fields[path[len(path)-1]].(string)
	return value
}

// decode reads fields into an API type. Unknown fields are no error: this
// program may be older than the Flux that is linted.
func decode(fields map[string]any, into any) error {
	encoded, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	return json.Unmarshal(encoded, into)
}
