package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

const runbook = "docs/runbook.md"

var _ = Describe("The runbook", func() {
	It("explains every reason of a condition, and none that there isn't", func() {
		Expect(column(runbook, "reason")).To(ConsistOf(values(constants("Reason"))))
	})

	It("has every condition", func() {
		page := read(runbook)
		for _, condition := range values(constants("Condition")) {
			Expect(page).To(Or(MatchRegexp(`(?m)^#+ %s$`, condition), MatchRegexp(`(?m)^\| %s \|`, condition)),
				"neither a heading nor the first cell of a table: %s", condition)
		}
	})

	It("says what to do about every alert, and has none that no chart raises", func() {
		var raised []string
		for _, chart := range charts {
			raised = slices.AppendSeq(raised, maps.Keys(alerts(chart)))
		}
		Expect(column(runbook, "alert")).To(ConsistOf(raised))
	})
})

var _ = Describe("A reason of a condition", func() {
	It("is given by a controller", func() {
		reasons, used := constants("Reason"), selected("internal")
		maps.DeleteFunc(reasons, func(name, _ string) bool { return used[name] })
		Expect(reasons).To(BeEmpty(), "nothing in internal/ gives them: remove them from the API")
	})
})

// constants are those of the API's conditions.go whose names end so, with their values.
func constants(suffix string) map[string]string {
	GinkgoHelper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, "api/v1alpha1/conditions.go"), nil, parser.SkipObjectResolution)
	Expect(err).NotTo(HaveOccurred())
	found := map[string]string{}
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || !strings.HasSuffix(spec.Names[0].Name, suffix) {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		Expect(err).NotTo(HaveOccurred())
		found[spec.Names[0].Name] = value
		return true
	})
	Expect(found).NotTo(BeEmpty())
	return found
}

// values are a map's, each once.
func values(of map[string]string) []string {
	var found []string
	for _, value := range of {
		found = append(found, value)
	}
	return distinct(found)
}

// selected are the names behind a dot (v1alpha1.Name) in the Go files below a folder,
// tests apart.
func selected(folder string) map[string]bool {
	GinkgoHelper()
	found := map[string]bool{}
	for _, path := range goFiles(folder) {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, path), nil, parser.SkipObjectResolution)
		Expect(err).NotTo(HaveOccurred())
		ast.Inspect(file, func(node ast.Node) bool {
			if selector, ok := node.(*ast.SelectorExpr); ok {
				found[selector.Sel.Name] = true
			}
			return true
		})
	}
	return found
}

var alert = regexp.MustCompile(`(?s)- alert: (\w+).*?severity: (\w+)`)

// alerts are those that a chart's rules raise, with their severity.
func alerts(chart string) map[string]string {
	GinkgoHelper()
	rules := read(chart + "/templates/prometheusrule.yaml")
	found := map[string]string{}
	for _, match := range alert.FindAllStringSubmatch(rules, -1) {
		found[match[1]] = match[2]
	}
	Expect(found).To(HaveLen(strings.Count(rules, "alert: ")), "an alert has no severity, or the name of another")
	return found
}
