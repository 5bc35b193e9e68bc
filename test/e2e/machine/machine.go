// Package machine sees to it that this machine has what the end-to-end tier needs.
package machine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
)

// needs are programs and Debian's packages that hold them.
var needs = map[string]string{
	"dockerd":     "docker.io",
	"docker":      "docker.io",
	"iptables":    "iptables",
	"ip":          "iproute2",
	"debootstrap": "debootstrap",
	"git":         "git",
	"make":        "make",
	"tar":         "tar",
}

// Prepare installs what is missing, as root on Debian and its kin. Elsewhere it says
// all that has to be done.
func Prepare(ctx context.Context, progress io.Writer) error {
	if runtime.GOOS != "linux" {
		return errors.New("the end-to-end tier needs Linux, for it makes namespaces: run it in a virtual machine")
	}
	if os.Geteuid() != 0 {
		return errors.New("the end-to-end tier needs root: it starts a Docker of its own, in namespaces without a way to the network. Run it by sudo, or in a virtual machine")
	}
	missing := missing()
	if len(missing) == 0 {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("install these first, Debian's names: %s", strings.Join(missing, " "))
	}
	fmt.Fprintf(progress, "installing with apt-get: %s\n", strings.Join(missing, " "))
	for _, args := range [][]string{
		{"update"},
		append([]string{"install", "--yes", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"}, missing...),
	} {
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		// Debian's scripts would start a daemon for the whole machine.
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w\n%s", args[0], err, out)
		}
	}
	return nil
}

// missing are the packages of the programs that are not there.
func missing() []string {
	var packages []string
	for program, pkg := range needs {
		if _, err := exec.LookPath(program); err != nil {
			packages = append(packages, pkg)
		}
	}
	slices.Sort(packages)
	return slices.Compact(packages)
}
