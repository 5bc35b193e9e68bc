package lint

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

var seeds = []string{
	"", "---\n---\n", "a: b", "[", "\t", "a & * b", "- |\n  a: &a [*a]\n", "kind: List\nitems: [{}]\n", "kind: List\nitems: &a [*a]\n", "? {}\n: 1\n",
	"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\nmetadata: 1\n",
	"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, name: b}\n",
	"resources: [https://example.com/x, 'git@example.com:y', a.yaml]\npatches: [{path: http://example.com}]\n",
	"resources: &r [a, ssh://example.com]\ncomponents: *r\n",
	"configMapGenerator: [{literals: &a ['https://example.com']}]\nresources: *a\n",
	"generators:\n- |\n  apiVersion: builtin\n  kind: ConfigMapGenerator\n  files: [https://example.com]\n",
	"configMapGenerator: [{files: ['a=https://example.com'], literals: ['a=https://example.com']}]\n",
}

// FuzzDocuments looks for files that crash the reader, or from which it makes
// objects without a name or a place.
func FuzzDocuments(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		found, _ := documents(data)
		lines := strings.Count(string(data), "\n") + strings.Count(string(data), "\r") + strings.Count(string(data), "\u0085") +
			strings.Count(string(data), "\u2028") + strings.Count(string(data), "\u2029") + 1
		for _, d := range found {
			if ref := d.ref(); ref.Kind == "" || ref.Name == "" || d.line < 1 || d.line > lines {
				t.Fatalf("%v at line %d of %d", ref, d.line, lines)
			}
		}
	})
}

// FuzzWithoutRemote looks for kustomization files in which something to fetch is
// left, or which become others when there is nothing to fetch.
func FuzzWithoutRemote(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if checkAliases(data) != nil {
			return
		}
		rest, found := withoutRemote(data)
		if len(found) == 0 && string(rest) != string(data) {
			t.Fatalf("%q became %q", data, rest)
		}
		if _, again := withoutRemote(rest); len(again) > 0 {
			t.Fatalf("%q became %q, where %v is left", data, rest, again)
		}
	})
}

// FuzzLint looks for repositories that crash the linter.
func FuzzLint(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	const itself = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: a, namespace: a}\nspec: {path: ./a}\n"
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, name := range []string{"a/file.yaml", "a/kustomization.yaml"} {
			tree := fstest.MapFS{"a/a.yaml": {Data: []byte(itself)}, name: {Data: data}}
			if _, err := fs.Stat(tree, name); err != nil {
				t.Fatal(err)
			}
			if findings, graph, err := Lint(tree, Options{}); err == nil {
				_ = Text(findings, graph)
			}
		}
	})
}
