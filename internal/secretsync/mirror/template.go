package mirror

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"text/template"
	"text/template/parse"
)

// maxSecretSize is the API server's limit on a Secret's data
// (k8s.io/api/core/v1, MaxSecretSize).
const maxSecretSize = 1024 * 1024

// templateFuncs replaces every function of text/template whose result can grow
// without bound when it is applied to its own result, and call.
var templateFuncs = template.FuncMap{
	"b64enc":   bounded(func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }),
	"toJson":   bounded(func(s string) string { b, _ := json.Marshal(s); return string(b) }), // a string always marshals
	"trim":     bounded(strings.TrimSpace),
	"lower":    bounded(strings.ToLower),
	"upper":    bounded(strings.ToUpper),
	"urlquery": bounded(func(s string) string { return template.URLQueryEscaper(s) }),
	"html":     bounded(template.HTMLEscapeString),
	"js":       bounded(template.JSEscapeString),
	"print":    func(parts ...string) (string, error) { return join(parts, "") },
	"println":  func(parts ...string) (string, error) { return join(parts, "\n") },
	"printf":   printf,
	"call":     func() (string, error) { return "", errors.New("call is not available") },
}

func bounded(f func(string) string) func(string) (string, error) {
	return func(s string) (string, error) {
		if len(s) > maxSecretSize {
			return "", errTooLarge
		}
		return f(s), nil
	}
}

func join(parts []string, end string) (string, error) {
	size := 0
	for _, part := range parts {
		size += len(part)
	}
	if size > maxSecretSize {
		return "", errTooLarge
	}
	return strings.Join(parts, "") + end, nil
}

var plainVerbs = regexp.MustCompile(`^([^%]|%[sqv%])*$`)

// printf knows %s, %q, %v and %% only: every value is a string, and a width can
// ask for any amount of memory.
func printf(format string, parts ...string) (string, error) {
	if !plainVerbs.MatchString(format) {
		return "", errors.New("printf takes %s, %q, %v and %% only")
	}
	if _, err := join(parts, format); err != nil {
		return "", err
	}
	args := make([]any, len(parts))
	for i := range parts {
		args[i] = parts[i]
	}
	return fmt.Sprintf(format, args...), nil
}

// parseTemplate reads the template of one target key. The errors name the place
// in the template, which is no secret.
func parseTemplate(key, text string) (*template.Template, error) {
	t, err := template.New(key).Option("missingkey=error").Funcs(templateFuncs).Parse(text)
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

var missingKey = regexp.MustCompile(`map has no entry for key "([^"]*)"`)

// execute renders one template. Its errors never quote values: of what
// text/template says, only the place and the name of a missing key are kept.
func execute(t *template.Template, values map[string]string, exported []string) ([]byte, error) {
	var out bytes.Buffer
	err := t.Execute(&limitedWriter{w: &out, left: maxSecretSize}, values)
	if err == nil {
		return out.Bytes(), nil
	}
	if errors.Is(err, errTooLarge) {
		return nil, fmt.Errorf("spec.target.template[%q] renders more than 1 MiB", t.Name())
	}
	if m := missingKey.FindStringSubmatch(err.Error()); m != nil {
		return nil, fmt.Errorf("spec.target.template[%q] uses the key %q, which is not exported; exported are %s", t.Name(), m[1], strings.Join(exported, ", "))
	}
	return nil, fmt.Errorf("spec.target.template[%q] fails%s; the cause is withheld because it may quote a value", t.Name(), place(t.Name(), err))
}

// place returns " at line:column" of an execution error.
func place(name string, err error) string {
	rest, ok := strings.CutPrefix(err.Error(), "template: "+name+":")
	if !ok {
		return ""
	}
	if m := regexp.MustCompile(`^[0-9]+(:[0-9]+)?`).FindString(rest); m != "" {
		return " at line " + m
	}
	return ""
}

var errTooLarge = errors.New("too large")

type limitedWriter struct {
	w    io.Writer
	left int
}

func (l *limitedWriter) Write(p []byte) (int, error) {
	if len(p) > l.left {
		return 0, errTooLarge
	}
	l.left -= len(p)
	return l.w.Write(p)
}
