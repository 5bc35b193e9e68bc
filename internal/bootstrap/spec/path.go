package spec

import (
	"regexp"
	"strconv"
)

// path of a value in the file: names of fields, and numbers of items.
type path []any

// at is the path of a field below p.
func (p path) at(steps ...any) path {
	return append(p[:len(p):len(p)], steps...)
}

var plainName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

// String is such as nodes[1].address or data["ssh.key"].
func (p path) String() string {
	var s []byte
	for _, step := range p {
		switch step := step.(type) {
		case int:
			s = append(strconv.AppendInt(append(s, '['), int64(step), 10), ']')
		case string:
			switch {
			case !plainName.MatchString(step):
				s = append(strconv.AppendQuote(append(s, '['), step), ']')
			case len(s) == 0:
				s = append(s, step...)
			default:
				s = append(append(s, '.'), step...)
			}
		}
	}
	return string(s)
}

// A name that isn't one of the schema's is printed if it looks like a name at all.
var printable = regexp.MustCompile(`^[-._A-Za-z0-9]{1,63}$`)

// shown is the path as far as it may be printed: below a source nothing is but the
// names that the schema knows.
func (p path) shown() path {
	s := compiled()
	for i, step := range p {
		source := isSource(s)
		s = inner(s, step)
		if name, ok := step.(string); ok && (source && s == nil || !printable.MatchString(name)) {
			return p[:i]
		}
	}
	return p
}
