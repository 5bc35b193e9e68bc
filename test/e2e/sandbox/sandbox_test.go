package sandbox

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

// hiddenVariable names the folder that sandboxes hide, instead of the machine's.
const hiddenVariable = "REBIRTH_TEST_HIDDEN"

// This program is also the first process of its sandboxes.
func init() {
	if dir := os.Getenv(hiddenVariable); dir != "" {
		hidden = []string{filepath.Join(filepath.Dir(dir), "no-such-folder"), dir}
	}
	Enter()
}

func TestSandbox(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Sandbox")
}

// The daemon is played: the end-to-end tier has the real one.
const daemon = `#!/bin/sh
printf '%s\n' "$@" > "$NOTES/arguments"
exec sleep 600
`

var _ = Describe("A sandbox", func() {
	var notes string
	BeforeEach(func() {
		if err := exec.Command("unshare", "--net", "--pid", "--mount", "--ipc", "--fork", "true").Run(); err != nil {
			Skip("namespaces can't be made here, as make e2e needs them: " + err.Error())
		}
		notes = GinkgoT().TempDir()
		GinkgoT().Setenv("NOTES", notes)
		GinkgoT().Setenv("TMPDIR", notes)
		for name, script := range map[string]string{"dockerd": daemon, "docker": "#!/bin/sh\ntest -e \"$NOTES/arguments\"\n"} {
			Expect(os.WriteFile(filepath.Join(notes, name), []byte(script), 0o700)).To(Succeed())
		}
		GinkgoT().Setenv("PATH", notes+":"+os.Getenv("PATH"))
	})
	run := func(ctx context.Context, script string) error {
		return Run(ctx, Options{Data: filepath.Join(notes, "data"), Runtime: "/none", Log: filepath.Join(notes, "log")}, "sh", "-c", script)
	}
	note := func(name string) string {
		content, err := os.ReadFile(filepath.Join(notes, name))
		Expect(err).NotTo(HaveOccurred())
		return string(content)
	}

	It("returns what the command says, and leaves no folder", func(ctx SpecContext) {
		Expect(run(ctx, "exit 7")).To(MatchError(ContainSubstring("exit status 7")))
		Expect(filepath.Glob(filepath.Join(notes, folderPrefix+"*"))).To(BeEmpty())
	}, SpecTimeout(time.Minute))

	It("has loopback for a network, and a daemon that takes control groups from no systemd", func(ctx SpecContext) {
		Expect(run(ctx, `tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' \n' > "$NOTES/links"; cat /proc/net/fib_trie > "$NOTES/addresses"`)).To(Succeed())
		Expect(note("links")).To(Equal("lo"))
		Expect(note("addresses")).To(ContainSubstring("127.0.0.1"))
		Expect(strings.Split(note("arguments"), "\n")).To(ContainElement("--exec-opt=native.cgroupdriver=cgroupfs"))
	}, SpecTimeout(time.Minute))

	It("hides the machine's containerd, whose folder stays as it is", func(ctx SpecContext) {
		machines := filepath.Join(notes, "containerd")
		Expect(os.MkdirAll(machines, 0o700)).To(Succeed())
		Expect(os.WriteFile(filepath.Join(machines, "containerd.sock"), nil, 0o600)).To(Succeed())
		GinkgoT().Setenv(hiddenVariable, machines)
		Expect(run(ctx, `ls "$NOTES/containerd" > "$NOTES/seen"; touch "$NOTES/containerd/shim"`)).To(Succeed())
		Expect(note("seen")).To(BeEmpty())
		Expect(filepath.Glob(machines + "/*")).To(ConsistOf(HaveSuffix("containerd.sock")))
	}, SpecTimeout(time.Minute))

	It("tells the command how to get in, and ends with its context", func(ctx SpecContext) {
		running, stop := context.WithCancel(ctx)
		defer stop()
		ended := make(chan error, 1)
		go func() {
			ended <- run(running, `echo "$`+EntryVariable+`" > "$NOTES/entry.new"; mv "$NOTES/entry.new" "$NOTES/entry"; exec sleep 600`)
		}()
		Eventually(ctx, filepath.Join(notes, "entry")).WithTimeout(30 * time.Second).Should(BeAnExistingFile())
		entered := exec.CommandContext(ctx, "sh", "-c", strings.TrimSpace(note("entry"))+` sh -c 'tail -n +3 /proc/net/dev; echo "$DOCKER_HOST"'`)
		out, err := entered.CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(out))
		Expect(strings.Split(strings.TrimSpace(string(out)), "\n")).To(HaveExactElements(
			ContainSubstring("lo: "), SatisfyAll(HavePrefix("unix://"+notes), HaveSuffix("/docker.sock"))))
		stop()
		Eventually(ctx, ended).WithTimeout(30 * time.Second).Should(Receive(HaveOccurred()))
	}, SpecTimeout(time.Minute))
})

var _ = Describe("What killed sandboxes left", func() {
	It("is removed, and what belongs to a living one stays", func() {
		temp, cgroups := GinkgoT().TempDir(), GinkgoT().TempDir()
		dead, living := 4194301, 4194302
		for _, folder := range []string{
			temp + "/rebirth-sandbox-4194301-1/exec", temp + "/rebirth-sandbox-4194302-2", temp + "/rebirth-sandbox-mine", temp + "/other-4194301-1",
			cgroups + "/rebirth-e2e-4194301/node", cgroups + "/rebirth-e2e-4194302", cgroups + "/memory/rebirth-e2e-4194301/node", cgroups + "/memory/other",
		} {
			Expect(os.MkdirAll(folder, 0o700)).To(Succeed())
		}
		Expect(removeLeftovers(temp, cgroups, func(pid int) bool {
			Expect(pid).To(BeElementOf(dead, living))
			return pid == living
		})).To(Succeed())
		Expect(filepath.Glob(temp + "/*")).To(ConsistOf(
			temp+"/rebirth-sandbox-4194302-2", temp+"/rebirth-sandbox-mine", temp+"/other-4194301-1"))
		Expect(filepath.Glob(cgroups + "/*")).To(ConsistOf(cgroups+"/rebirth-e2e-4194302", cgroups+"/memory"))
		Expect(filepath.Glob(cgroups + "/memory/*")).To(ConsistOf(cgroups + "/memory/other"))
	})

	It("is told by the process", func(ctx SpecContext) {
		ended := exec.CommandContext(ctx, "true")
		Expect(ended.Run()).To(Succeed())
		Expect(alive(ended.Process.Pid)).To(BeFalse())
		Expect(alive(os.Getpid())).To(BeTrue())
	}, SpecTimeout(time.Minute))
})
