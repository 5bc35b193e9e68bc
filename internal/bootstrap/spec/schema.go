package spec

import (
	"bytes"
	_ "embed"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

//go:embed cluster.schema.json
var published []byte

// Schema is the JSON Schema (draft 2020-12) of cluster.yaml. Its formats are those
// of this package: who doesn't know them checks the rest.
func Schema() []byte { return bytes.Clone(published) }

var compiled = sync.OnceValue(func() *jsonschema.Schema {
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(published))
	if err != nil {
		panic(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	for name, check := range formats {
		compiler.RegisterFormat(&jsonschema.Format{Name: name, Validate: func(value any) error {
			text, ok := value.(string)
			if !ok {
				return nil
			}
			return check(text)
		}})
	}
	const name = "cluster.schema.json"
	if err := compiler.AddResource(name, parsed); err != nil {
		panic(err)
	}
	return compiler.MustCompile(name)
})

// schemaAt returns what the schema says about a place; nil for an unknown field.
func schemaAt(at path) *jsonschema.Schema {
	s := compiled()
	for _, step := range at {
		s = inner(s, step)
	}
	return s
}

func inner(s *jsonschema.Schema, step any) *jsonschema.Schema {
	if s == nil {
		return nil
	}
	if s.Ref != nil {
		s = s.Ref
	}
	name, ok := step.(string)
	if !ok {
		return s.Items2020
	}
	if field := s.Properties[name]; field != nil {
		return field
	}
	every, _ := s.AdditionalProperties.(*jsonschema.Schema)
	return every
}

// fieldsAt are the names that the schema knows at a place, sorted.
func fieldsAt(at path) []string {
	s := schemaAt(at)
	if s == nil {
		return nil
	}
	if s.Ref != nil {
		s = s.Ref
	}
	return slices.Sorted(maps.Keys(s.Properties))
}

// isSource says whether a place is where somebody tells where a secret is read from.
func isSource(s *jsonschema.Schema) bool {
	return s != nil && s.Ref != nil && strings.HasSuffix(s.Ref.Location, "/$defs/Source")
}
