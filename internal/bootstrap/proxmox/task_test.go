package proxmox

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("A task", func() {
	It("has a name that says where it runs and what it does", func() {
		t, err := parseTask("UPID:pve-1:0001E240:00BC614E:68F0C2A1:qmstart:9001:bootstrap@pve!rebirth:")
		Expect(err).NotTo(HaveOccurred())
		Expect(t.host).To(Equal("pve-1"))
		Expect(t.kind).To(Equal("qmstart"))
		Expect(t.path("status")).To(Equal("/nodes/pve-1/tasks/UPID:pve-1:0001E240:00BC614E:68F0C2A1:qmstart:9001:bootstrap@pve%21rebirth:/status"))
	})

	It("has a name of its own after 497 days without a restart", func() {
		_, err := parseTask("UPID:pve1:0001E240:100BC614E:68F0C2A1:imgcopy::root@pam:")
		Expect(err).NotTo(HaveOccurred())
	})

	DescribeTable("is none with the name", func(upid string) {
		_, err := parseTask(upid)
		Expect(err).To(MatchError(ContainSubstring("is not the name of a task")))
	},
		Entry("nothing", ""),
		Entry("a path", "UPID:pve1:0001E240:00BC614E:68F0C2A1:qm/start:9001:root@pam:"),
		Entry("half a name", "UPID:pve1:0001E240"),
	)

	DescribeTable("ends with", func(exit string, warned int, failure string) {
		gotWarned, gotFailure := verdict(exit)
		Expect(gotWarned).To(Equal(warned))
		Expect(gotFailure).To(ContainSubstring(failure))
		if failure == "" {
			Expect(gotFailure).To(BeEmpty())
		}
	},
		Entry("success", "OK", 0, ""),
		Entry("warnings, which are success", "WARNINGS: 12", 12, ""),
		Entry("a failure", "VM 9001 already running", 0, "VM 9001 already running"),
		Entry("what only looks like warnings", "WARNINGS: many", 0, "WARNINGS: many"),
		Entry("no word", "unexpected status", 0, "ended without a word"),
		Entry("no status", "", 0, "ended without a word"),
	)

	DescribeTable("is done to", func(percent int, found bool, lines ...string) {
		gotPercent, gotFound := progressOf(lines)
		Expect(gotPercent).To(Equal(percent))
		Expect(gotFound).To(Equal(found))
	},
		Entry("an unknown part", 0, false, "downloading x to y"),
		Entry("a part of a download", 12, true, "     0K ........ ........ ........ ........  6%  103M 5s", " 32768K ........ ........ ........ ........ 12% 45.3M 3s"),
		Entry("all of a download", 100, true, " 98304K ........ .....                   100%  110M=0.9s"),
		Entry("a part of an import", 40, true, "transferred 512.0 MiB of 1.2 GiB (40.04%)"),
	)
})
