package secret_test

import (
	"encoding/base64"
	"encoding/json"
	"net/url"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/bootstrap/secret"
)

var _ = Describe("Scrubbing a foreign text", func() {
	quoted, _ := json.Marshal(canary)

	DescribeTable("takes the secret out, however it is written",
		func(written string) {
			Expect(secret.Scrub("denied: "+written+" is no token", held())).To(Equal("denied: [redacted] is no token"))
		},
		Entry("as it is", canary),
		Entry("in JSON", string(quoted[1:len(quoted)-1])),
		Entry("in a query", url.QueryEscape(canary)),
		Entry("in a path", url.PathEscape(canary)),
		Entry("in base64", base64.StdEncoding.EncodeToString([]byte(canary))),
	)

	It("takes every one of several out, and each where it stands twice", func() {
		other := secret.New([]byte("another"))
		Expect(secret.Scrub("a "+canary+" b another c "+canary, other, held())).To(Equal("a [redacted] b [redacted] c [redacted]"))
	})

	It("takes a secret out whole, of which another is a part", func() {
		part := secret.New([]byte("canary-5"))
		Expect(secret.Scrub("a "+canary, part, held())).To(Equal("a [redacted]"))
	})

	It("takes single lines of a PEM out", func() {
		pem := secret.New([]byte("-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIBcanarycanary\n-----END EC PRIVATE KEY-----\n"))
		Expect(secret.Scrub(`line 2: "MHcCAQEEIBcanarycanary" is odd`, pem)).To(Equal(`line 2: "[redacted]" is odd`))
	})

	It("leaves everything else, for empty and tiny secrets too", func() {
		Expect(secret.Scrub("no such host", secret.Value{}, secret.New([]byte("host")), held())).To(Equal("no such host"))
	})
})
