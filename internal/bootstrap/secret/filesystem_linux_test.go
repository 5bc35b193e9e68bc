package secret

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// The magic numbers are those of statfs(2).
var _ = DescribeTable("A file system",
	func(magic int, refusal string) {
		if refusal == "" {
			Expect(judge(uint32(magic))).To(Succeed())
			return
		}
		Expect(judge(uint32(magic))).To(MatchError(refusal))
	},
	Entry("tmpfs is memory", 0x01021994, ""),
	Entry("ramfs is memory", 0x858458f6, ""),
	Entry("ext4", 0xef53, "lies on ext4, not on tmpfs or ramfs"),
	Entry("xfs", 0x58465342, "lies on xfs, not on tmpfs or ramfs"),
	Entry("btrfs", 0x9123683e, "lies on btrfs, not on tmpfs or ramfs"),
	Entry("nfs", 0x6969, "lies on nfs, not on tmpfs or ramfs"),
	Entry("a container's overlay, even one in memory", 0x794c7630, "lies on overlayfs, not on tmpfs or ramfs"),
	Entry("one that nobody here knows", 0x1badcafe, "lies on a file system of the type 0x1badcafe, not on tmpfs or ramfs"),
)
