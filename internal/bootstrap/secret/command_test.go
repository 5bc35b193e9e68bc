package secret_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/bootstrap/secret"
	"github.com/tazzo/rebirth/internal/bootstrap/spec"
)

func running(ctx context.Context, command ...string) (secret.Value, error) {
	return secret.NewReader(nil, nil).Read(ctx, "proxmox.token", spec.Source{Command: command})
}

// shell runs a script; product code never runs a shell by itself.
func shell(ctx context.Context, script string) (secret.Value, error) {
	return running(ctx, "sh", "-c", script)
}

var _ = Describe("A secret from a command", func() {
	It("is its standard output", func(ctx SpecContext) {
		Expect(running(ctx, "printf", "%s\n", canary)).To(holdWhat(canary))
	})

	It("is not made by a shell", func(ctx SpecContext) {
		Expect(running(ctx, "printf", "%s", "$HOME; $(id)")).To(holdWhat("$HOME; $(id)"))
	})

	It("is made with an environment that says where things are, and holds no credential", func(ctx SpecContext) {
		GinkgoT().Setenv("VAULT_ADDR", "https://vault.lan:8200")
		for _, name := range []string{"VAULT_TOKEN", "REBIRTH_SPEC_TOKEN", "AWS_SECRET_ACCESS_KEY", "HTTPS_PROXY"} {
			GinkgoT().Setenv(name, canary)
		}
		v, err := running(ctx, "env")
		Expect(err).NotTo(HaveOccurred())
		expectNoSecret(string(v.Bytes()))
		Expect(strings.Split(string(v.Bytes()), "\n")).To(ContainElements("VAULT_ADDR=https://vault.lan:8200", "PATH="+os.Getenv("PATH")))
	})

	It("gets the variables that the documentation lists", func() {
		page, err := os.ReadFile("../../../docs/bootstrap.md")
		Expect(err).NotTo(HaveOccurred())
		for _, name := range secret.Passed {
			Expect(string(page)).To(ContainSubstring("`" + name + "`"))
		}
	})

	It("gets nothing to read", func(ctx SpecContext) {
		_, err := running(ctx, "cat")
		Expect(err).To(MatchError("proxmox.token: the command cat gave an empty secret"))
	})

	It("has no terminal to ask on", func(ctx SpecContext) {
		Expect(shell(ctx, "(: </dev/tty) 2>/dev/null && echo asked || echo not")).To(holdWhat("not"))
	})

	DescribeTable("is refused",
		func(ctx SpecContext, command []string, why string) {
			_, err := running(ctx, command...)
			Expect(err).To(MatchError(HavePrefix("proxmox.token: the command " + command[0] + " ")))
			Expect(err).To(MatchError(ContainSubstring(why)))
			expectNoSecret(err.Error())
		},
		Entry("if it fails, without a word of what it printed or was called with",
			[]string{"sh", "-c", `echo "$1"; echo "$1" >&2; exit 3`, "sh", canary},
			"failed (exit status 3): run it by hand to see why, for what it prints may be secret"),
		Entry("if it is killed", []string{"sh", "-c", "kill -9 $$"}, "failed (signal: killed)"),
		Entry("if there is no such program", []string{"no-such-program"}, "could not be started: it is not in PATH"),
		Entry("if it can't be run", []string{"/proc/self/status"}, "could not be started: "),
		Entry("if it is more than 1 MiB", []string{"head", "-c", "1048577", "/dev/zero"}, "longer than 1 MiB"),
		Entry("if it never ends", []string{"yes", canary}, "printed too much: it is longer than 1 MiB"),
	)

	It("may be as long as 1 MiB", func(ctx SpecContext) {
		v, err := running(ctx, "head", "-c", "1048576", "/dev/zero")
		Expect(err).NotTo(HaveOccurred())
		Expect(v.Bytes()).To(HaveLen(1 << 20))
	})

	It("is not waited for longer than the deadline, and no process is left", func(ctx SpecContext) {
		pids := filepath.Join(GinkgoT().TempDir(), "pids")
		waiting, cancel := context.WithCancelCause(ctx)
		cause := errors.New("preflight ended")
		failed := make(chan error)
		go func() {
			_, err := shell(waiting, "sleep 1000 & echo $! $$ >"+pids+"; wait")
			failed <- err
		}()
		var started []string
		Eventually(func() []string {
			content, _ := os.ReadFile(pids)
			started = strings.Fields(string(content))
			return started
		}).Should(HaveLen(2))
		cancel(cause)
		var err error
		Eventually(failed).Should(Receive(&err))
		Expect(err).To(MatchError("proxmox.token: the command sh was stopped: preflight ended"))
		for _, pid := range started {
			Eventually(alive).WithArguments(pid).Should(BeFalse())
		}
	})

	It("ends, although a process is left that could still write", func(ctx SpecContext) {
		pids := filepath.Join(GinkgoT().TempDir(), "pids")
		_, err := shell(ctx, "sleep 1000 & echo $! >"+pids+"; echo secret")
		Expect(err).To(MatchError(ContainSubstring("a process that it left behind kept its output open, and was stopped")))
		content, err := os.ReadFile(pids)
		Expect(err).NotTo(HaveOccurred())
		Eventually(alive).WithArguments(strings.TrimSpace(string(content))).Should(BeFalse())
	})
})

// alive reports whether a process runs. One that nobody has waited for yet is dead.
func alive(pid string) bool {
	number, err := strconv.Atoi(pid)
	Expect(err).NotTo(HaveOccurred())
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err == nil && strings.Contains(string(stat), ") Z ") {
		return false
	}
	return syscall.Kill(number, 0) == nil
}
