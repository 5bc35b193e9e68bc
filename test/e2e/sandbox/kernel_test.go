package sandbox

import (
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("The machine's kernel", func() {
	It("has its settings back when the sandbox ends, and those that it lacks are not missed", func() {
		root := GinkgoT().TempDir()
		set := func(name, value string) {
			Expect(os.WriteFile(filepath.Join(root, name), []byte(value), 0o600)).To(Succeed())
		}
		Expect(os.MkdirAll(filepath.Join(root, "kernel"), 0o700)).To(Succeed())
		set("kernel/panic", "0\n")
		set("kernel/panic_on_oops", "0\n")
		putBack, err := keepSettings(root)
		Expect(err).NotTo(HaveOccurred())
		set("kernel/panic", "10\n")
		Expect(putBack()).To(Succeed())
		Expect(os.ReadFile(filepath.Join(root, "kernel/panic"))).To(BeEquivalentTo("0\n"))
		Expect(os.ReadFile(filepath.Join(root, "kernel/panic_on_oops"))).To(BeEquivalentTo("0\n"))
	})
})
