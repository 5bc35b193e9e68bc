package canary_test

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/test/canary"
)

func TestCanary(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "test/canary")
}

var _ = Describe("A secret", func() {
	const secret = `p<4"s\w&rd`
	encoded := func(before, after string) string {
		return base64.StdEncoding.EncodeToString([]byte(before + secret + after))
	}

	DescribeTable("is found", func(text string) {
		Expect(canary.In(text, secret)).To(BeTrue())
	},
		Entry("as it is", "password="+secret+"."),
		Entry("in base64", encoded("", "")),
		Entry("in base64 after one byte, before two", encoded("a", "bc")),
		Entry("in base64 after two bytes, before one", encoded("ab", "c")),
		Entry("in base64 after whole groups", encoded("abcdef", "ghi")),
		Entry("in JSON as Go writes it", func() string {
			text, err := json.Marshal(map[string]string{"password": secret})
			Expect(err).NotTo(HaveOccurred())
			return string(text)
		}()),
		Entry("in JSON as most others write it", `{"password": "p<4\"s\\w&rd"}`),
	)

	DescribeTable("is not found", func(text string) {
		Expect(canary.In(text, secret)).To(BeFalse())
	},
		Entry("in nothing", ""),
		Entry("by its beginning", secret[:len(secret)-1]),
		Entry("by that of its base64", encoded("", "")[:8]),
	)
})
