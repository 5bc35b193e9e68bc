// Command ociruntime is an OCI runtime: runc, without the capabilities that this
// machine does not have. A privileged container asks for all of them, and where the
// machine itself lacks one (CAP_SYS_RESOURCE on some virtual machines), runc refuses
// to start it. Docker runs the nodes by it, and containerd on the nodes their pods.
// On a machine that has all capabilities it changes nothing.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// runcs are where runc is: on the nodes this program takes the name of the first.
var runcs = []string{"/usr/sbin/runc", "/usr/bin/runc", "/usr/local/bin/runc"}

// capabilities by their numbers, as in <linux/capability.h>.
var capabilities = []string{
	"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
	"LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
	"SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
	"SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
	"MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
	"CHECKPOINT_RESTORE",
}

func main() {
	if err := run(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "ociruntime:", err)
		os.Exit(1)
	}
}

// run does not return unless it fails: the process becomes runc.
func run(args []string) error {
	missing, err := missingCapabilities()
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		if err := adapt(args, missing); err != nil {
			return err
		}
	}
	runc, err := findRunc()
	if err != nil {
		return err
	}
	return syscall.Exec(runc, append([]string{"runc"}, args[1:]...), os.Environ())
}

func findRunc() (string, error) {
	for _, path := range runcs {
		if path, err := exec.LookPath(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no runc at any of %s: install the package runc", strings.Join(runcs, ", "))
}

// missingCapabilities are those outside of this process's bounding set.
func missingCapabilities() ([]string, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil, err
	}
	return outside(string(status))
}

// outside are the capabilities that are not in the bounding set of a process's status.
func outside(status string) ([]string, error) {
	_, rest, found := strings.Cut(status, "\nCapBnd:\t")
	field, _, _ := strings.Cut(rest, "\n")
	bounding, err := strconv.ParseUint(field, 16, 64)
	if !found || err != nil {
		return nil, fmt.Errorf("no CapBnd in /proc/self/status: %w", err)
	}
	var missing []string
	for number, name := range capabilities {
		if bounding&(1<<number) == 0 {
			missing = append(missing, "CAP_"+name)
		}
	}
	return missing, nil
}

// adapt takes the capabilities out of what runc is about to read: the bundle's
// config.json for "create" and "run", the process file for "exec".
func adapt(args, missing []string) error {
	command := slices.IndexFunc(args, func(arg string) bool { return arg == "create" || arg == "run" || arg == "exec" })
	if command < 0 {
		return nil
	}
	if args[command] == "exec" {
		if file := value(args, "--process", "-p"); file != "" {
			return rewrite(file, func(process map[string]any) { drop(process, missing) })
		}
		return nil
	}
	bundle := value(args, "--bundle", "-b")
	return rewrite(filepath.Join(bundle, "config.json"), func(spec map[string]any) {
		if process, ok := spec["process"].(map[string]any); ok {
			drop(process, missing)
		}
	})
}

// value of a flag, given as "--flag value" or "--flag=value".
func value(args []string, names ...string) string {
	for i, arg := range args {
		name, inline, hasInline := strings.Cut(arg, "=")
		if !slices.Contains(names, name) {
			continue
		}
		if hasInline {
			return inline
		}
		if i+1 < len(args) {
			return args[i+1]
		}
	}
	return ""
}

func drop(process map[string]any, missing []string) {
	sets, _ := process["capabilities"].(map[string]any)
	for name, set := range sets {
		list, _ := set.([]any)
		sets[name] = slices.DeleteFunc(list, func(capability any) bool {
			text, _ := capability.(string)
			return slices.Contains(missing, text)
		})
	}
}

func rewrite(file string, change func(map[string]any)) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var object map[string]any
	decoder := json.NewDecoder(strings.NewReader(string(content)))
	decoder.UseNumber() // limits are larger than a float holds
	if err := decoder.Decode(&object); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	change(object)
	if content, err = json.Marshal(object); err != nil {
		return err
	}
	return os.WriteFile(file, content, 0o600)
}
