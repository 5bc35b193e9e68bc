package revision_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/secretsync/revision"
)

var _ = Describe("A revision", func() {
	It("is the source's version where no CA is included", func() {
		Expect(revision.New("100", "")).To(Equal("100"))
	})

	It("tells one CA from another, in a few characters", func() {
		first, second := revision.New("100", "a"), revision.New("100", "b")
		Expect(first).To(MatchRegexp(`^100\.[0-9a-f]{8}$`))
		Expect(first).NotTo(Equal(second))
		Expect(revision.New("100", "a")).To(Equal(first))
	})

	DescribeTable("names its source",
		func(of, expected string) { Expect(revision.Source(of)).To(Equal(expected)) },
		Entry("without a CA", "100", "100"),
		Entry("with a CA", revision.New("100", "a"), "100"),
		Entry("of nothing", "", ""),
	)

	DescribeTable("is current",
		func(noted, seen string, current bool) { Expect(revision.Current(noted, seen)).To(Equal(current)) },
		Entry("when the cache shows it", "100", "100", true),
		Entry("when the cache lags behind", "100", "99", true),
		Entry("when the cache lags behind, by number and not by letter", "1000", "999", true),
		Entry("not when somebody wrote since", "100", "101", false),
		Entry("not when the cache knows nothing", "100", "", false),
		Entry("not when nothing was noted", "", "100", false),
		Entry("not when neither is known", "", "", false),
		Entry("when versions that are no numbers are the same", "x", "x", true),
		Entry("not when versions that are no numbers differ", "x", "y", false),
		Entry("not when one of them is no number", "100", "x", false),
	)
})
