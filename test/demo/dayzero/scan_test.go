package dayzero

import (
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("The search for secrets", func() {
	search := func(authKeys []string, dir string) (bool, string) {
		GinkgoHelper()
		files, err := filesBelow(dir)
		Expect(err).NotTo(HaveOccurred())
		check := hidden(authKeys, []string{"token"}, files, "there")
		return check.OK, check.Text
	}

	It("finds one wherever it lies, and names the file and not the secret", func() {
		dir := GinkgoT().TempDir()
		deep := filepath.Join(dir, "disks", "STATE")
		Expect(os.MkdirAll(deep, 0o700)).To(Succeed())
		Expect(os.WriteFile(filepath.Join(deep, "config.yaml"), []byte("TS_AUTHKEY=canary\n"), 0o600)).To(Succeed())
		Expect(os.WriteFile(filepath.Join(dir, "log"), []byte("got token"), 0o600)).To(Succeed())
		ok, text := search([]string{"canary"}, dir)
		Expect(ok).To(BeFalse())
		Expect(text).To(And(ContainSubstring("STATE/config.yaml"), ContainSubstring(filepath.Join(dir, "log")), Not(ContainSubstring("canary"))))
	})

	It("holds where there is none", func() {
		dir := GinkgoT().TempDir()
		Expect(os.WriteFile(filepath.Join(dir, "log"), []byte("nothing"), 0o600)).To(Succeed())
		ok, text := search([]string{"canary"}, dir)
		Expect(ok).To(BeTrue(), text)
	})

	It("proves nothing without an auth key to look for", func() {
		ok, text := search(nil, GinkgoT().TempDir())
		Expect(ok).To(BeFalse())
		Expect(text).To(ContainSubstring("no auth key"))
	})
})
