package progress_test

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"golang.org/x/sys/unix"
	"k8s.io/utils/clock"

	"github.com/tazzo/rebirth/internal/bootstrap/progress"
	"github.com/tazzo/rebirth/test/pty"
)

// terminal is a pseudo terminal, and what is seen on it.
func terminal() (person, program *os.File, seen *gbytes.Buffer) {
	GinkgoHelper()
	person, program, err := pty.Open()
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(person.Close)
	DeferCleanup(program.Close)
	seen = gbytes.NewBuffer()
	go func() { _, _ = io.Copy(seen, person) }() // until the program's end is closed
	return person, program, seen
}

func modes(program *os.File) unix.Termios {
	GinkgoHelper()
	m, err := pty.Modes(program)
	Expect(err).NotTo(HaveOccurred())
	return m
}

// expectInOrder checks that nothing was left changed: a hidden cursor is shown again,
// and no mode was ever set nor anything asked, for there is nobody to read the answer.
func expectInOrder(drawn string) {
	GinkgoHelper()
	Expect(strings.LastIndex(drawn, "\x1b[?25l")).To(BeNumerically("<=", strings.LastIndex(drawn, "\x1b[?25h")))
	for name, sequence := range map[string]string{
		"alternate screen": "\x1b[?1049h", "bracketed paste": "\x1b[?2004h", "mouse": "\x1b[?100", "cursor's shape": " q",
		"where the cursor is": "\x1b[6n", "what the terminal is": "\x1b[c", "colours": "\x1b]1", "keyboard": "\x1b[>",
	} {
		Expect(drawn).NotTo(ContainSubstring(sequence), name)
	}
}

var environ = []string{"TERM=xterm-256color", "TMUX=/tmp/nowhere,1,0", "REBIRTH_SPEC_TOKEN=canary"}

var _ = Describe("A live run", func() {
	It("leaves above what has ended, and moves below what runs", func() {
		_, program, seen := terminal()
		p := progress.NewLive(program, environ, clock.RealClock{})
		events := story()
		tell(p, events[:10]...)
		Eventually(seen).Should(gbytes.Say(`done .*preflight .*check Proxmox \(1.2 s\)`))
		Eventually(seen).Should(gbytes.Say(`importing the image, 40 %`))
		tell(p, events[10:]...)
		Expect(p.WriteSummary()).To(Succeed())
		Eventually(seen).Should(gbytes.Say(`FAILED`))
		Eventually(seen).Should(gbytes.Say(`total  2 min 05 s`))
		expectInOrder(string(seen.Contents()))
	})

	It("prints above the panel that is there, not one that is as tall as the terminal", func() {
		_, program, seen := terminal()
		p := progress.NewLive(program, environ, clock.RealClock{})
		DeferCleanup(p.Close)
		tell(p,
			event(0, "boot", "wait", "cp-1", progress.Running, ""), event(0, "boot", "wait", "cp-2", progress.Running, ""),
			event(0, "boot", "wait", "cp-1", progress.Done, "at once"),
		)
		Eventually(seen).Should(gbytes.Say("at once"))
		Expect(string(seen.Contents())).NotTo(MatchRegexp(`\x1b\[\d\dB`))
	})

	It("draws nothing until something is reported, and when nothing runs any more", func() {
		_, program, seen := terminal()
		p := progress.NewLive(program, environ, clock.RealClock{})
		DeferCleanup(p.Close)
		p.Report(note(0, "mind"))
		_, err := program.WriteString("a question? ")
		Expect(err).NotTo(HaveOccurred())
		Eventually(seen).Should(gbytes.Say(`^.*mind\r\na question\? `), "and nothing before")
		p.Report(event(0, "preflight", "check", "", progress.Running, ""))
		Eventually(seen).Should(gbytes.Say("check"))
		p.Report(event(1, "preflight", "check", "", progress.Done, ""))
		_, err = program.WriteString("another? ")
		Expect(err).NotTo(HaveOccurred())
		Consistently(seen.Contents, "300ms").Should(WithTransform(func(b []byte) string {
			_, after, _ := strings.Cut(string(b), "another? ")
			return after
		}, BeEmpty()))
	})

	It("changes no mode, and reads nothing of what is typed", func() {
		person, program, seen := terminal()
		before := modes(program)
		p := progress.NewLive(program, environ, clock.RealClock{})
		p.Report(event(0, "boot", "wait", "cp-1", progress.Running, ""))
		Eventually(seen).Should(gbytes.Say("cp-1"))
		Expect(modes(program)).To(Equal(before))
		_, err := person.WriteString("typed\n")
		Expect(err).NotTo(HaveOccurred())
		p.Report(event(1, "boot", "wait", "cp-1", progress.Done, ""))
		Expect(p.Close()).To(Succeed())
		Expect(modes(program)).To(Equal(before))
		typed := make([]byte, 10)
		n, err := program.Read(typed)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(typed[:n])).To(Equal("typed\n"))
	})

	It("uses no colours where they are not wanted", func() {
		_, program, seen := terminal()
		p := progress.NewLive(program, append([]string{"NO_COLOR=yes"}, environ...), clock.RealClock{})
		tell(p, story()...)
		Expect(p.WriteSummary()).To(Succeed())
		Eventually(seen).Should(gbytes.Say("total"))
		Expect(string(seen.Contents())).NotTo(MatchRegexp(`\x1b\[[0-9;]*3[0-7]m`))
	})

	It("follows the terminal's size", func() {
		person, program, seen := terminal()
		p := progress.NewLive(program, environ, clock.RealClock{})
		DeferCleanup(p.Close)
		p.Report(event(0, "boot", "wait for Talos to be installed", "cp-1", progress.Running, ""))
		Eventually(seen).Should(gbytes.Say("to be installed"))
		Expect(unix.IoctlSetWinsize(int(person.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: 40, Row: 10})).To(Succeed())
		Expect(syscall.Kill(os.Getpid(), syscall.SIGWINCH)).To(Succeed()) // which the kernel sends to the terminal's own session
		Eventually(seen).Should(gbytes.Say("wait for Ta[a-z ]*…"))
	})

	It("ends with the panel gone, although something still ran", func() {
		_, program, seen := terminal()
		p := progress.NewLive(program, environ, clock.RealClock{})
		p.Report(event(0, "boot", "wait", "cp-1", progress.Running, ""))
		Eventually(seen).Should(gbytes.Say("cp-1"))
		Expect(p.Close()).To(Succeed())
		Eventually(seen).Should(gbytes.Say(`\x1b\[2A\x1b\[J`), "two lines up, and all below erased")
		expectInOrder(string(seen.Contents()))
	})
})

var _ = DescribeTable("A run shows itself",
	func(terminalType string, live bool) {
		GinkgoT().Setenv("TERM", terminalType)
		_, program, seen := terminal()
		p := progress.New(program, clock.RealClock{})
		tell(p, story()...)
		Expect(p.WriteSummary()).To(Succeed())
		Eventually(seen).Should(gbytes.Say("total"))
		Expect(strings.Contains(string(seen.Contents()), "\x1b[")).To(Equal(live))
	},
	Entry("live on a terminal", "xterm", true),
	Entry("line by line on one that can't draw", "dumb", false),
	Entry("line by line on one that nobody knows", "", false),
)

// interruptible is the role of a process that runs until it is interrupted.
const interruptible = "run-until-interrupted"

const interruptedCode = 7

func runInterruptible() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	p := progress.New(os.Stderr, clock.RealClock{})
	p.Report(event(0, "boot", "wait", "cp-1", progress.Running, ""))
	<-ctx.Done()
	p.Report(event(1, "boot", "wait", "cp-1", progress.Running, "giving back what was lent"))
	_, _ = os.Stdin.Read(make([]byte, 1))
	p.Report(event(2, "boot", "wait", "cp-1", progress.Failed, "interrupted"))
	if p.WriteSummary() != nil {
		return 1
	}
	return interruptedCode
}

var _ = Describe("A live run in a process of its own", func() {
	started := func(ctx context.Context) (*exec.Cmd, io.WriteCloser, *os.File, *gbytes.Buffer) {
		_, program, seen := terminal()
		cmd := exec.CommandContext(ctx, "/proc/self/exe", interruptible)
		cmd.Env = []string{"TERM=xterm-256color"}
		cmd.Stderr = program
		stdin, err := cmd.StdinPipe()
		Expect(err).NotTo(HaveOccurred())
		Expect(cmd.Start()).To(Succeed())
		Eventually(seen).Should(gbytes.Say("cp-1  wait"))
		return cmd, stdin, program, seen
	}

	It("leaves the interrupt and the input to the run, and shows what comes of it", func(ctx SpecContext) {
		cmd, stdin, program, seen := started(ctx)
		before := modes(program)
		Expect(cmd.Process.Signal(os.Interrupt)).To(Succeed())
		Eventually(seen).Should(gbytes.Say("giving back what was lent"))
		_, err := stdin.Write([]byte("s"))
		Expect(err).NotTo(HaveOccurred())
		var exit *exec.ExitError
		Expect(errors.As(cmd.Wait(), &exit)).To(BeTrue())
		Expect(exit.ExitCode()).To(Equal(interruptedCode))
		Eventually(seen).Should(gbytes.Say("FAILED.*interrupted"))
		Eventually(seen).Should(gbytes.Say("total"))
		Expect(modes(program)).To(Equal(before))
		expectInOrder(string(seen.Contents()))
	})

	It("leaves the terminal in order even when it is killed", func(ctx SpecContext) {
		cmd, _, program, seen := started(ctx)
		before := modes(program)
		Expect(cmd.Process.Signal(syscall.SIGKILL)).To(Succeed())
		Expect(cmd.Wait()).NotTo(Succeed())
		Expect(modes(program)).To(Equal(before))
		expectInOrder(string(seen.Contents()))
	})
})
