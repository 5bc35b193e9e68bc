package spec

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/tazzo/rebirth/internal/nearest"
)

// validate checks the values against the schema.
func (d *document) validate(values map[string]any) {
	var invalid *jsonschema.ValidationError
	if err := compiled().Validate(values); !errors.As(err, &invalid) {
		return
	}
	leaves := leaves(invalid)
	// Unknown fields first: they explain which required ones are missing.
	slices.SortStableFunc(leaves, func(a, b *jsonschema.ValidationError) int {
		return cmp.Compare(rank(a), rank(b))
	})
	unread := maps.Clone(d.faulty)
	for _, leaf := range leaves {
		at := d.located(leaf.InstanceLocation)
		if isWithin(at, unread) {
			continue
		}
		switch k := leaf.ErrorKind.(type) {
		case *kind.AdditionalProperties:
			d.unknown(at, k.Properties)
		case *kind.Required:
			d.missing(at, k.Missing)
		case *kind.UniqueItems:
			d.repeated(at)
		default:
			d.fail(at, "%s", d.explain(at, leaf.ErrorKind))
		}
	}
}

// leaves are the errors that have no causes of their own.
func leaves(e *jsonschema.ValidationError) []*jsonschema.ValidationError {
	if len(e.Causes) == 0 {
		return []*jsonschema.ValidationError{e}
	}
	var found []*jsonschema.ValidationError
	for _, cause := range e.Causes {
		found = append(found, leaves(cause)...)
	}
	return found
}

func rank(e *jsonschema.ValidationError) int {
	if _, unknown := e.ErrorKind.(*kind.AdditionalProperties); unknown {
		return 0
	}
	return 1
}

// unknown reports fields that the schema doesn't know, and notes what was meant.
func (d *document) unknown(at path, names []string) {
	known := fieldsAt(at)
	slices.Sort(names)
	for _, name := range names {
		field := at.at(name)
		message := "is unknown"
		if len(field.shown()) < len(field) {
			message = "has a field that is unknown"
		}
		likely := ""
		if printable.MatchString(name) {
			likely = nearest.Name(name, known)
		}
		switch {
		case unavailable(field) != "":
			message = unavailable(field)
		case likely != "":
			message += fmt.Sprintf(": did you mean %s?", likely)
			d.exclude(at.at(likely))
			d.meant[at.at(likely).String()] = true
		case len(known) == 0:
			message += ": nothing is set here, write {}"
		default:
			message += "; known are " + strings.Join(known, ", ")
		}
		here, _ := d.find(field)
		d.failNode(here.key, field, "%s", message)
	}
}

// unavailable says why there is no such field, where one would look for it.
func unavailable(field path) string {
	if len(field) == 4 && field[0] == "talos" && field[1] == "diskEncryption" && field[3] == "tpm" {
		// Talos seals keys with a TPM only where the image carries the keys for it.
		return "needs a SecureBoot image, which bootstrap does not install: take nodeID or kms"
	}
	return ""
}

// missing reports required fields that aren't there.
func (d *document) missing(at path, names []string) {
	for _, name := range names {
		if field := at.at(name); !d.has(field) {
			d.fail(field, "is required%s", described(field))
		}
	}
}

// repeated reports every item of a list of texts that was there before.
func (d *document) repeated(at path) {
	list, _ := d.find(at)
	first := map[string]int{}
	for i, item := range list.items {
		before, again := first[item.value.Value]
		switch {
		case d.isFaulty(at.at(i)):
		case again:
			d.fail(at.at(i), "is the same as %s", d.where(at.at(before)))
		default:
			first[item.value.Value] = i
		}
	}
}

// described is the first sentence of what the schema says about a field.
func described(at path) string {
	s := schemaAt(at)
	if s == nil || s.Description == "" {
		return ""
	}
	sentence, _, _ := strings.Cut(s.Description, ". ")
	return ": " + strings.TrimSuffix(sentence, ".")
}

// explain says what is wrong with a value, without the value.
func (d *document) explain(at path, failed jsonschema.ErrorKind) string {
	known := strings.Join(fieldsAt(at), ", ")
	switch k := failed.(type) {
	case *kind.Type:
		return d.wrongType(at, k)
	case *kind.Format:
		return k.Err.Error()
	case *kind.Enum:
		return fmt.Sprintf("must be %s", oneOf(k.Want))
	case *kind.Minimum:
		return fmt.Sprintf("is %s: at least %s", k.Got.RatString(), k.Want.RatString())
	case *kind.Maximum:
		return fmt.Sprintf("is %s: at most %s", k.Got.RatString(), k.Want.RatString())
	case *kind.MaxLength:
		return fmt.Sprintf("has %d characters: at most %d", k.Got, k.Want)
	case *kind.MinLength:
		return "is empty: write something or leave it out"
	case *kind.MinItems:
		return "is empty: at least one entry is needed"
	case *kind.MinProperties:
		if known == "" {
			return "is empty: at least one entry is needed"
		}
		return "is empty: give exactly one of " + known
	case *kind.MaxProperties:
		return fmt.Sprintf("has %d fields: give exactly one of %s", k.Got, known)
	}
	return "is not what the schema (cluster.schema.json) asks for"
}

func (d *document) wrongType(at path, k *kind.Type) string {
	want := "a text"
	switch k.Want[0] {
	case "object":
		want = "a mapping of fields"
	case "array":
		want = "a list"
	case "integer":
		want = "a whole number"
	case "boolean":
		want = "true or false"
	}
	s := schemaAt(at)
	switch {
	case isSource(s):
		return "must say where the secret is read from: {env: NAME}, {command: [PROGRAM, ARGUMENT]}, {file: /ON/TMPFS} or {stdin: true}. A secret that stands here itself is no longer one: make a new one"
	case k.Got == "null":
		return fmt.Sprintf("is empty: give it %s, or leave it out", want)
	case want == "a text" && k.Got != "object" && k.Got != "array":
		here, _ := d.find(at)
		if s.Format != nil && s.Format.Validate(here.value.Value) != nil {
			return s.Format.Validate(here.value.Value).Error()
		}
		return fmt.Sprintf("must be a text, and YAML takes it for a %s: put it in quotes", k.Got)
	}
	return "must be " + want
}

func oneOf(values []any) string {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = fmt.Sprint(value)
	}
	return strings.Join(texts, " or ")
}
