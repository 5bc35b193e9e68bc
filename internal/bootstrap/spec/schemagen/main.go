// Command schemagen writes the JSON Schema of cluster.yaml and its reference page
// from the types and comments of package spec:
//
//	go run ./internal/bootstrap/spec/schemagen [folder, . by default]
//
// It is run in the root of the repository, and writes below the folder.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// Where the package is, and what is made of it, from the root of the repository.
const (
	packageDir = "internal/bootstrap/spec"
	schemaFile = "internal/bootstrap/spec/cluster.schema.json"
	pageFile   = "docs/cluster-yaml.md"
)

func main() {
	into := "."
	if len(os.Args) > 1 {
		into = os.Args[1]
	}
	if err := write(into); err != nil {
		fmt.Fprintln(os.Stderr, "schemagen:", err)
		os.Exit(1)
	}
}

func write(into string) error {
	files, err := generate(".")
	if err != nil {
		return err
	}
	for name, content := range files {
		path := filepath.Join(into, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generate returns the files' contents by their names.
func generate(root string) (map[string][]byte, error) {
	schema, err := reflectSchema(root)
	if err != nil {
		return nil, err
	}
	encoded, err := encode(schema)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{schemaFile: encoded, pageFile: page(schema)}, nil
}
