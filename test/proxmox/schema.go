package proxmox

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// kind of a parameter's value.
type kind string

const (
	isString  kind = "string"
	isInteger kind = "integer"
	isNumber  kind = "number"
	isBoolean kind = "boolean"
)

// property is the schema of a parameter, or of a part of one, as in PVE::JSONSchema.
type property struct {
	kind      kind
	required  bool
	enum      []string
	pattern   *regexp.Regexp // of the whole value
	maxLength int
	min, max  int // hold if max isn't 0
	format    func(value string) error
	requires  string
}

type schema map[string]property

var (
	integerShape = regexp.MustCompile(`^[+-]?\d+$`)
	numberShape  = regexp.MustCompile(`^[+-]?(\d+\.\d+|\d+\.|\.\d+|\d+)([eE][+-]?\d+)?$`)
)

// whole compiles a pattern that must match all of a value.
func whole(pattern string) *regexp.Regexp { return regexp.MustCompile("^(?:" + pattern + ")$") }

// check returns what Proxmox says of a value; empty: it is right.
func (p property) check(value string) string {
	switch {
	case p.kind == isBoolean && value != "0" && value != "1",
		p.kind == isInteger && !integerShape.MatchString(value),
		p.kind == isNumber && !numberShape.MatchString(value):
		return fmt.Sprintf("type check ('%s') failed - got '%s'", p.kind, value)
	}
	if p.format != nil {
		if err := p.format(value); err != nil {
			return fmt.Sprintf("invalid format - %v\n", err)
		}
	}
	if p.pattern != nil && !p.pattern.MatchString(value) {
		return "value does not match the regex pattern"
	}
	if p.maxLength != 0 && len(value) > p.maxLength {
		return fmt.Sprintf("value may only be %d characters long", p.maxLength)
	}
	if number, err := strconv.ParseFloat(value, 64); err == nil && p.max != 0 {
		if number > float64(p.max) {
			return fmt.Sprintf("value must have a maximum value of %d", p.max)
		}
		if number < float64(p.min) {
			return fmt.Sprintf("value must have a minimum value of %d", p.min)
		}
	}
	if p.enum != nil && !slices.Contains(p.enum, value) {
		return fmt.Sprintf("value '%s' does not have a value in the enumeration '%s'", value, strings.Join(p.enum, ", "))
	}
	return ""
}

// checkAll returns what is wrong, by name.
func (s schema) checkAll(values map[string]string) map[string]string {
	errors := map[string]string{}
	for name, p := range s {
		value, given := values[name]
		switch {
		case !given && p.required:
			errors[name] = "property is missing and it is not optional"
		case given:
			if wrong := p.check(value); wrong != "" {
				errors[name] = wrong
			}
		}
	}
	for name := range values {
		p, known := s[name]
		if !known {
			errors[name] = "property is not defined in schema and the schema does not allow additional properties"
			continue
		}
		if _, given := values[p.requires]; p.requires != "" && !given {
			errors[p.requires] = fmt.Sprintf("missing property required by '%s'", name)
		}
	}
	return errors
}

// check the variables of the path and the parameters, and hands them to the call.
func (e *endpoint) check(c *call, params url.Values) *failure {
	errors := map[string]string{}
	for name, value := range c.vars {
		c.params[name] = value
	}
	for name, values := range params {
		if own, found := c.vars[name]; found && own != values[0] {
			return invalid(map[string]string{name: "duplicate parameter (already defined in URI) with conflicting values!"})
		}
		if len(values) > 1 {
			errors[name] = fmt.Sprintf("type check ('%s') failed - got ARRAY", e.params[name].kind)
		}
		c.params[name] = values[0]
	}
	for name, wrong := range e.params.checkAll(c.params) {
		if errors[name] == "" {
			errors[name] = wrong
		}
	}
	if len(errors) > 0 {
		return invalid(errors)
	}
	return nil
}

// propertyString is the format of values such as "virtio=…,bridge=vmbr0": its parts,
// which of them needs no name, and names that stand for a part and say its kind, as
// a network card's model does.
type propertyString struct {
	parts      schema
	defaultKey string
	aliases    []string // of alias
	alias      string
	keyAlias   string
}

// parse returns the parts, as PVE::JSONSchema::parse_property_string does.
func (f propertyString) parse(value string) (map[string]string, error) {
	parts := map[string]string{}
	for part := range strings.SplitSeq(value, ",") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		key, v, named := strings.Cut(part, "=")
		switch {
		case !named && f.defaultKey == "":
			return nil, fmt.Errorf("value without key, but schema does not define a default key")
		case !named:
			key, v = f.defaultKey, part
		case v == "":
			return nil, fmt.Errorf("missing key in comma-separated list property")
		case slices.Contains(f.aliases, key):
			parts[f.keyAlias] = key
			key = f.alias
		}
		if _, double := parts[key]; double {
			return nil, fmt.Errorf("duplicate key in comma-separated list property: %s", key)
		}
		if _, known := f.parts[key]; !known {
			return nil, fmt.Errorf("invalid key in comma-separated list property: %s", key)
		}
		parts[key] = v
	}
	return parts, nil
}

// check is the property's format.
func (f propertyString) check(value string) error {
	parts, err := f.parse(value)
	if err != nil {
		return err
	}
	wrong := f.parts.checkAll(parts)
	if len(wrong) == 0 {
		return nil
	}
	text := "format error"
	for _, name := range sorted(wrong) {
		text += "\n" + name + ": " + wrong[name]
	}
	return fmt.Errorf("%s", text)
}
