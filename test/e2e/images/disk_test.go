package images

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("a disk", func() {
	const gib = 1 << 30

	DescribeTable("is judged before anything is built",
		func(free uint64, first bool, judgement OmegaMatcher) {
			Expect(enough("/var/cache/rebirth", free, first)).To(judgement)
		},
		Entry("room for a first run", uint64(firstRun), true, Succeed()),
		Entry("no room for a first run", uint64(17*gib), true, MatchError(And(
			ContainSubstring("/var/cache/rebirth has 17.0 GiB free"), ContainSubstring("needs 18"), ContainSubstring("REBIRTH_CACHE")))),
		Entry("room for one that has all images", uint64(everyRun), false, Succeed()),
		Entry("no room for any", uint64(gib/2), false, MatchError(ContainSubstring("has 0.5 GiB free, and a run needs 6"))),
	)
})
