package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"
)

const introduction = `# cluster.yaml

What ` + "`bootstrap`" + ` makes of a Proxmox VE cluster: machines, Talos, a tailnet, and what Flux needs to take over. [examples/cluster.yaml](../examples/cluster.yaml) is one to start from. Check yours with

    bootstrap validate -f cluster.yaml

It reports every mistake at once, each with its line and column. Unknown fields are mistakes, so are aliases (` + "`*name`" + `): write what nodes share into ` + "`nodeDefaults`" + `. No secret stands in the file: where one is needed, the file says where it is read from ([Source](#source)).

Editors check the file as you type with its [JSON Schema](../internal/bootstrap/spec/cluster.schema.json), for instance through this first line:

    # yaml-language-server: $schema=https://raw.githubusercontent.com/tazzo/rebirth/main/internal/bootstrap/spec/cluster.schema.json

This page is generated from the program's own types (` + "`make generate`" + `).
`

// page is the reference of every field, one section for each type, in the order
// in which they are met.
func page(schema *jsonschema.Schema) []byte {
	var out bytes.Buffer
	out.WriteString(introduction)
	pending, written := []string{"Cluster"}, map[string]bool{}
	for len(pending) > 0 {
		name := pending[0]
		pending = pending[1:]
		if written[name] {
			continue
		}
		written[name] = true
		definition := schema
		if name != "Cluster" {
			definition = schema.Definitions[name]
		}
		pending = append(section(&out, name, definition), pending...)
	}
	return out.Bytes()
}

// section writes one type, and returns the types that its fields have.
func section(out *bytes.Buffer, name string, definition *jsonschema.Schema) []string {
	fmt.Fprintf(out, "\n## %s\n\n%s\n\n| field | type | | |\n|---|---|---|---|\n", name, definition.Description)
	var types []string
	for pair := definition.Properties.Oldest(); pair != nil; pair = pair.Next() {
		required := ""
		if slices.Contains(definition.Required, pair.Key) {
			required = "required"
		}
		described, inner := typeOf(pair.Value)
		if inner != "" {
			types = append(types, inner)
		}
		fmt.Fprintf(out, "| `%s` | %s | %s | %s |\n", pair.Key, described, required, strings.ReplaceAll(pair.Value.Description, "|", `\|`))
	}
	return types
}

// typeOf says what a value looks like, and which type of ours is in it.
func typeOf(value *jsonschema.Schema) (described, inner string) {
	switch {
	case value.Ref != "":
		name := value.Ref[strings.LastIndexByte(value.Ref, '/')+1:]
		return fmt.Sprintf("[%s](#%s)", name, strings.ToLower(name)), name
	case value.Type == "array":
		described, inner = typeOf(value.Items)
		return "list of " + described, inner
	case value.Type == "object" && value.AdditionalProperties != jsonschema.FalseSchema:
		described, inner = typeOf(value.AdditionalProperties)
		return "name → " + described, inner
	case value.Type == "object":
		return "`{}`", ""
	case len(value.Enum) > 0:
		return fmt.Sprintf("`%v`", strings.Trim(strings.ReplaceAll(fmt.Sprint(value.Enum), " ", "`, `"), "[]")), ""
	case value.Minimum != "" && value.Maximum != "":
		return fmt.Sprintf("%s to %s", value.Minimum, value.Maximum), ""
	case value.Type == "boolean":
		return "true or false", ""
	case value.Type == "integer":
		return "number", ""
	}
	return "text", ""
}
