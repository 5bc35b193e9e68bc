package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestMachine(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Machine")
}

// played is a machine whose apt-get installs what packages say.
type played struct {
	machine
	programs map[string]bool
	packages map[string][]string // programs by their packages
	ran      []string
	policies []string // while packages were installed
	broken   string   // the command that fails
}

func newPlayed(programs ...string) *played {
	p := &played{programs: map[string]bool{"apt-get": true}, packages: map[string][]string{"docker.io": {"dockerd", "docker", "containerd"}}}
	for program := range needs {
		p.programs[program] = true
	}
	for _, program := range programs {
		delete(p.programs, program)
	}
	p.machine = machine{root: GinkgoT().TempDir(), progress: GinkgoWriter, has: func(program string) bool { return p.programs[program] }, run: p.command}
	p.make("usr/sbin", "proc/sys/net/bridge", "lib/systemd/system/docker.service", "lib/systemd/system/docker.socket", "lib/systemd/system/containerd.service")
	return p
}

func (p *played) make(folders ...string) {
	for _, folder := range folders {
		Expect(os.MkdirAll(filepath.Join(p.root, folder), 0o700)).To(Succeed())
	}
}

func (p *played) policy() string {
	content, _ := os.ReadFile(filepath.Join(p.root, policyFile))
	return string(content)
}

func (p *played) command(_ context.Context, name string, args ...string) error {
	line := strings.Join(append([]string{name}, args...), " ")
	p.ran = append(p.ran, strings.ReplaceAll(line, " --yes --no-install-recommends -o DPkg::Lock::Timeout=300", ""))
	if p.broken != "" && strings.HasPrefix(line, p.broken) {
		return errors.New("it is broken")
	}
	if name == "modprobe" {
		p.make(bridges)
	}
	if name == "apt-get" && args[0] == "install" {
		p.policies = append(p.policies, p.policy())
		for _, arg := range args {
			for _, program := range p.packages[arg] {
				p.programs[program] = true
			}
		}
	}
	return nil
}

var _ = Describe("A machine", func() {
	It("that has everything is left alone", func(ctx SpecContext) {
		p := newPlayed()
		Expect(p.prepare(ctx)).To(Succeed())
		Expect(p.ran).To(BeEmpty())
	}, SpecTimeout(time.Minute))

	It("without apt-get is told Debian's names", func(ctx SpecContext) {
		Expect(newPlayed("apt-get", "docker", "dockerd", "make").prepare(ctx)).To(MatchError(HaveSuffix(": docker.io make")))
	}, SpecTimeout(time.Minute))

	It("gets a Docker whose services are neither started nor enabled", func(ctx SpecContext) {
		p := newPlayed("docker", "dockerd")
		p.make("run/systemd/system")
		Expect(p.prepare(ctx)).To(Succeed())
		Expect(p.ran).To(Equal([]string{
			"apt-get update", "apt-get install docker.io", "systemctl disable docker.service docker.socket containerd.service"}))
		Expect(p.policies).To(Equal([]string{policy()}))
		Expect(p.policy()).To(BeEmpty(), "it is removed")
	}, SpecTimeout(time.Minute))

	It("keeps no service of a Docker whose installation failed half-way", func(ctx SpecContext) {
		p := newPlayed("docker", "dockerd")
		p.make("run/systemd/system")
		p.packages = map[string][]string{"docker.io": {"dockerd"}}
		p.broken = "apt-get install --yes --no-install-recommends -o DPkg::Lock::Timeout=300 docker-cli"
		Expect(p.prepare(ctx)).NotTo(Succeed())
		Expect(p.ran).To(ContainElement(HavePrefix("systemctl disable docker.service")))
	}, SpecTimeout(time.Minute))

	It("may start services again once the process that forbade it is no more", func(ctx SpecContext) {
		gone := exec.CommandContext(ctx, "true")
		Expect(gone.Run()).To(Succeed())
		asks := func(policy string) error { return exec.CommandContext(ctx, "sh", "-c", policy).Run() }
		Expect(asks(policy())).To(MatchError("exit status 101"))
		Expect(asks(strings.ReplaceAll(policy(), fmt.Sprint(os.Getpid()), fmt.Sprint(gone.Process.Pid)))).To(Succeed())
	}, SpecTimeout(time.Minute))

	It("without systemd has nothing to disable", func(ctx SpecContext) {
		p := newPlayed("docker", "dockerd")
		Expect(p.prepare(ctx)).To(Succeed())
		Expect(p.ran).NotTo(ContainElement(HavePrefix("systemctl")))
	}, SpecTimeout(time.Minute))

	It("keeps the services that it had", func(ctx SpecContext) {
		p := newPlayed("docker", "dockerd")
		p.make("run/systemd/system")
		p.programs["containerd"] = true
		Expect(p.prepare(ctx)).To(Succeed())
		Expect(p.ran).To(ContainElement("systemctl disable docker.service docker.socket"))

		p = newPlayed("make")
		p.make("run/systemd/system")
		p.packages["make"] = []string{"make"}
		Expect(p.prepare(ctx)).To(Succeed())
		Expect(p.ran).To(Equal([]string{"apt-get update", "apt-get install make"}))
	}, SpecTimeout(time.Minute))

	It("gets Docker's command, which is apart since Debian 13", func(ctx SpecContext) {
		p := newPlayed("docker", "dockerd")
		p.packages = map[string][]string{"docker.io": {"dockerd"}, "docker-cli": {"docker"}}
		Expect(p.prepare(ctx)).To(Succeed())
		Expect(p.ran).To(ContainElements("apt-get install docker.io", "apt-get install docker-cli"))
		Expect(p.policies).To(Equal([]string{policy(), policy()}))
	}, SpecTimeout(time.Minute))

	It("is told what is still missing after it was installed", func(ctx SpecContext) {
		p := newPlayed("docker", "dockerd", "tar")
		Expect(p.prepare(ctx)).To(MatchError(HaveSuffix("not on PATH: tar")))
	}, SpecTimeout(time.Minute))

	It("keeps the policy that it has", func(ctx SpecContext) {
		p := newPlayed("docker", "dockerd")
		own := filepath.Join(p.root, policyFile)
		Expect(os.WriteFile(own, []byte("own"), 0o700)).To(Succeed())
		Expect(p.prepare(ctx)).To(Succeed())
		Expect(p.policy()).To(Equal("own"))
	}, SpecTimeout(time.Minute))

	It("gets rid of the tier's policy that a killed run has left", func(ctx SpecContext) {
		p := newPlayed()
		Expect(os.WriteFile(filepath.Join(p.root, policyFile), []byte(policy()), 0o700)).To(Succeed())
		Expect(p.prepare(ctx)).To(Succeed())
		Expect(p.policy()).To(BeEmpty())
	}, SpecTimeout(time.Minute))

	DescribeTable("gets rid of the tier's policy", func(ctx SpecContext, broken string) {
		p := newPlayed("docker", "dockerd")
		p.broken = broken
		err := p.prepare(ctx)
		Expect(err != nil).To(Equal(broken != ""))
		Expect(p.policy()).To(BeEmpty())
	},
		Entry("when all goes well", "", SpecTimeout(time.Minute)),
		Entry("when the list of packages can't be had", "apt-get update", SpecTimeout(time.Minute)),
		Entry("when a package can't be installed", "apt-get install", SpecTimeout(time.Minute)),
	)

	It("whose kernel does not filter bridges loads the module, with a program that is installed", func(ctx SpecContext) {
		p := newPlayed()
		Expect(os.Remove(filepath.Join(p.root, bridges))).To(Succeed())
		p.packages["kmod"] = []string{"modprobe"}
		Expect(p.prepare(ctx)).To(Succeed())
		Expect(p.ran).To(Equal([]string{"apt-get update", "apt-get install kmod", "modprobe br_netfilter"}))
		for _, table := range []string{"iptables", "ip6tables", "arptables"} {
			Expect(os.ReadFile(filepath.Join(p.root, bridges, "bridge-nf-call-"+table))).To(BeEquivalentTo("0\n"), "the machine's own bridges are as before")
		}

		Expect(os.RemoveAll(filepath.Join(p.root, bridges))).To(Succeed())
		p.broken = "modprobe"
		Expect(p.prepare(ctx)).To(MatchError(ContainSubstring("br_netfilter")))
	}, SpecTimeout(time.Minute))
})
