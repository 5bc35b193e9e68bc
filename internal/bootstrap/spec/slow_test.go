package spec_test

import (
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"

	"github.com/tazzo/rebirth/internal/bootstrap/spec"
)

// worked is how long this process has had a processor.
func worked() time.Duration {
	var usage unix.Rusage
	ExpectWithOffset(1, unix.Getrusage(unix.RUSAGE_SELF, &usage)).To(Succeed())
	return time.Duration(usage.Utime.Nano())
}

var _ = DescribeTable("A large file that is wrong from one end to the other is judged soon",
	func(begin, part string) {
		var file strings.Builder
		file.WriteString(begin)
		for i := 0; file.Len() < 64<<10; i++ {
			file.WriteString(strings.ReplaceAll(part, "%", fmt.Sprint(i)))
		}
		before := worked()
		_, problems := spec.Decode("cluster.yaml", []byte(file.String()))
		Expect(problems.Errors()).NotTo(BeEmpty())
		Expect(worked() - before).To(BeNumerically("<", 5*time.Second))
	},
	Entry("nodes that are none", "nodes:\n", "- a\n"),
	Entry("nodes without anything", "nodes:\n", "- {}\n"),
	Entry("nodes that are all the same", valid[:strings.Index(valid, "  - role: worker")], "  - {role: worker, vmid: 101, mac: 'BC:24:11:00:00:71', address: 192.168.1.71/24}\n"),
	Entry("unknown fields", "", "field%: a\n"),
	Entry("fields twice", "", "kind: a\n"),
	Entry("tags twice", "tailnet:\n  tags:\n", "  - tag:a\n"),
	Entry("a patch full of secrets", "talos:\n  patches:\n  - inline: |\n      cluster: {id: a}\n", "      x%: {password: a}\n"),
	Entry("patches", "talos:\n  patches:\n", "  - {inline: 'cluster: {id: a}'}\n"),
	Entry("sources", "handOver:\n  secret:\n    data:\n", "      a%: {stdin: true}\n"),
)
