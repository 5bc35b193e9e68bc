package secret

import (
	"errors"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("The notes of hardening", func() {
	disk := []string{"/dev/sda2", "/swap.img"}

	DescribeTable("say what stays open",
		func(h hardening, notes ...string) {
			Expect(h.notes()).To(HaveLen(len(notes)))
			for i, note := range notes {
				Expect(h.notes()[i]).To(ContainSubstring(note))
			}
		},
		Entry("nothing, without swap", hardening{}),
		Entry("nothing, without swap and locked", hardening{whole: true}),
		Entry("dumps", hardening{dumps: errors.New("denied")}, "core dumps could not be switched off (denied)"),
		Entry("files on tmpfs, with swap, although all is locked", hardening{whole: true, swaps: disk},
			"swap is on (/dev/sda2, /swap.img): this process is locked in memory, but files on tmpfs are not"),
		Entry("copies, where only secrets are locked", hardening{lockable: 8 << 20, swaps: disk}, "may lock 8192 KiB, which is for the secrets alone; copies"),
		Entry("everything, where nothing can be locked", hardening{swaps: disk}, "may lock no memory, so secrets can reach the swap"),
		Entry("what is unknown", hardening{lockable: 1 << 16, unknown: errors.New("no /proc")}, "whether swap is on could not be found out (no /proc)"),
		Entry("several things", hardening{dumps: errors.New("denied"), swaps: disk}, "core dumps", "swap is on"),
	)

	It("give the way out", func() {
		Expect(hardening{swaps: disk}.notes()).To(ConsistOf(ContainSubstring("switch it off, encrypt it, or raise the limit (ulimit -l unlimited)")))
	})

	DescribeTable("know what is a disk in /proc/swaps",
		func(table string, disks ...string) { Expect(diskSwaps(table)).To(ConsistOf(disks)) },
		Entry("nothing", ""),
		Entry("no swap", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"),
		Entry("a partition and a file", "Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2\n/swap.img file 2 0 -3\n", "/dev/sda2", "/swap.img"),
		Entry("compressed memory is none", "Filename Type Size Used Priority\n/dev/zram0 partition 1 0 100\n/dev/dm-1 partition 1 0 -2\n", "/dev/dm-1"),
	)
})
