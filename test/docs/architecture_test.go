package docs_test

import (
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

const architecture = "docs/architecture.md"

var _ = Describe("The map of the code", func() {
	It("has every package", func() {
		named := map[string]bool{}
		for _, place := range places(architecture) {
			named[place] = true
			if path.Ext(place) != "" {
				named[path.Dir(place)] = true
			}
		}
		var missing []string
		for _, folder := range []string{"api", "cmd", "internal", "test"} {
			missing = append(missing, slices.DeleteFunc(packages(folder), func(of string) bool { return named[of] })...)
		}
		Expect(missing).To(BeEmpty(), "%s says of no behaviour that it lives there", architecture)
	})
})

var _ = Describe("A place in this repository", func() {
	It("exists where a page names it", func() {
		var missing []string
		for _, page := range pages() {
			for _, place := range places(page) {
				matches, err := filepath.Glob(filepath.Join(root, place))
				Expect(err).NotTo(HaveOccurred())
				if len(matches) == 0 {
					missing = append(missing, page+" names "+place)
				}
			}
		}
		Expect(missing).To(BeEmpty())
	})
})

// inRepository is a path from the root, without a slash at its end; a "*" stands for any name.
var inRepository = regexp.MustCompile(`^(?:\./)?((?:\.ci|api|charts|cmd|docs|examples|internal|manifests|test|tools)/[-\w.*/]*?)/?$`)

// file is a name without a folder, which is that of the path before it.
var file = regexp.MustCompile(`^\w+\.go$`)

// places are the paths in this repository that stand in backticks on a page.
func places(page string) []string {
	GinkgoHelper()
	var found []string
	for line := range strings.Lines(read(page)) {
		folder := ""
		for _, word := range quoted(line) {
			switch match := inRepository.FindStringSubmatch(word); {
			case match != nil:
				found = append(found, match[1])
				if folder = match[1]; path.Ext(folder) != "" {
					folder = path.Dir(folder)
				}
			case folder != "" && file.MatchString(word):
				found = append(found, path.Join(folder, word))
			}
		}
	}
	return found
}

// packages are the folders of a tree that hold Go files. Of the tests only the uppermost
// ones: what is below them is theirs.
func packages(folder string) []string {
	GinkgoHelper()
	var found []string
	for _, name := range goFiles(folder) {
		of := path.Dir(filepath.ToSlash(name))
		if folder == "test" {
			of = strings.Join(strings.Split(of, "/")[:2], "/")
		}
		found = append(found, of)
	}
	Expect(found).NotTo(BeEmpty())
	return distinct(found)
}
