package secret_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/bootstrap/secret"
	"github.com/tazzo/rebirth/internal/bootstrap/spec"
)

// inRAM is a folder on tmpfs. onDisk is one that isn't: files in /var/tmp outlive a
// boot, says the Filesystem Hierarchy Standard.
func inRAM() string  { return folder("/dev/shm") }
func onDisk() string { return folder("/var/tmp") }

func folder(below string) string {
	dir, err := os.MkdirTemp(below, "rebirth-secret-")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(os.RemoveAll, dir)
	return dir
}

// written is a file with mode 0600.
func written(dir, content string) string {
	path := filepath.Join(dir, "token")
	Expect(os.WriteFile(path, []byte(content), 0o600)).To(Succeed())
	return path
}

func names(dir string) []string {
	entries, err := os.ReadDir(dir)
	Expect(err).NotTo(HaveOccurred())
	found := []string{}
	for _, e := range entries {
		found = append(found, e.Name())
	}
	return found
}

func readingFile(ctx context.Context, path string) (secret.Value, error) {
	return secret.NewReader(nil, nil).Read(ctx, "proxmox.token", spec.Source{File: path})
}

var _ = Describe("A secret in a file", func() {
	It("is read from tmpfs", func(ctx SpecContext) {
		Expect(readingFile(ctx, written(inRAM(), canary+"\n"))).To(holdWhat(canary))
	})

	It("is read through a link, for the file is what counts", func(ctx SpecContext) {
		link := filepath.Join(onDisk(), "link")
		Expect(os.Symlink(written(inRAM(), canary), link)).To(Succeed())
		Expect(readingFile(ctx, link)).To(holdWhat(canary))
	})

	DescribeTable("is refused",
		func(ctx SpecContext, path func() string, why string) {
			at := path()
			_, err := readingFile(ctx, at)
			Expect(err).To(MatchError(HavePrefix("proxmox.token: ")))
			Expect(err).To(MatchError(ContainSubstring(at)))
			Expect(err).To(MatchError(ContainSubstring(why)))
			expectNoSecret(err.Error())
		},
		Entry("on a disk", func() string { return written(onDisk(), canary) }, ", not on tmpfs or ramfs: put it below /run/user/"),
		Entry("on a disk, behind a link on tmpfs", func() string {
			link := filepath.Join(inRAM(), "link")
			Expect(os.Symlink(written(onDisk(), canary), link)).To(Succeed())
			return link
		}, "not on tmpfs or ramfs"),
		Entry("on another file system, by its name", func() string { return "/proc/self/status" }, "lies on proc, not on tmpfs or ramfs"),
		Entry("that others can read", func() string {
			path := written(inRAM(), canary)
			Expect(os.Chmod(path, 0o640)).To(Succeed())
			return path
		}, "has mode 0640, so that others can reach it: chmod 600 it"),
		Entry("that is a folder", inRAM, "is not a regular file"),
		Entry("that is a pipe, at once", func() string {
			path := filepath.Join(inRAM(), "pipe")
			Expect(syscall.Mkfifo(path, 0o600)).To(Succeed())
			return path
		}, "is not a regular file"),
		Entry("that isn't there", func() string { return filepath.Join(inRAM(), "nothing") }, "no such file or directory"),
		Entry("that is empty", func() string { return written(inRAM(), "\n") }, "gave an empty secret"),
		Entry("that is too long", func() string { return written(inRAM(), strings.Repeat(canary, 1<<17)) }, "longer than 1 MiB"),
	)
})

var _ = Describe("Writing a secret to a file", func() {
	It("writes it to tmpfs, for its owner alone, and leaves nothing else", func() {
		dir := inRAM()
		path := filepath.Join(dir, "kubeconfig")
		Expect(secret.CheckPath(path)).To(Succeed())
		Expect(names(dir)).To(BeEmpty(), "checking writes nothing")
		Expect(secret.WriteFile(path, held())).To(Succeed())
		Expect(os.ReadFile(path)).To(BeEquivalentTo(canary))
		info, err := os.Stat(path)
		Expect(err).NotTo(HaveOccurred())
		Expect(info.Mode()).To(Equal(os.FileMode(0o600)))
		Expect(names(dir)).To(ConsistOf("kubeconfig"))
	})

	It("replaces a file, and with it who may read it", func() {
		path := written(inRAM(), "old")
		Expect(os.Chmod(path, 0o644)).To(Succeed())
		Expect(secret.WriteFile(path, held())).To(Succeed())
		Expect(os.ReadFile(path)).To(BeEquivalentTo(canary))
		info, err := os.Stat(path)
		Expect(err).NotTo(HaveOccurred())
		Expect(info.Mode().Perm()).To(Equal(os.FileMode(0o600)))
	})

	It("never shows half a file", func() {
		path := filepath.Join(inRAM(), "kubeconfig")
		contents := [][]byte{bytes.Repeat([]byte("a"), 1<<16), bytes.Repeat([]byte("b"), 1<<16)}
		Expect(secret.WriteFile(path, secret.New(bytes.Clone(contents[0])))).To(Succeed())
		done := make(chan error)
		go func() {
			var err error
			for i := 0; i < 200 && err == nil; i++ {
				err = secret.WriteFile(path, secret.New(bytes.Clone(contents[i%2])))
			}
			done <- err
		}()
		for {
			select {
			case err := <-done:
				Expect(err).NotTo(HaveOccurred())
				return
			default:
				read, err := os.ReadFile(path)
				Expect(err).NotTo(HaveOccurred())
				Expect(bytes.Equal(read, contents[0]) || bytes.Equal(read, contents[1])).To(BeTrue())
			}
		}
	})

	It("follows links to the folder, for the folder is what counts", func() {
		dir, link := inRAM(), filepath.Join(onDisk(), "run")
		Expect(os.Symlink(dir, link)).To(Succeed())
		Expect(secret.WriteFile(filepath.Join(link, "kubeconfig"), held())).To(Succeed())
		Expect(names(dir)).To(ConsistOf("kubeconfig"))
	})

	DescribeTable("refuses",
		func(path func() string, why string) {
			at := path()
			for _, err := range []error{secret.CheckPath(at), secret.WriteFile(at, held())} {
				Expect(err).To(MatchError(HavePrefix(at)))
				Expect(err).To(MatchError(ContainSubstring(why)))
				expectNoSecret(err.Error())
			}
		},
		Entry("a disk", func() string { return filepath.Join(onDisk(), "kubeconfig") },
			"not on tmpfs or ramfs, and a secret must not reach a disk: write it to standard output and pipe it, or use a path below /run/user/"),
		Entry("a disk behind a link on tmpfs", func() string {
			link := filepath.Join(inRAM(), "link")
			Expect(os.Symlink(onDisk(), link)).To(Succeed())
			return filepath.Join(link, "kubeconfig")
		}, "not on tmpfs or ramfs"),
		Entry("another file system, by its name", func() string { return "/proc/kubeconfig" }, "lies on proc"),
		Entry("a folder", inRAM, "is not a regular file"),
		Entry("a folder that isn't there", func() string { return filepath.Join(inRAM(), "a", "b") }, "its directory"),
	)

	It("writes nothing where it refuses", func() {
		dir := onDisk()
		Expect(secret.WriteFile(filepath.Join(dir, "kubeconfig"), held())).NotTo(Succeed())
		Expect(names(dir)).To(BeEmpty())
	})

	It("refuses a link, and leaves what it points to", func() {
		dir, disk := inRAM(), written(onDisk(), "old")
		link := filepath.Join(dir, "kubeconfig")
		Expect(os.Symlink(disk, link)).To(Succeed())
		Expect(secret.CheckPath(link)).To(MatchError(ContainSubstring("is a link")))
		Expect(secret.WriteFile(link, held())).To(MatchError(ContainSubstring("is a link")))
		Expect(os.ReadFile(disk)).To(BeEquivalentTo("old"))
		Expect(names(dir)).To(ConsistOf("kubeconfig"))
	})

	It("leaves no temporary file when it fails at the last step", func() {
		dir := inRAM()
		Expect(secret.WriteFile(filepath.Join(dir, strings.Repeat("n", 300)), held())).NotTo(Succeed())
		Expect(names(dir)).To(BeEmpty())
	})
})

var _ = Describe("Writing a secret to standard output", func() {
	opened := func(path string) *os.File {
		f, err := os.Open(path)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(f.Close)
		return f
	}

	It("is right where that is a pipe, or a file in memory", func() {
		reader, writer, err := os.Pipe()
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(reader.Close)
		DeferCleanup(writer.Close)
		Expect(secret.CheckStream(writer)).To(Succeed())
		Expect(secret.CheckStream(opened(written(inRAM(), "")))).To(Succeed())
	})

	It("is refused where a shell has sent it to a disk", func() {
		path := written(onDisk(), "")
		Expect(secret.CheckStream(opened(path))).To(MatchError(And(
			HavePrefix(path+" lies on "), ContainSubstring(": pipe it to where you keep secrets, or send it below /run/user/"),
		)))
	})
})
