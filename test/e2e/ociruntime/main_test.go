package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestOCIRuntime(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "OCI runtime")
}

var _ = Describe("What the machine lacks", func() {
	It("is read from the bounding set", func() {
		Expect(outside("Name:\tx\nCapBnd:\t000001fffeffffff\nCapAmb:\t0\n")).To(Equal([]string{"CAP_SYS_RESOURCE"}))
		Expect(outside("Name:\tx\nCapBnd:\t000001ffffffffff\n")).To(BeEmpty())
		_, err := outside("Name:\tx\n")
		Expect(err).To(MatchError(ContainSubstring("CapBnd")))
	})
})

var _ = Describe("A container", func() {
	const wanted = `{"capabilities": {"bounding": ["CAP_CHOWN", "CAP_SYS_RESOURCE"], "effective": ["CAP_SYS_RESOURCE"]}, "rlimits": 18446744073709551615}`
	var dir string
	BeforeEach(func() { dir = GinkgoT().TempDir() })

	capabilities := func(file string, path ...string) map[string]any {
		content, err := os.ReadFile(file)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(content)).To(ContainSubstring("18446744073709551615"), "numbers stay as they are")
		var object map[string]any
		Expect(json.Unmarshal(content, &object)).To(Succeed())
		for _, key := range path {
			object = object[key].(map[string]any)
		}
		return object["capabilities"].(map[string]any)
	}
	without := map[string]any{"bounding": []any{"CAP_CHOWN"}, "effective": []any{}}

	It("is created without them", func() {
		config := filepath.Join(dir, "config.json")
		Expect(os.WriteFile(config, []byte(`{"process": `+wanted+`}`), 0o600)).To(Succeed())
		Expect(adapt([]string{"runc", "--root", "/run/runc", "create", "--bundle", dir, "id"}, []string{"CAP_SYS_RESOURCE"})).To(Succeed())
		Expect(capabilities(config, "process")).To(Equal(without))
	})

	It("runs further processes without them", func() {
		process := filepath.Join(dir, "process.json")
		Expect(os.WriteFile(process, []byte(wanted), 0o600)).To(Succeed())
		Expect(adapt([]string{"runc", "exec", "--process=" + process, "id"}, []string{"CAP_SYS_RESOURCE"})).To(Succeed())
		Expect(capabilities(process)).To(Equal(without))
	})

	It("is left alone by other commands", func() {
		Expect(adapt([]string{"runc", "state", "id"}, []string{"CAP_SYS_RESOURCE"})).To(Succeed())
	})
})
