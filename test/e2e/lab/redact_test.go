package lab

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"
)

func TestLab(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Lab")
}

func asJSON(value any) string {
	GinkgoHelper()
	out, err := json.Marshal(value)
	Expect(err).NotTo(HaveOccurred())
	return string(out)
}

func asYAML(value any) string {
	GinkgoHelper()
	out, err := yaml.Marshal(value)
	Expect(err).NotTo(HaveOccurred())
	return string(out)
}

var _ = Describe("Redaction", func() {
	const awkward = `Ab<c>&d'e"f\g/h{i}|j k:l#m+n%o`
	const plain = "canary-s3-ABCDEFGH234567"

	DescribeTable("finds a secret", func(write func(secret string) string) {
		for _, secret := range []string{plain, awkward} {
			redacted := redactor([]string{plain, awkward}).Replace(write(secret))
			Expect(redacted).To(SatisfyAll(HavePrefix("before "), ContainSubstring("[redacted]"), HaveSuffix(" after")), "nothing else is gone")
			Expect(redacted).NotTo(ContainSubstring("canary"))
			Expect(redacted).NotTo(ContainSubstring("{i}"))
		}
	},
		Entry("as it is", func(secret string) string { return "before " + secret + " after" }),
		Entry("in JSON", func(secret string) string {
			return "before " + asJSON(map[string]string{"password": secret}) + " after"
		}),
		Entry("in JSON within JSON", func(secret string) string {
			return "before " + asJSON(map[string]string{"annotation": asJSON(map[string]string{"password": secret})}) + " after"
		}),
		Entry("in YAML", func(secret string) string {
			return "before " + asYAML(map[string]string{"password": secret}) + " after"
		}),
		Entry("in JSON within YAML, as a store that plays a Vault has it", func(secret string) string {
			return "before " + asYAML(map[string]string{"value": asJSON(map[string]string{"password": secret})}) + " after"
		}),
		Entry("in a URL's query", func(secret string) string { return "before ?password=" + url.QueryEscape(secret) + " after" }),
		Entry("in a URL's user", func(secret string) string {
			return "before " + (&url.URL{Scheme: "postgresql", User: url.UserPassword("user", secret), Host: "db"}).String() + " after"
		}),
	)

	It("finds a secret in Base64, amid other bytes", func() {
		for _, secret := range []string{plain, awkward} {
			for _, around := range []string{"", "1", "12", "123", "1234"} {
				redacted := redactor([]string{plain, awkward}).Replace(base64.StdEncoding.EncodeToString([]byte(around + secret + around)))
				Expect(redacted).To(ContainSubstring("[redacted]"))
				kept := strings.TrimRight(strings.ReplaceAll(redacted, "[redacted]", ""), "=")
				Expect(len(kept)).To(BeNumerically("<=", (2*len(around)*8+5)/6+3), "no more than what stands around it")
			}
		}
	})

	It("takes the longer one of two that begin alike", func() {
		Expect(redactor([]string{"canary", "canary-long"}).Replace("canary-long canary")).To(Equal("[redacted] [redacted]"))
	})

	It("leaves everything else as it is", func() {
		text := asYAML(map[string]string{"a": "b", "c": `d"e\f`})
		Expect(redactor([]string{plain, awkward, ""}).Replace(text)).To(Equal(text))
		Expect(redactor(nil).Replace(text)).To(Equal(text))
	})
})
