package audit_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/test/bench/audit"
)

// log is in the form of audit.k8s.io/v1, level Metadata.
const log = `{"kind":"Event","verb":"get","user":{"username":"us"},"objectRef":{"resource":"secrets","namespace":"db","name":"source","apiVersion":"v1"}}
{"kind":"Event","verb":"get","user":{"username":"us"},"objectRef":{"resource":"secrets","namespace":"app-1","name":"mirror","apiVersion":"v1"}}
{"kind":"Event","verb":"update","user":{"username":"us"},"objectRef":{"resource":"secrets","namespace":"app-1","name":"mirror","apiVersion":"v1"}}
{"kind":"Event","verb":"patch","user":{"username":"us"},"objectRef":{"resource":"secretimports","subresource":"status","namespace":"app-1","name":"mirror"}}
{"kind":"Event","verb":"watch","user":{"username":"us"},"objectRef":{"resource":"secrets","apiVersion":"v1"}}
{"kind":"Event","verb":"update","user":{"username":"us"},"objectRef":{"resource":"leases","namespace":"app-1","name":"leader"}}
{"kind":"Event","verb":"get","user":{"username":"us"},"requestURI":"/apis"}
{"kind":"Event","verb":"delete","user":{"username":"somebody else"},"objectRef":{"resource":"secrets","namespace":"app-1","name":"mirror"}}
`

var _ = Describe("The audit log", func() {
	It("gives one user's requests, without watches, leader election and what names no object", func() {
		events, err := audit.Read(strings.NewReader(log), "us")
		Expect(err).NotTo(HaveOccurred())
		Expect(audit.Tally(events)).To(Equal(map[string]int{
			"get secrets": 2, "update secrets": 1, "patch secretimports/status": 1,
		}))
	})

	It("tells writes from reads", func() {
		events, err := audit.Read(strings.NewReader(log), "us")
		Expect(err).NotTo(HaveOccurred())
		var writes []string
		for _, event := range events {
			if event.Writes() {
				writes = append(writes, event.Request())
			}
		}
		Expect(writes).To(Equal([]string{"update secrets", "patch secretimports/status"}))
	})

	It("can be narrowed to namespaces by the begin of their names", func() {
		events, err := audit.Read(strings.NewReader(log), "us")
		Expect(err).NotTo(HaveOccurred())
		Expect(audit.Within(events, "app-")).To(HaveLen(3))
	})

	It("is refused when a line is none of its own", func() {
		_, err := audit.Read(strings.NewReader("half a li"), "us")
		Expect(err).To(MatchError(ContainSubstring("a line of the audit log")))
	})
})

var _ = Describe("A mean per unit", func() {
	It("takes off what is not the units', and leaves out what is zero then", func() {
		total, text := audit.PerUnit(
			map[string]int{"get secrets": 21, "update secrets": 10, "patch secretexports/status": 1},
			map[string]int{"get secrets": 1, "patch secretexports/status": 1}, 10)
		Expect(total).To(Equal(3.0))
		Expect(text).To(Equal("2.00 get secrets, 1.00 update secrets"))
	})
})
