package main

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"net/netip"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/tazzo/rebirth/internal/bootstrap/spec"
)

const schemaID = "https://rebirth.tazlab.net/bootstrap/v1alpha1/cluster.schema.json"

// exactlyOne are the types of which exactly one field is given.
var exactlyOne = []reflect.Type{reflect.TypeFor[spec.Source](), reflect.TypeFor[spec.EncryptionKey]()}

// texts are the types that are written as text.
var texts = map[reflect.Type]bool{
	reflect.TypeFor[netip.Addr]():        true,
	reflect.TypeFor[netip.Prefix]():      true,
	reflect.TypeFor[resource.Quantity](): true,
	reflect.TypeFor[spec.Duration]():     true,
}

func reflectSchema(root string) (*jsonschema.Schema, error) {
	comments, err := readComments(filepath.Join(root, packageDir))
	if err != nil {
		return nil, err
	}
	reflector := jsonschema.Reflector{
		ExpandedStruct: true,
		LookupComment:  func(t reflect.Type, field string) string { return comments[t.Name()][field] },
		Mapper: func(t reflect.Type) *jsonschema.Schema {
			if texts[t] {
				return &jsonschema.Schema{Type: "string"}
			}
			return nil
		},
	}
	schema := reflector.Reflect(spec.Cluster{})
	schema.ID = schemaID
	one := uint64(1)
	for _, t := range exactlyOne {
		schema.Definitions[t.Name()].MinProperties, schema.Definitions[t.Name()].MaxProperties = &one, &one
	}
	data := schema.Definitions["HandOverSecret"].Properties.Value("data")
	data.MinProperties = &one
	return schema, nil
}

// readComments returns the comments of the package's types (under "") and fields.
func readComments(dir string) (map[string]map[string]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	comments := map[string]map[string]string{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		for _, declared := range file.Decls {
			if types, ok := declared.(*ast.GenDecl); ok && types.Tok == token.TYPE {
				for _, one := range types.Specs {
					addComments(comments, types, one.(*ast.TypeSpec))
				}
			}
		}
	}
	return comments, nil
}

func addComments(comments map[string]map[string]string, declared *ast.GenDecl, one *ast.TypeSpec) {
	fields, ok := one.Type.(*ast.StructType)
	if !ok {
		return
	}
	found := map[string]string{"": oneLine(declared.Doc)}
	for _, field := range fields.Fields.List {
		for _, name := range field.Names {
			found[name.Name] = oneLine(field.Doc)
		}
	}
	comments[one.Name.Name] = found
}

func oneLine(comment *ast.CommentGroup) string {
	return strings.Join(strings.Fields(comment.Text()), " ")
}

func encode(schema *jsonschema.Schema) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(schema)
	return out.Bytes(), err
}
