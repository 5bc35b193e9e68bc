package spec

import (
	"maps"
	"regexp"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("Formats", func() {
	It("are those of the schema, all of them", func() {
		used := map[string]bool{}
		for _, found := range regexp.MustCompile(`"format": "([^"]*)"`).FindAllSubmatch(Schema(), -1) {
			used[string(found[1])] = true
		}
		Expect(slices.Sorted(maps.Keys(formats))).To(Equal(slices.Sorted(maps.Keys(used))))
	})
})
