package dayzero_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/test/dayzero"
	"github.com/tazzo/rebirth/test/proxmox"
	"github.com/tazzo/rebirth/test/talos"
)

// slow phases can be hit by a signal.
var slow = talos.Times{
	Boot: time.Second, HandOver: time.Second, Services: time.Second, Etcd: time.Second, StaticPods: time.Second,
}

// beginUntil starts a create and returns when a step of the phase runs.
func beginUntil(ctx context.Context, w *dayzero.World, phase string) *dayzero.Command {
	GinkgoHelper()
	return commandUntil(ctx, w, phase, "create", "--discard-credentials")
}

func commandUntil(ctx context.Context, w *dayzero.World, phase string, args ...string) *dayzero.Command {
	GinkgoHelper()
	command, err := w.Begin(ctx, program, append(args, "--output", "json")...)
	Expect(err).NotTo(HaveOccurred())
	Eventually(ctx, func() error { return reaches(command, phase) }).Should(Succeed())
	return command
}

// reaches fails at once if the command has ended without the phase.
func reaches(command *dayzero.Command, phase string) error {
	var ended bool
	select {
	case <-command.Done():
		ended = true
	default:
	}
	printed := command.Stdout()
	if isRunning(printed, phase) {
		return nil
	}
	if ended {
		return StopTrying("it ended before phase " + phase + ":\n" + printed + command.Stderr())
	}
	return fmt.Errorf("phase %s is not reached by:\n%s", phase, printed)
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

// neverComplete keeps machines, a pattern of path.Match, from being marked as complete,
// until Proxmox is healed: else a create might end before a busy machine looks at it.
func neverComplete(w *dayzero.World, machines string) {
	w.Proxmox.Fail(proxmox.Fault{
		Path: "/nodes/pve1/qemu/" + machines + "/config", Method: http.MethodPut, Says: "life=complete", Hang: true, Times: -1,
	})
}

// nobodyJoins keeps nodes that have the key out of the tailnet, until it is healed.
func nobodyJoins(w *dayzero.World) {
	w.FailTailnet(dayzero.TailnetFault{Method: http.MethodPost, Path: "/ts2021", Status: http.StatusServiceUnavailable, Times: -1})
}

// kill ends it as the kernel would.
func kill(command *dayzero.Command) {
	GinkgoHelper()
	Expect(command.Signal(syscall.SIGKILL)).To(Succeed())
	Eventually(command.Done()).Should(BeClosed())
}

var _ = Describe("a create that is killed (B11)", func() {
	DescribeTable("is simply run again, and comes to its end",
		func(ctx SpecContext, phase string, flags ...string) {
			w := world(ctx, dayzero.Options{WithoutTailnet: true, Workers: 1, Times: slow, TaskTimes: map[string]time.Duration{"import": time.Second, "download": time.Second}})
			kill(beginUntil(ctx, w, phase))
			must(ctx, w, append([]string{"create", "--discard-credentials"}, flags...)...)
			Expect(lives(w)).To(Equal([]string{"complete", "complete"}))
		},
		Entry("while it downloads the image", "image", SpecTimeout(90*time.Second)),
		Entry("while it makes machines", "machines", SpecTimeout(90*time.Second)),
		Entry("while they boot", "boot", SpecTimeout(90*time.Second)),
		Entry("while it configures them, and somebody says yes", "configure", "--yes", SpecTimeout(90*time.Second)),
		Entry("while etcd starts, and somebody says yes", "etcd", "--yes", SpecTimeout(90*time.Second)),
		Entry("while it waits for their health, and somebody says yes", "health", "--yes", SpecTimeout(90*time.Second)),
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

	It("between two marks, has finished all machines, and none is made anew", func(ctx SpecContext) {
		w := world(ctx, dayzero.Options{WithoutTailnet: true, Workers: 1})
		neverComplete(w, "9002")
		command := beginUntil(ctx, w, "finish")
		Eventually(ctx, lives).WithArguments(w).Should(Equal([]string{"complete", "unfinished"}))
		kill(command)
		w.Proxmox.Heal()
		before := uuids(w)
		must(ctx, w, "create", "--discard-credentials")
		Expect(lives(w)).To(HaveEach("complete"))
		Expect(uuids(w)).To(Equal(before))
	}, SpecTimeout(time.Minute))

	It("while nodes join, leaves a key that the next run revokes, and names that it frees", func(ctx SpecContext) {
		w := world(ctx, dayzero.Options{Workers: 1})
		nobodyJoins(w)
		command := beginUntil(ctx, w, "tailnet")
		Eventually(ctx, w.AuthKeys).ShouldNot(BeEmpty(), "the key was lent")
		kill(command)
		w.HealTailnet()
		Expect(workingKeys(ctx, w)).To(HaveLen(1))

		must(ctx, w, "create", "--yes", "--discard-credentials")
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
		w := world(ctx, dayzero.Options{WithoutTailnet: true, Workers: 1, TalosExtra: "  secrets: {file: " + secrets + "}\n"})
		neverComplete(w, "*")
		kill(beginUntil(ctx, w, "health"))
		w.Proxmox.Heal()
		before := uuids(w)
		must(ctx, w, "create")
		Expect(uuids(w)).To(Equal(before))
		Expect(lives(w)).To(HaveEach("complete"))
	}, SpecTimeout(2*time.Minute))
})

var _ = Describe("a create of which one step has failed, though the cluster runs", func() {
	It("is run again without replacing a machine, unless somebody says yes", func(ctx SpecContext) {
		w := world(ctx, dayzero.Options{Workers: 1, Extra: "timeouts: {join: 20s}\n"})
		nobodyJoins(w)
		Expect(mustFail(ctx, w, "create", "--discard-credentials")).To(ContainSubstring("lend the key to its memory"))
		Expect(lives(w)).To(HaveEach("unfinished"))
		w.HealTailnet()

		before := uuids(w)
		Expect(mustFail(ctx, w, "create", "--discard-credentials", "-o", "json")).To(And(
			ContainSubstring("may hold data"), ContainSubstring("say --yes"),
			ContainSubstring("VM 9001 (lab-controlplane-1: an interrupted create left it configured"), ContainSubstring("VM 9002 (lab-worker-1: ")))
		Expect(uuids(w)).To(Equal(before))

		must(ctx, w, "create", "--yes", "--discard-credentials")
		Expect(uuids(w)).NotTo(ContainElements(before))
		Expect(lives(w)).To(HaveEach("complete"))
	}, SpecTimeout(3*time.Minute))

	It("looks again at a node that doesn't answer, before it would replace it", func(ctx SpecContext) {
		secrets := filepath.Join(inRAM(), "secrets")
		first := world(ctx, dayzero.Options{WithoutTailnet: true, Workers: 1})
		must(ctx, first, "create", "--secrets", secrets)
		w := world(ctx, dayzero.Options{WithoutTailnet: true, Workers: 1, TalosExtra: "  secrets: {file: " + secrets + "}\n"})
		neverComplete(w, "*")
		kill(beginUntil(ctx, w, "health"))
		w.Proxmox.Heal()
		before := uuids(w)
		hears := w.Machines()[w.VMID(0)].Hang()
		planned, err := w.Run(ctx, program, "plan", "-o", "json")
		Expect(err).NotTo(HaveOccurred())
		Expect(json.Valid([]byte(planned.Stdout))).To(BeTrue(), "one document, whatever is in doubt: %s", planned.Stdout)
		again, err := w.Begin(ctx, program, "create")
		Expect(err).NotTo(HaveOccurred())
		Eventually(ctx, again.Stderr).Should(ContainSubstring("configured, and without an answer: lab-controlplane-1"))
		hears()
		Expect(again.Wait().ExitCode).To(BeZero(), again.Stderr())
		Expect(uuids(w)).To(Equal(before))
		Expect(lives(w)).To(HaveEach("complete"))
	}, SpecTimeout(2*time.Minute))
})

var _ = Describe("a destroy that is killed (B11)", func() {
	It("is simply run again, and leaves nothing", func(ctx SpecContext) {
		w := world(ctx, dayzero.Options{WithoutTailnet: true, Workers: 1, TaskTimes: map[string]time.Duration{"qmstop": time.Second, "qmdestroy": time.Second}})
		must(ctx, w, "create", "--discard-credentials")
		kill(commandUntil(ctx, w, "destroy", "destroy", "--yes"))
		Expect(w.Proxmox.VMs()).NotTo(BeEmpty())
		must(ctx, w, "destroy", "--yes")
		Expect(w.Proxmox.VMs()).To(BeEmpty())
		Expect(w.Proxmox.Volumes("pve1")).To(HaveEach(ContainSubstring("import/")), "images alone are left")
	}, SpecTimeout(time.Minute))
})

// stop sends a signal.
func stop(signal syscall.Signal) func(*dayzero.Command) {
	return func(command *dayzero.Command) { Expect(command.Signal(signal)).To(Succeed()) }
}

// hangUp closes a terminal, in whose end shell and kernel send a signal each.
func hangUp(command *dayzero.Command) {
	Eventually(func() <-chan struct{} {
		Expect(command.Signal(syscall.SIGHUP)).To(Succeed())
		return command.Done()
	}).WithPolling(time.Millisecond).Should(BeClosed())
}

var _ = Describe("a create that is told to stop", func() {
	DescribeTable("takes the key back and revokes it first",
		func(ctx SpecContext, interrupt func(*dayzero.Command)) {
			w := world(ctx, dayzero.Options{Workers: 1})
			nobodyJoins(w)
			command := beginUntil(ctx, w, "tailnet")
			Eventually(ctx, w.AuthKeys).ShouldNot(BeEmpty())
			interrupt(command)
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
		Entry("by Ctrl-C", stop(syscall.SIGINT), SpecTimeout(2*time.Minute)),
		Entry("by SIGTERM", stop(syscall.SIGTERM), SpecTimeout(2*time.Minute)),
		Entry("by a terminal that is closed", hangUp, SpecTimeout(2*time.Minute)),
	)

	It("revokes the key at once, though a node doesn't give it back", func(ctx SpecContext) {
		w := world(ctx, dayzero.Options{Workers: 1})
		nobodyJoins(w)
		command := beginUntil(ctx, w, "tailnet")
		Eventually(ctx, w.AuthKeys).ShouldNot(BeEmpty())
		for _, machine := range w.Machines() {
			DeferCleanup(machine.Hang())
		}
		Expect(command.Signal(syscall.SIGINT)).To(Succeed())
		Eventually(ctx, workingKeys).WithArguments(ctx, w).Should(BeEmpty())
		Expect(command.Done()).NotTo(BeClosed(), "it waits for the nodes")
		Expect(command.Signal(syscall.SIGINT)).To(Succeed())
		Expect(command.Wait().ExitCode).To(Equal(-1), "a second signal ends it where it stands")
	}, SpecTimeout(2*time.Minute))
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

	It("leaves signals to the programs that give secrets as they are", func(ctx SpecContext) {
		w := world(ctx, dayzero.Options{WithoutTailnet: true, TalosExtra: "  serviceAccountKey: {command: [sh, -c, 'kill -PIPE $$; echo alive']}\n"})
		Expect(mustFail(ctx, w, "status")).To(ContainSubstring("signal: broken pipe"))
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
