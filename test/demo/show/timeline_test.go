package show

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("A line of the timeline", func() {
	It("has the time since the beginning, who and what", func() {
		e := Line{At: 2340 * time.Millisecond, Mark: Good, Actor: "secret-sync", Text: "is ready"}
		Expect(e.String()).To(Equal("  2.3 s  ✓ secret-sync       is ready"))
	})

	It("begins a scene", func() {
		e := Line{At: time.Minute, Mark: Heading, Text: "2  Destruction"}
		Expect(e.String()).To(Equal("\n 60.0 s  2  Destruction"))
	})

	It("keeps all lines of its text below the first", func() {
		e := Line{At: time.Second, Mark: Happened, Actor: Owner, Text: "reads:\none\n  two"}
		Expect(e.String()).To(Equal("" +
			"  1.0 s  · owner             reads:\n" +
			"                             one\n" +
			"                               two"))
	})

	It("is broken to the width of a terminal", func() {
		e := Line{At: time.Second, Mark: Happened, Actor: Owner, Text: "one two three four five six seven"}
		Expect(styled(e, 60)).To(MatchRegexp(`seven$`))
		Expect(styled(e, 60)).To(MatchRegexp(`(?m)^ {29}\S`))
	})
})

var _ = DescribeTable("The headline of a message ends before its first detail",
	func(message, want string) { Expect(Headline(message)).To(Equal(want)) },
	Entry("a cause", "waiting for SecretExport a/b: not ready", "waiting for SecretExport a/b"),
	Entry("a consequence", "Secret a has no password; the mirror is kept", "Secret a has no password"),
	Entry("a note", "refused (SQLSTATE 28P01): wrong", "refused"),
	Entry("nothing more", "is ready", "is ready"),
)
