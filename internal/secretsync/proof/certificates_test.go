package proof_test

import (
	"encoding/pem"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/secretsync/proof"
)

var _ = Describe("Certificates", func() {
	block := func(kind, content string) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Headers: map[string]string{"note": "canary"}, Bytes: []byte(content)}))
	}
	plain := func(content string) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte(content)}))
	}
	DescribeTable("keeps certificates and nothing else",
		func(file, expected string) {
			Expect(proof.Certificates([]byte(file))).To(Equal(expected))
		},
		Entry("of nothing", "", ""),
		Entry("of no PEM", "canary", ""),
		Entry("of one", plain("a"), plain("a")),
		Entry("of a chain, in its order", plain("b")+plain("a"), plain("b")+plain("a")),
		Entry("of one beside a private key", block("PRIVATE KEY", "canary")+plain("a")+block("EC PRIVATE KEY", "canary"), plain("a")),
		Entry("of a private key alone", block("RSA PRIVATE KEY", "canary"), ""),
		Entry("of one with headers", block("CERTIFICATE", "a"), plain("a")),
		Entry("of one amid text", "# canary\n"+plain("a")+"canary\n", plain("a")),
		Entry("of one that is cut off", plain("a")+strings.TrimSuffix(plain("b"), "-----END CERTIFICATE-----\n"), plain("a")),
	)
})
