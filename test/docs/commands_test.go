package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("What a page tells to type", func() {
	It("is a target of the Makefile", func() {
		targets := matches(target, read("Makefile"))
		Expect(targets).NotTo(BeEmpty())
		for _, page := range pages() {
			for _, command := range commands(page) {
				for _, name := range matches(makes, command) {
					Expect(targets).To(ContainElement(name), page)
				}
			}
		}
	})

	It("names files of this repository that are there", func() {
		for _, page := range pages() {
			for _, command := range commands(page) {
				for _, place := range arguments(command) {
					Expect(filepath.Glob(filepath.Join(root, place))).NotTo(BeEmpty(), "%s has %s", page, place)
				}
			}
		}
	})

	It("sets values that a chart has", func() {
		for _, page := range pages() {
			for _, word := range quoted(read(page)) {
				for _, name := range matches(setting, word) {
					Expect(settable(name)).To(BeTrue(), "%s names %s", page, name)
				}
			}
		}
	})
})

var _ = Describe("A label or annotation of this project", func() {
	inPages := func() map[string]bool {
		GinkgoHelper()
		found := map[string]bool{}
		for _, page := range pages() {
			for _, name := range matches(mark, read(page)) {
				found[name] = true
			}
		}
		return found
	}

	It("is explained, if objects carry it", func() {
		marks := literals("api/v1alpha1/metadata.go")
		Expect(marks).NotTo(BeEmpty())
		explained := inPages()
		maps.DeleteFunc(marks, func(name string, _ bool) bool { return explained[name] })
		Expect(marks).To(BeEmpty(), "no page says what these are")
	})

	It("is one that a program knows, if a page names it", func() {
		known := map[string]bool{}
		for _, folder := range []string{"api", "internal"} {
			for _, name := range goFiles(folder) {
				if !strings.HasSuffix(name, "_test.go") {
					maps.Copy(known, literals(name))
				}
			}
		}
		named := inPages()
		maps.DeleteFunc(named, func(name string, _ bool) bool { return known[name] })
		Expect(named).To(BeEmpty())
	})
})

var (
	target = regexp.MustCompile(`(?m)^([a-z][a-z0-9-]*):`)
	makes  = regexp.MustCompile(`^make ([a-z][a-z0-9-]*)`)
	// indented is a line of code; a list's own lines begin with fewer blanks.
	indented = regexp.MustCompile(`(?m)^ {4,}(\S.*)$`)
	// checkout is where a page has this repository cloned to.
	checkout = regexp.MustCompile(`^(?:\./|/tmp/rebirth/)`)
	// setting is a value below another one: "image.registry", "networkPolicy.enabled: true".
	setting = regexp.MustCompile(`^([a-z]\w*(?:\.[a-z]\w*)+)(?:: .*)?$`)
	// mark is a label or annotation, or what the name of one begins with.
	mark = regexp.MustCompile(`(restarted-for\.rebirth\.tazlab\.net/|rebirth\.tazlab\.net/[a-z]+(?:-[a-z]+)*\b)`)
)

// commands are the lines of code on a page, and what stands in backticks.
func commands(page string) []string {
	GinkgoHelper()
	text := read(page)
	found := append(quoted(text), matches(indented, text)...)
	for _, block := range fenced.FindAllString(text, -1) {
		found = append(found, strings.Split(block, "\n")...)
	}
	return found
}

// arguments are those words of a command that are paths of this repository.
func arguments(command string) []string {
	var found []string
	for _, word := range strings.Fields(command) {
		word = checkout.ReplaceAllString(strings.Trim(word, `'"`), "")
		if match := inRepository.FindStringSubmatch(word); match != nil && !strings.HasSuffix(word, "...") {
			found = append(found, match[1])
		}
	}
	return found
}

// settable reports whether a chart has that value, or none has any that begins alike:
// then it is not about a chart.
func settable(name string) bool {
	GinkgoHelper()
	top, _, _ := strings.Cut(name, ".")
	about := false
	for _, chart := range charts {
		all, defaults := valuesOf(chart), defaultsOf(chart)
		if _, ok := all[name]; ok || at(defaults, name) != nil || strings.HasPrefix(name, "gate.spec.") { // an object of the API
			return true
		}
		_, ok := all[top]
		about = about || ok
	}
	return !about
}

// matches are what the first group of an expression found.
func matches(of *regexp.Regexp, text string) []string {
	var found []string
	for _, match := range of.FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	return found
}

// literals are the labels and annotations of this project in a Go file's strings.
func literals(path string) map[string]bool {
	GinkgoHelper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, path), nil, parser.SkipObjectResolution)
	Expect(err).NotTo(HaveOccurred())
	found := map[string]bool{}
	ast.Inspect(file, func(node ast.Node) bool {
		if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			text, err := strconv.Unquote(literal.Value)
			Expect(err).NotTo(HaveOccurred())
			for _, name := range matches(mark, text) {
				found[name] = true
			}
		}
		return true
	})
	return found
}
