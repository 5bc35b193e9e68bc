// Package docs_test holds the documentation to the code: what it names exists, and
// what has to be explained is. It reads files alone, and runs nothing.
package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestDocs(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Documentation")
}

// root is where this repository begins.
const root = "../.."

// pages are the Markdown files that people read, by their path from the root.
func pages() []string {
	GinkgoHelper()
	var found []string
	for _, pattern := range []string{"*.md", "docs/*.md", "charts/*/README.md", "manifests/README.md", "manifests/*/README.md"} {
		matches, err := filepath.Glob(filepath.Join(root, pattern))
		Expect(err).NotTo(HaveOccurred())
		for _, match := range matches {
			page, err := filepath.Rel(root, match)
			Expect(err).NotTo(HaveOccurred())
			found = append(found, page)
		}
	}
	Expect(found).NotTo(BeEmpty())
	return found
}

// read returns a file's text; path is from the root.
func read(path string) string {
	GinkgoHelper()
	content, err := os.ReadFile(filepath.Join(root, path))
	Expect(err).NotTo(HaveOccurred())
	return string(content)
}

// goFiles are the Go files below a folder, by their path from the root.
func goFiles(folder string) []string {
	GinkgoHelper()
	var found []string
	Expect(filepath.WalkDir(filepath.Join(root, folder), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		path, err = filepath.Rel(root, path)
		found = append(found, path)
		return err
	})).To(Succeed())
	return found
}

var fenced = regexp.MustCompile("(?s)```.*?```")

// row is a line of a table: cells by the heading of their column, in lower case.
type row map[string]string

// rows returns the lines of all tables of a page.
func rows(page string) []row {
	GinkgoHelper()
	var found []row
	var headings []string
	for line := range strings.Lines(fenced.ReplaceAllString(read(page), "")) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			headings = nil
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), " | ")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case headings == nil:
			headings = cells
		case !strings.HasPrefix(line, "|---"):
			filled := row{}
			for i, cell := range cells[:min(len(cells), len(headings))] {
				filled[strings.ToLower(headings[i])] = cell
			}
			found = append(found, filled)
		}
	}
	return found
}

var code = regexp.MustCompile("`([^`]+)`")

// quoted returns what stands in backticks.
func quoted(text string) []string {
	var found []string
	for _, match := range code.FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	return found
}

// column returns what stands in backticks in the column of that heading, each once.
func column(page, heading string) []string {
	GinkgoHelper()
	var found []string
	for _, r := range rows(page) {
		found = append(found, quoted(r[heading])...)
	}
	Expect(found).NotTo(BeEmpty(), "%s has no column %q", page, heading)
	return distinct(found)
}

func distinct(words []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(words)))
}
