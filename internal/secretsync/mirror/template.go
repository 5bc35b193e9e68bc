package mirror

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

// maxSecretSize is the API server's limit on a Secret's data
// (k8s.io/api/core/v1, MaxSecretSize).
const maxSecretSize = 1024 * 1024

// maxWork is how many bytes the functions of an import's templates may go through.
const maxWork = 8 * maxSecretSize

// budget is what the templates of one import may still use, all together: a tenant
// may write as many as fit into an import, and they run in the memory of all.
type budget struct {
	// work is what is left of maxWork.
	work int
	// room is what is left of the Secret.
	room int
}

// functions replaces every function of text/template whose result can grow without
// bound when it is applied to its own result, call, and index, which says nothing
// about a missing key.
func (b *budget) functions() template.FuncMap {
	return template.FuncMap{
		"b64enc":   b.bounded(func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }),
		"toJson":   b.bounded(func(s string) string { b, _ := json.Marshal(s); return string(b) }), // a string always marshals
		"trim":     b.bounded(strings.TrimSpace),
		"lower":    b.bounded(strings.ToLower),
		"upper":    b.bounded(strings.ToUpper),
		"urlquery": b.bounded(func(s string) string { return template.URLQueryEscaper(s) }),
		"html":     b.bounded(template.HTMLEscapeString),
		"js":       b.bounded(template.JSEscapeString),
		"print":    func(parts ...string) (string, error) { return b.join(parts, "", "") },
		"println":  func(parts ...string) (string, error) { return b.join(parts, " ", "\n") },
		"printf":   b.printf,
		"index":    index,
		"call":     func() (string, error) { return "", errors.New("call is not available") },
	}
}

func (b *budget) spend(parts ...string) error {
	for _, part := range parts {
		b.work -= len(part) + 1
	}
	if b.work < 0 {
		return errTooLarge
	}
	return nil
}

func (b *budget) bounded(f func(string) string) func(string) (string, error) {
	return func(s string) (string, error) {
		if err := b.spend(s); err != nil {
			return "", err
		}
		return f(s), nil
	}
}

func (b *budget) join(parts []string, between, end string) (string, error) {
	if err := b.spend(parts...); err != nil {
		return "", err
	}
	return strings.Join(parts, between) + end, nil
}

var plainVerbs = regexp.MustCompile(`^([^%]|%[sqv%])*$`)

// printf knows %s, %q, %v and %% only: every value is a string, and a width can
// ask for any amount of memory.
func (b *budget) printf(format string, parts ...string) (string, error) {
	if err := b.spend(append(parts, format)...); err != nil {
		return "", err
	}
	if !plainVerbs.MatchString(format) {
		return "", errors.New("printf takes %s, %q, %v and %% only")
	}
	args := make([]any, len(parts))
	for i := range parts {
		args[i] = parts[i]
	}
	return fmt.Sprintf(format, args...), nil
}

// index returns the value of a key that can't be written as {{ .key }}.
func index(values map[string]string, key string) (string, error) {
	value, ok := values[key]
	if !ok {
		return "", missingKeyError(key)
	}
	return value, nil
}

type missingKeyError string

func (e missingKeyError) Error() string { return fmt.Sprintf("map has no entry for key %q", string(e)) }

// parseTemplate reads the template of one target key. The errors name the place
// in the template, which is no secret.
func parseTemplate(key, text string) (*template.Template, error) {
	t, err := template.New(key).Option("missingkey=error").Funcs((&budget{}).functions()).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("spec.target.template[%q] can't be parsed: %s", key, strings.TrimPrefix(err.Error(), "template: "))
	}
	if len(t.Templates()) > 1 {
		return nil, fmt.Errorf("spec.target.template[%q] defines a template of its own; only values, if, else and with may be used", key)
	}
	if word := forbidden(t.Root); word != "" {
		return nil, fmt.Errorf("spec.target.template[%q] uses %s; only values, if, else and with may be used", key, word)
	}
	return t, nil
}

// forbidden finds what could run for ever or recurse: a tenant's template runs in
// a controller that serves everybody.
func forbidden(node parse.Node) string {
	switch n := node.(type) {
	case *parse.ListNode:
		if n == nil {
			return ""
		}
		for _, child := range n.Nodes {
			if word := forbidden(child); word != "" {
				return word
			}
		}
	case *parse.RangeNode:
		return "range"
	case *parse.TemplateNode:
		return "template"
	case *parse.IfNode:
		return forbiddenIn(&n.BranchNode)
	case *parse.WithNode:
		return forbiddenIn(&n.BranchNode)
	}
	return ""
}

func forbiddenIn(branch *parse.BranchNode) string {
	if word := forbidden(branch.List); word != "" {
		return word
	}
	if branch.ElseList == nil {
		return ""
	}
	return forbidden(branch.ElseList)
}

var (
	missingField = regexp.MustCompile(`map has no entry for key "([^"]*)"$`)
	lineAndPlace = regexp.MustCompile(`^[0-9]+(:[0-9]+)?`)
)

// missing returns the key that the template names and the export doesn't have. One
// that the template computes may be a value, as in {{ index . .password }}.
func missing(t *template.Template, err error) (string, bool) {
	var key missingKeyError
	if errors.As(err, &key) {
		return string(key), strings.Contains(t.Root.String(), strconv.Quote(string(key)))
	}
	if m := missingField.FindStringSubmatch(err.Error()); m != nil {
		return m[1], true
	}
	return "", false
}

// execute renders one template. What it says never quotes values: of text/template's
// errors, only the place and the name of a missing key are kept.
func execute(t *template.Template, values map[string]string, exported []string, b *budget) ([]byte, *refusal) {
	var out bytes.Buffer
	err := t.Funcs(b.functions()).Execute(&limitedWriter{w: &out, budget: b}, values)
	if err == nil {
		return out.Bytes(), nil
	}
	if errors.Is(err, errTooLarge) {
		return nil, stalled(v1alpha1.TooLargeReason, "spec.target.template[%q] goes beyond what one import may have: with it the mirror holds more than 1 MiB, or its templates work on more than 8 MiB together; make them shorter, or select fewer keys with spec.target.keys", t.Name())
	}
	if key, ok := missing(t, err); ok {
		return nil, stalled(v1alpha1.TemplateFailedReason, "spec.target.template[%q] uses the key %q, which is not exported; exported are %s", t.Name(), key, strings.Join(exported, ", "))
	}
	return nil, stalled(v1alpha1.TemplateFailedReason, "spec.target.template[%q] fails%s; the cause is withheld because it may quote a value", t.Name(), place(t.Name(), err))
}

// place returns " at line:column" of an execution error.
func place(name string, err error) string {
	rest, ok := strings.CutPrefix(err.Error(), "template: "+name+":")
	if !ok {
		return ""
	}
	if m := lineAndPlace.FindString(rest); m != "" {
		return " at line " + m
	}
	return ""
}

var errTooLarge = errors.New("too large")

type limitedWriter struct {
	w      io.Writer
	budget *budget
}

func (l *limitedWriter) Write(p []byte) (int, error) {
	if len(p) > l.budget.room {
		return 0, errTooLarge
	}
	l.budget.room -= len(p)
	return l.w.Write(p)
}
