// Package machine sees to it that this machine has what the end-to-end tier needs.
package machine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// needs are programs and Debian's packages that hold them.
var needs = map[string]string{
	"dockerd":     "docker.io",
	"docker":      "docker.io",
	"iptables":    "iptables",
	"debootstrap": "debootstrap",
	"unshare":     "util-linux",
	"git":         "git",
	"make":        "make",
	"tar":         "tar",
}

// bridges is there when the kernel filters what crosses a bridge, without which Flannel
// does not start.
const bridges = "proc/sys/net/bridge"

// Prepare installs what is missing, as root on Debian and its kin. Elsewhere it says
// all that has to be done.
func Prepare(ctx context.Context, progress io.Writer) error {
	if runtime.GOOS != "linux" {
		return errors.New("the end-to-end tier needs Linux, for it makes namespaces: run it in a virtual machine")
	}
	if os.Geteuid() != 0 {
		return errors.New("the end-to-end tier needs root: it starts a Docker of its own, in namespaces without a way to the network. Run it by sudo, or in a virtual machine")
	}
	return machine{root: "/", progress: progress, has: onPath, run: run}.prepare(ctx)
}

type machine struct {
	root     string // of its file system
	progress io.Writer
	has      func(program string) bool
	run      func(ctx context.Context, name string, args ...string) error
}

func onPath(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// run interrupts at first: a package manager that is killed leaves halves behind.
func run(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, args[0], err, out)
	}
	return nil
}

func (m machine) prepare(ctx context.Context) error {
	if err := m.allowServices(); err != nil {
		return err
	}
	if missing := m.missing(); len(missing) > 0 {
		if !m.has("apt-get") {
			return fmt.Errorf("install these first, Debian's names: %s", strings.Join(missing, " "))
		}
		if err := m.install(ctx, missing); err != nil {
			return err
		}
	}
	if m.exists(bridges) {
		return nil
	}
	return m.loadBridgeFilter(ctx)
}

// loadBridgeFilter leaves the machine's own bridges as they were: each namespace has these
// switches, on at first, and the sandbox' bridges are in another one.
func (m machine) loadBridgeFilter(ctx context.Context) error {
	if err := m.run(ctx, "modprobe", "br_netfilter"); err != nil {
		return fmt.Errorf("the nodes' network needs the kernel's module br_netfilter, and it can't be loaded here: %w", err)
	}
	var errs []error
	for _, table := range []string{"iptables", "ip6tables", "arptables"} {
		errs = append(errs, os.WriteFile(filepath.Join(m.root, bridges, "bridge-nf-call-"+table), []byte("0\n"), 0o644))
	}
	return errors.Join(errs...)
}

func (m machine) exists(path string) bool {
	_, err := os.Stat(filepath.Join(m.root, path))
	return err == nil
}

// missing are the packages of the programs that are not there.
func (m machine) missing() []string {
	var packages []string
	for program, pkg := range needs {
		if !m.has(program) {
			packages = append(packages, pkg)
		}
	}
	if !m.exists(bridges) && !m.has("modprobe") {
		packages = append(packages, "kmod")
	}
	slices.Sort(packages)
	return slices.Compact(packages)
}

// install installs the packages, and none of their services: the tier starts a Docker
// of its own, and the machine is to stay without one.
func (m machine) install(ctx context.Context, packages []string) (err error) {
	fmt.Fprintf(m.progress, "installing with apt-get: %s\n", strings.Join(packages, " "))
	services := m.newServices()
	if err := m.forbidServices(); err != nil {
		return err
	}
	defer func() {
		// Whoever interrupts it does not want a Docker at the next boot.
		err = errors.Join(err, m.disable(context.WithoutCancel(ctx), services), m.allowServices())
	}()
	if err := m.run(ctx, "apt-get", "update"); err != nil {
		return err
	}
	if err := m.aptInstall(ctx, packages...); err != nil {
		return err
	}
	// Since Debian 13 the daemon's package comes without the command.
	if m.has("dockerd") && !m.has("docker") {
		if err := m.aptInstall(ctx, "docker-cli"); err != nil {
			return err
		}
	}
	if missing := m.missing(); len(missing) > 0 {
		return fmt.Errorf("apt-get has installed %s, yet programs of these packages are not on PATH: %s", strings.Join(packages, " "), strings.Join(missing, " "))
	}
	return nil
}

func (m machine) aptInstall(ctx context.Context, packages ...string) error {
	return m.run(ctx, "apt-get", append([]string{"install", "--yes", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"}, packages...)...)
}

// policyFile is what Debian's maintainer scripts ask before they start a service. The
// tier's own lets them, once the process that wrote it is no more.
const (
	policyFile   = "usr/sbin/policy-rc.d"
	policyMarker = "# Of the end-to-end tier of Rebirth, while it installs packages: no service is started.\n"
)

func policy() string {
	return fmt.Sprintf("#!/bin/sh\n%skill -0 %d 2>/dev/null && exit 101\nexit 0\n", policyMarker, os.Getpid())
}

// forbidServices keeps packages from starting their services, unless the machine has a
// policy of its own.
func (m machine) forbidServices() error {
	if m.exists(policyFile) {
		return nil
	}
	return os.WriteFile(filepath.Join(m.root, policyFile), []byte(policy()), 0o755)
}

// allowServices takes the tier's policy back, also that of a killed run.
func (m machine) allowServices() error {
	file := filepath.Join(m.root, policyFile)
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !strings.Contains(string(content), policyMarker) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Remove(file)
}

// newServices are those that Docker's package is about to bring.
func (m machine) newServices() []string {
	if m.has("dockerd") {
		return nil
	}
	services := []string{"docker.service", "docker.socket"}
	if !m.has("containerd") {
		services = append(services, "containerd.service")
	}
	return services
}

// disable keeps systemd, where it runs, from starting the services at the next boot.
func (m machine) disable(ctx context.Context, services []string) error {
	services = slices.DeleteFunc(services, func(service string) bool { return !m.exists("lib/systemd/system/" + service) })
	if len(services) == 0 || !m.exists("run/systemd/system") {
		return nil
	}
	return m.run(ctx, "systemctl", append([]string{"disable"}, services...)...)
}
