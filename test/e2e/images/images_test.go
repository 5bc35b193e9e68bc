package images

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestImages(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Images")
}

var notes string

var _ = BeforeEach(func() {
	notes = GinkgoT().TempDir()
	GinkgoT().Setenv("NOTES", notes)
	GinkgoT().Setenv("PATH", notes+":"+os.Getenv("PATH"))
})

// play has a shell script take a program's place.
func play(program, script string) {
	GinkgoHelper()
	Expect(os.WriteFile(filepath.Join(notes, program), []byte("#!/bin/sh\n"+script), 0o700)).To(Succeed())
}

// noteCall has a played program note its arguments, which calls returns.
const noteCall = `echo "$@" >> "$NOTES/calls"` + "\n"

func calls() []string {
	GinkgoHelper()
	content, err := os.ReadFile(filepath.Join(notes, "calls"))
	Expect(err).NotTo(HaveOccurred())
	return strings.Split(strings.TrimSpace(string(content)), "\n")
}

var _ = Describe("A file system of Debian packages", func() {
	It("leaves nothing when its making is cancelled: no mount, no process, no folder", func(ctx SpecContext) {
		if err := exec.Command("unshare", "--mount", "--pid", "--fork", "true").Run(); err != nil {
			Skip("namespaces can't be made here, as make e2e needs them: " + err.Error())
		}
		play("debootstrap", `for root; do :; done
mount -t tmpfs tmpfs "$root"
touch "$NOTES/mounted"
sleep 600 & wait
`)
		making, cancel := context.WithCancel(ctx)
		defer cancel()
		made := make(chan error, 1)
		go func() { made <- debian{name: "played"}.make(making, filepath.Join(notes, "played-key")) }()
		Eventually(ctx, filepath.Join(notes, "mounted")).WithTimeout(20 * time.Second).Should(BeAnExistingFile())
		Expect(os.ReadFile("/proc/mounts")).NotTo(ContainSubstring(notes), "the machine does not see it")
		cancel()
		// A process that is left would keep the output open.
		Eventually(ctx, made).WithTimeout(20 * time.Second).Should(Receive(HaveOccurred()))
		Expect(filepath.Glob(filepath.Join(notes, "played-key*"))).To(BeEmpty())
	}, SpecTimeout(time.Minute))

	It("is cleared of what killed makings left, and of nothing else", func(ctx SpecContext) {
		d := debian{name: "played"}
		dir := filepath.Join(notes, "debian")
		stem := filepath.Join(dir, "played-"+d.key())
		Expect(os.MkdirAll(stem+"-1/proc", 0o700)).To(Succeed())
		Expect(os.MkdirAll(filepath.Join(dir, "played-other-1"), 0o700)).To(Succeed())
		Expect(os.WriteFile(stem+".tar", nil, 0o600)).To(Succeed())
		Expect(d.prepare(ctx, notes, func(string, ...any) {})).To(Equal(stem + ".tar"))
		Expect(filepath.Glob(filepath.Join(dir, "*"))).To(ConsistOf(stem+".tar", stem+".tar.lock", filepath.Join(dir, "played-other-1")))
	}, SpecTimeout(time.Minute))
})

var _ = Describe("A container that images are made in", func() {
	BeforeEach(func() { play("docker", noteCall) })

	It("takes the place of a killed run's when layers become one", func(ctx SpecContext) {
		Expect(flatten(ctx, "from", "to", notes)).To(Succeed())
		Expect(calls()).To(HaveExactElements(
			"rm --force --volumes rebirth-flatten", HavePrefix("create --name rebirth-flatten"),
			HavePrefix("export"), HavePrefix("import"), "rm --force --volumes rebirth-flatten"))
	}, SpecTimeout(time.Minute))

	It("takes the place of a killed run's when the node's store is filled", func(ctx SpecContext) {
		b := &build{dir: notes}
		Expect(b.fillStore(ctx, "base", "node")).To(Succeed())
		Expect(calls()).To(ContainElements(
			"rm --force --volumes rebirth-node-image", HavePrefix("run --detach --privileged --name rebirth-node-image")))
		Expect(calls()[1]).To(HavePrefix("rm "), "before it runs")
	}, SpecTimeout(time.Minute))
})

var _ = Describe("The node image's key", func() {
	It("does not change with these specs", func() {
		Expect(globFiles("*.go")).To(SatisfyAll(ContainSubstring("package images"), Not(ContainSubstring("RunSpecs"+"(t"))))
	})
})

var _ = Describe("Modules with files for the sandbox", func() {
	It("are downloaded outside of it, whatever was built before", func(ctx SpecContext) {
		play("go", `echo "${PWD##*/tools/} $*" >> "$NOTES/calls"; echo "{\"Dir\": \"$NOTES\"}"`)
		Expect(os.WriteFile(filepath.Join(notes, "go.mod"), nil, 0o600)).To(Succeed())
		Expect(downloadModules(ctx)).To(Succeed())
		Expect(calls()).To(ConsistOf(
			"kind mod download -json sigs.k8s.io/kind",
			"pgo mod download -json github.com/crunchydata/postgres-operator",
			"external-secrets mod download -json github.com/external-secrets/external-secrets",
			"flux-source mod download -json github.com/fluxcd/source-controller",
			"flux-kustomize mod download -json github.com/fluxcd/kustomize-controller",
			"flux-helm mod download -json github.com/fluxcd/helm-controller"))
	}, SpecTimeout(time.Minute))
})
