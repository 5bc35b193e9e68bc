package secrets

import (
	"encoding/base64"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("The demo's passwords", func() {
	It("are shown by their labels", func() {
		passwords := NewPasswords()
		first, second := passwords.Next(), passwords.Next()
		Expect(first).NotTo(Equal(second))
		Expect(passwords.Label([]byte(first))).To(Equal("P0"))
		Expect(passwords.Label([]byte(second))).To(Equal("P1"))
		Expect(passwords.Label(nil)).To(BeEmpty())
		Expect(passwords.Label([]byte("other"))).To(Equal("an unknown password"))
	})

	It("are found wherever they leak, as they are or in base64, and so are verifiers", func() {
		passwords := NewPasswords()
		password := passwords.Next()
		passwords.Hide([]byte("SCRAM-SHA-256$4096:salt$stored:server"))
		passwords.Hide(nil)
		Expect(passwords.Count()).To(Equal(2))
		clean := place{"a log", []byte("all is well with P0")}
		Expect(leaks(passwords, []place{clean}).OK).To(BeTrue())
		for _, leak := range []string{
			"password=" + password,
			base64.StdEncoding.EncodeToString([]byte(password)),
			"verifier SCRAM-SHA-256$4096:salt$stored:server",
		} {
			check := leaks(passwords, []place{clean, {"an event", []byte(leak)}})
			Expect(check.OK).To(BeFalse())
			Expect(check.Text).To(And(ContainSubstring("1 in an event"), Not(ContainSubstring(password))))
		}
	})
})
