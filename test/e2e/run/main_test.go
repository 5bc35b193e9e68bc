package main

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/test/controlplane"
)

// roleVariable makes this program the one that starts the runner, or the runner.
const roleVariable = "REBIRTH_TEST_ROLE"

func init() {
	switch os.Getenv(roleVariable) {
	case "starter":
		started := exec.Command(os.Args[0])
		started.Env = append(os.Environ(), roleVariable+"=started")
		_ = started.Run() // neither ends by itself
	case "started":
		told, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		if err := endWithStarter(); err != nil {
			panic(err)
		}
		leave("ready")
		<-told.Done()
		leave("told")
		os.Exit(0)
	}
}

func leave(name string) {
	if err := os.WriteFile(filepath.Join(os.Getenv("NOTES"), name), nil, 0o600); err != nil {
		panic(err)
	}
}

func TestRun(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(20 * time.Second)
	RunSpecs(t, "Run")
}

var notes string

var _ = BeforeEach(func() {
	notes = GinkgoT().TempDir()
	GinkgoT().Setenv("NOTES", notes)
})

var _ = Describe("The runner", func() {
	It("is told to end when what started it is killed", func(ctx SpecContext) {
		starter := exec.CommandContext(ctx, os.Args[0])
		starter.Env = append(os.Environ(), roleVariable+"=starter")
		Expect(starter.Start()).To(Succeed())
		Eventually(ctx, filepath.Join(notes, "ready")).Should(BeAnExistingFile())
		Expect(starter.Process.Kill()).To(Succeed())
		Expect(starter.Wait()).NotTo(Succeed())
		Eventually(ctx, filepath.Join(notes, "told")).Should(BeAnExistingFile())
	}, SpecTimeout(time.Minute))

	It("interrupts the specs itself, which are out of the terminal's reach", func(ctx SpecContext) {
		running, stop := context.WithCancel(ctx)
		defer stop()
		specs := specsCommand(running, "sh", "-c", `trap 'touch "$NOTES/told"; exit 0' INT; touch "$NOTES/ready"; while :; do sleep 0.1; done`)
		Expect(specs.Start()).To(Succeed())
		Expect(syscall.Getpgid(specs.Process.Pid)).To(Equal(specs.Process.Pid))
		Eventually(ctx, filepath.Join(notes, "ready")).Should(BeAnExistingFile())
		stop()
		Expect(specs.Wait()).To(MatchError(context.Canceled))
		Expect(filepath.Join(notes, "told")).To(BeAnExistingFile())
	}, SpecTimeout(time.Minute))
})

var _ = Describe(".ci/run", func() {
	// start runs it in a tree and with a make that do nothing else.
	start := func(ctx context.Context, script string) *exec.Cmd {
		GinkgoHelper()
		root, err := controlplane.ModuleRoot()
		Expect(err).NotTo(HaveOccurred())
		run, err := os.ReadFile(filepath.Join(root, ".ci", "run"))
		Expect(err).NotTo(HaveOccurred())
		for name, content := range map[string]string{".ci/run": string(run), "make": "#!/bin/sh\n" + script, "go": "#!/bin/sh\n", "git": "#!/bin/sh\n"} {
			file := filepath.Join(notes, name)
			Expect(os.MkdirAll(filepath.Dir(file), 0o700)).To(Succeed())
			Expect(os.WriteFile(file, []byte(content), 0o700)).To(Succeed())
		}
		ci := exec.CommandContext(ctx, filepath.Join(notes, ".ci", "run"))
		ci.Env = append(os.Environ(), "PATH="+notes+":"+os.Getenv("PATH"), "CI_WITHOUT_E2E=")
		ci.Stdout, ci.Stderr = GinkgoWriter, GinkgoWriter
		Expect(ci.Start()).To(Succeed())
		return ci
	}

	It("takes every step", func(ctx SpecContext) {
		Expect(start(ctx, `echo "$@" >> "$NOTES/steps"`).Wait()).To(Succeed())
		Expect(os.ReadFile(filepath.Join(notes, "steps"))).To(BeEquivalentTo("verify\nlint\ntest\ne2e\n"))
	}, SpecTimeout(time.Minute))

	It("ends with the first step that fails", func(ctx SpecContext) {
		ci := start(ctx, `echo "$@" >> "$NOTES/steps"; [ "$1" != lint ] || exit 3`)
		Expect(ci.Wait()).NotTo(Succeed())
		Expect(ci.ProcessState.ExitCode()).To(Equal(3))
		Expect(os.ReadFile(filepath.Join(notes, "steps"))).To(BeEquivalentTo("verify\nlint\n"))
	}, SpecTimeout(time.Minute))

	DescribeTable("takes along what it has started", func(ctx SpecContext, signal syscall.Signal, code int) {
		ci := start(ctx, `sleep 600 & echo $$ $! > "$NOTES/new"; mv "$NOTES/new" "$NOTES/started"; wait`)
		started := filepath.Join(notes, "started")
		Eventually(ctx, started).Should(BeAnExistingFile())
		Expect(ci.Process.Signal(signal)).To(Succeed())
		Expect(ci.Wait()).NotTo(Succeed())
		Expect(ci.ProcessState.ExitCode()).To(Equal(code))
		content, err := os.ReadFile(started)
		Expect(err).NotTo(HaveOccurred())
		for pid := range strings.FieldsSeq(string(content)) {
			Eventually(ctx, func() string {
				status, _ := os.ReadFile("/proc/" + pid + "/status")
				return string(status)
			}).Should(Or(BeEmpty(), ContainSubstring("zombie")))
		}
	},
		Entry("when it is told to end", syscall.SIGTERM, 143, SpecTimeout(time.Minute)),
		Entry("at Ctrl-C", syscall.SIGINT, 130, SpecTimeout(time.Minute)),
	)
})
