package docs_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("A link", func() {
	It("leads to a file or a heading that is there", func() {
		for _, page := range pages() {
			for _, target := range links(page) {
				to, anchor, _ := strings.Cut(target, "#")
				if to = path.Join(path.Dir(page), to); strings.HasPrefix(target, "#") {
					to = page
				}
				_, err := os.Stat(filepath.Join(root, to))
				Expect(err).NotTo(HaveOccurred(), "%s links to %s", page, target)
				if anchor != "" {
					Expect(anchors(to)).To(ContainElement(anchor), "%s links to %s", page, target)
				}
			}
		}
	})
})

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// links are where a page leads inside this repository.
func links(page string) []string {
	GinkgoHelper()
	prose := code.ReplaceAllString(fenced.ReplaceAllString(read(page), ""), "")
	var found []string
	for _, match := range link.FindAllStringSubmatch(prose, -1) {
		if !strings.Contains(match[1], "://") {
			found = append(found, match[1])
		}
	}
	return found
}

var (
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	dropped = regexp.MustCompile(`[^\p{L}\p{N}_\- ]`)
)

// anchors are what a page's headings are called in links, as code hosts make them.
func anchors(page string) []string {
	GinkgoHelper()
	var found []string
	for _, match := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(read(page), ""), -1) {
		words := dropped.ReplaceAllString(strings.ToLower(strings.TrimSpace(match[1])), "")
		found = append(found, strings.ReplaceAll(words, " ", "-"))
	}
	return found
}
