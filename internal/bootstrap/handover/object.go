package handover

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	yamlutil "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// What follows the end of a document without a new beginning is passed over by who
// reads objects, and kept by who stores the file.
var documentEnd = regexp.MustCompile(`(?m)^\.\.\.\s*$`)

// check reads a file as Talos does (adapters/k8s/manifest.go: the same splitting,
// and a List taken apart), and reports what must not, or can't, be applied.
func (l *loader) check(path string, content []byte) {
	found := 0
	reader := yamlutil.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
	for number := 1; ; number++ {
		where := fmt.Sprintf("%s, document %d", path, number)
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			l.fail(where, "%w", err)
			return
		}
		if documentEnd.Match(document) {
			l.fail(where, "has a line ..., and what follows it would be passed over: begin the next document with ---")
			found++
			continue
		}
		found += l.document(where, document)
	}
	if found == 0 {
		l.fail(path, "has no object in it: leave it out")
	}
}

// document checks one document, and returns whether there is something in it.
func (l *loader) document(where string, document []byte) (found int) {
	var value any
	encoded, err := yaml.YAMLToJSONStrict(document)
	if err == nil {
		err = json.Unmarshal(encoded, &value)
	}
	if err != nil {
		l.fail(where, "is not YAML, with lines counted from its first: %s", strings.TrimPrefix(err.Error(), "yaml: "))
		return 1
	}
	if value == nil {
		return 0
	}
	fields, ok := value.(map[string]any)
	if !ok {
		l.fail(where, "is no Kubernetes object")
		return 1
	}
	items, isList := fields["items"].([]any)
	if !isList {
		l.object(where, fields)
		return 1
	}
	for i, item := range items {
		l.item(fmt.Sprintf("%s, item %d", where, i+1), item)
	}
	return 1
}

func (l *loader) item(where string, item any) {
	fields, ok := item.(map[string]any)
	_, isList := fields["items"].([]any)
	switch {
	case !ok:
		l.fail(where, "is no Kubernetes object")
	case isList:
		l.fail(where, "is a List in a List, which Talos does not take apart")
	default:
		l.object(where, fields)
	}
}

func (l *loader) object(where string, fields map[string]any) {
	apiVersion, kind := text(fields, "apiVersion"), text(fields, "kind")
	metadata, _ := fields["metadata"].(map[string]any)
	name := text(metadata, "name")
	called := name
	if namespace := text(metadata, "namespace"); namespace != "" {
		called = namespace + "/" + name
	}
	group, _, isGrouped := strings.Cut(apiVersion, "/")
	if !isGrouped {
		group = ""
	}
	switch {
	case group == "" && kind == "Secret":
		l.fail(where, "is a Secret (%s), and would rest on the disk of every control plane: give Flux its credential with handOver.secret, and let Flux apply other ones, encrypted", called)
	case group == "kustomize.config.k8s.io":
		l.fail(where, "is for kustomize, which Talos does not run: name the manifests themselves in handOver.manifests, or what kustomize build makes of them")
	case apiVersion == "" || kind == "" || name == "":
		l.fail(where, "has no %s", strings.Join(lacking("apiVersion", apiVersion, "kind", kind, "metadata.name", name), ", no "))
	default:
		l.once(where, group, kind, called)
	}
}

// once reports an object that was there before.
func (l *loader) once(where, group, kind, called string) {
	identity := strings.Join([]string{group, kind, called}, " ")
	if first := l.objects[identity]; first != "" {
		l.fail(where, "is the %s %s, which stands in %s already", kind, called, first)
		return
	}
	l.objects[identity] = where
}

func text(fields map[string]any, name string) string {
	value, _ := fields[name].(string)
	return value
}

// lacking are the names whose values are empty.
func lacking(pairs ...string) []string {
	var found []string
	for pair := range slices.Chunk(pairs, 2) {
		if pair[1] == "" {
			found = append(found, pair[0])
		}
	}
	return found
}
