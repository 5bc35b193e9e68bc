package dayzero_test

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/test/dayzero"
	"github.com/tazzo/rebirth/test/talos"
)

// slow phases can be hit by a signal.
var slow = talos.Times{
	Boot: time.Second, HandOver: time.Second, Services: time.Second, Etcd: time.Second, StaticPods: time.Second,
}

// beginUntil starts a create and returns when a step of the phase runs.
func beginUntil(ctx context.Context, w *dayzero.World, phase string) *dayzero.Command {
	GinkgoHelper()
	command, err := w.Begin(ctx, program, "create", "--discard-credentials", "--output", "json")
	Expect(err).NotTo(HaveOccurred())
	Eventually(ctx, func() bool { return isRunning(command.Stdout(), phase) }).Should(BeTrue(),
		func() string { return "phase " + phase + " in:\n" + command.Stdout() + command.Stderr() })
	return command
}

// isRunning looks for a step of the phase in the lines of JSON.
func isRunning(lines, phase string) bool {
	scanner := bufio.NewScanner(strings.NewReader(lines))
	for scanner.Scan() {
		var event struct{ Phase, State string }
		if json.Unmarshal(scanner.Bytes(), &event) == nil && event.Phase == phase && event.State == "running" {
			return true
		}
	}
	return false
}

// kill ends it as the kernel would.
func kill(command *dayzero.Command) {
	GinkgoHelper()
	Expect(command.Signal(syscall.SIGKILL)).To(Succeed())
	Eventually(command.Done()).Should(BeClosed())
}

var _ = Describe("a create that is killed (B11)", func() {
	DescribeTable("is simply run again, and comes to its end",
		func(ctx SpecContext, phase string) {
			w := world(ctx, dayzero.Options{WithoutTailnet: true, Workers: 1, Times: slow, TaskTimes: map[string]time.Duration{"import": time.Second, "download": time.Second}})
			kill(beginUntil(ctx, w, phase))
			must(ctx, w, "create", "--discard-credentials")
			Expect(lives(w)).To(Equal([]string{"complete", "complete"}))
		},
		Entry("while it downloads the image", "image", SpecTimeout(90*time.Second)),
		Entry("while it makes machines", "machines", SpecTimeout(90*time.Second)),
		Entry("while they boot", "boot", SpecTimeout(90*time.Second)),
		Entry("while it configures them", "configure", SpecTimeout(90*time.Second)),
		Entry("while etcd starts", "etcd", SpecTimeout(90*time.Second)),
		Entry("while it waits for their health", "health", SpecTimeout(90*time.Second)),
	)

	DescribeTable("leaves nothing once the cluster is destroyed",
		func(ctx SpecContext, phase string) {
			w := world(ctx, dayzero.Options{WithoutTailnet: true, Workers: 1, Times: slow, TaskTimes: map[string]time.Duration{"import": time.Second}})
			kill(beginUntil(ctx, w, phase))
			must(ctx, w, "destroy", "--yes")
			Expect(w.Proxmox.VMs()).To(BeEmpty())
			Expect(w.Proxmox.Volumes("pve1")).To(HaveEach(ContainSubstring("import/")), "images alone are left")
		},
		Entry("while it makes machines", "machines", SpecTimeout(90*time.Second)),
		Entry("while it configures them", "configure", SpecTimeout(90*time.Second)),
	)

	It("while nodes join, leaves a key that the next run revokes, and names that it frees", func(ctx SpecContext) {
		w := world(ctx, dayzero.Options{Workers: 1})
		command := beginUntil(ctx, w, "tailnet")
		Eventually(ctx, w.AuthKeys).ShouldNot(BeEmpty(), "the key was lent")
		kill(command)
		Expect(workingKeys(ctx, w)).To(HaveLen(1))

		must(ctx, w, "create", "--discard-credentials")
		Expect(hostnames(ctx, w)).To(ConsistOf(w.Nodes()))
		Expect(workingKeys(ctx, w)).To(BeEmpty())
		for _, key := range w.AuthKeys() {
			Expect(filesWith(w.Dir(), key)).To(BeEmpty())
		}
	}, SpecTimeout(3*time.Minute))

	It("goes on with the machines that it has, when their secrets outlive it", func(ctx SpecContext) {
		dir := inRAM()
		secrets := filepath.Join(dir, "secrets")
		first := world(ctx, dayzero.Options{WithoutTailnet: true, Workers: 1})
		must(ctx, first, "create", "--secrets", secrets)
		w := world(ctx, dayzero.Options{WithoutTailnet: true, Workers: 1, Times: slow, TalosExtra: "  secrets: {file: " + secrets + "}\n"})
		kill(beginUntil(ctx, w, "health"))
		before := uuids(w)
		must(ctx, w, "create")
		Expect(uuids(w)).To(Equal(before))
		Expect(lives(w)).To(HaveEach("complete"))
	}, SpecTimeout(2*time.Minute))
})

var _ = Describe("a create that is told to stop", func() {
	DescribeTable("takes the key back and revokes it first",
		func(ctx SpecContext, signal syscall.Signal) {
			w := world(ctx, dayzero.Options{Workers: 1})
			command := beginUntil(ctx, w, "tailnet")
			Eventually(ctx, w.AuthKeys).ShouldNot(BeEmpty())
			Expect(command.Signal(signal)).To(Succeed())
			result := command.Wait()
			Expect(result.ExitCode).To(Equal(1))
			Expect(result.Stderr).To(ContainSubstring("stopped before the end"))
			Expect(workingKeys(ctx, w)).To(BeEmpty())
			for id, machine := range w.Machines() {
				active, err := machine.Active()
				Expect(err).NotTo(HaveOccurred())
				Expect(string(active)).NotTo(ContainSubstring("TS_AUTHKEY"), "VM %d", id)
			}
		},
		Entry("by Ctrl-C", syscall.SIGINT, SpecTimeout(2*time.Minute)),
		Entry("by SIGTERM", syscall.SIGTERM, SpecTimeout(2*time.Minute)),
	)
})

var _ = Describe("the process", func() {
	It("has no secret among its arguments, and none in its environment once it is read", func(ctx SpecContext) {
		w := world(ctx, dayzero.Options{WithoutTailnet: true, Workers: 1, Times: slow})
		command := beginUntil(ctx, w, "boot")
		DeferCleanup(func() { _ = command.Signal(syscall.SIGKILL); command.Wait() })
		for _, file := range []string{"cmdline", "environ"} {
			content, err := os.ReadFile(filepath.Join("/proc", itoa(command.PID()), file))
			Expect(err).NotTo(HaveOccurred())
			for _, secret := range w.Secrets() {
				Expect(string(content)).NotTo(ContainSubstring(secret), file)
			}
		}
	}, SpecTimeout(time.Minute))

	It("leaves no core dump", func(ctx SpecContext) {
		w := world(ctx, dayzero.Options{WithoutTailnet: true, Workers: 1, Times: slow})
		command := beginUntil(ctx, w, "boot")
		DeferCleanup(func() { _ = command.Signal(syscall.SIGKILL); command.Wait() })
		limits, err := os.ReadFile(filepath.Join("/proc", itoa(command.PID()), "limits"))
		Expect(err).NotTo(HaveOccurred())
		Expect(string(limits)).To(MatchRegexp(`Max core file size\s+0\s+0`))
	}, SpecTimeout(time.Minute))
})
