package cli_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/readiness/lint/cli"
)

func TestCommand(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "the command lint")
}

var _ = Describe("the command", func() {
	const example, original = "../../../../manifests/cluster-example", "../testdata/original"

	run := func(args ...string) (string, error) {
		var out bytes.Buffer
		cmd := cli.Command()
		cmd.SetArgs(args)
		cmd.SetOut(&out)
		cmd.SetErr(&out)
		err := cmd.Execute()
		return out.String(), err
	}

	It("succeeds where nothing is wrong, strict or not", func() {
		out, err := run(example, "--strict")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(HavePrefix("0 errors, 0 warnings."))
	})

	It("fails on errors, and prints them", func() {
		out, err := run(original, "--gate", "flux-system/network")
		Expect(err).To(MatchError(ContainSubstring("9 errors, 5 warnings")))
		Expect(out).To(ContainSubstring("[health-checks-ignored]"))
	})

	It("prints JSON and nothing else when asked to, though it fails", func() {
		out, err := run(original, "-o", "json")
		Expect(err).To(HaveOccurred())
		var decoded map[string]any
		Expect(json.Unmarshal([]byte(out), &decoded)).To(Succeed())
		Expect(decoded).To(HaveKey("findings"))
	})

	It("waits for nobody to write into a named pipe", func() {
		dir := GinkgoT().TempDir()
		Expect(syscall.Mkfifo(filepath.Join(dir, "pipe.yaml"), 0o600)).To(Succeed())
		Expect(syscall.Mkfifo(filepath.Join(dir, ".sourceignore"), 0o600)).To(Succeed())
		done := make(chan error, 1)
		go func() {
			_, err := run(dir)
			done <- err
		}()
		Eventually(done).Should(Receive(MatchError(ContainSubstring(".sourceignore: not a regular file"))))
		Expect(os.Remove(filepath.Join(dir, ".sourceignore"))).To(Succeed())
		go func() {
			_, err := run(dir)
			done <- err
		}()
		Eventually(done).Should(Receive(MatchError(ContainSubstring("1 error, 0 warnings"))))
	})

	It("fails on warnings only if strict", func() {
		dir := GinkgoT().TempDir()
		Expect(os.CopyFS(dir, os.DirFS(example))).To(Succeed())
		file := filepath.Join(dir, "infrastructure/pgo/release.yaml")
		data, err := os.ReadFile(file)
		Expect(err).NotTo(HaveOccurred())
		Expect(os.WriteFile(file, bytes.ReplaceAll(data, []byte("RetryOnFailure"), []byte("RemediateOnFailure")), 0o600)).To(Succeed())
		out, err := run(dir)
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(ContainSubstring("[install-not-retried]"))
		_, err = run(dir, "--strict")
		Expect(err).To(MatchError(ContainSubstring("0 errors, 1 warning")))
	})

	It("looks into other sources that are given", func() {
		out, err := run(example, "--source", "flux-system/rebirth=../../../..")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).NotTo(ContainSubstring("Not looked into"))
	})

	It("doesn't follow a symbolic link out of the directory", func() {
		dir := GinkgoT().TempDir()
		secret := filepath.Join(GinkgoT().TempDir(), "outside.yaml")
		Expect(os.WriteFile(secret, []byte("apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: outside}\n"), 0o600)).To(Succeed())
		Expect(os.Symlink(secret, filepath.Join(dir, "link.yaml"))).To(Succeed())
		out, err := run(dir)
		Expect(err).To(HaveOccurred())
		Expect(out).NotTo(ContainSubstring("outside"))
	})

	DescribeTable("refuses what it can't do, and says why", func(message string, args ...string) {
		out, err := run(args...)
		Expect(err).To(MatchError(ContainSubstring(message)))
		Expect(out).To(BeEmpty())
	},
		Entry("no directory", "0 directories are given: name one"),
		Entry("two directories", "2 directories are given: name one", example, original),
		Entry("a file", "not a directory", "command.go"),
		Entry("an unknown output", "must be text or json", example, "-o", "xml"),
		Entry("a directory that isn't there", "no such file", "gone"),
		Entry("a source that isn't there", "--source flux-system/x", example, "--source", "flux-system/x=gone"),
		Entry("a gate without a namespace", "must be namespace/name", example, "--gate", "x"),
	)
})
