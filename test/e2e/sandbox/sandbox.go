// Package sandbox runs a command beside a Docker daemon of its own, in namespaces
// that hold both and everything that they start: network, processes and mounts.
//
// Its network has loopback and Docker's bridges and no way out, so nothing in it can
// reach another machine. When the command ends, or this process is killed, the
// kernel ends all that is left inside; the machine's own Docker, firewall, routes
// and interfaces are never touched.
package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"github.com/tazzo/rebirth/test/process"
)

// Options of a sandbox.
type Options struct {
	// Data is the folder that Docker keeps images in, from one sandbox to the next.
	Data string
	// Runtime is the path of the OCI runtime that containers are run by.
	Runtime string
	// Log is the file that takes the daemon's log.
	Log string
	// Keep leaves everything running after the command until this process is told
	// to end, and says how to look around.
	Keep bool
}

// insideVariable tells a process that it is the first one of a sandbox, and what to
// do there.
const insideVariable = "REBIRTH_E2E_SANDBOX"

type order struct {
	Options
	Dir  string
	Args []string
	// Cgroup is the parent of all containers' control groups.
	Cgroup string
}

// Run runs the command with the sandbox's Docker as DOCKER_HOST, and returns its
// error, an *exec.ExitError when it says so itself. It needs root. The program that
// calls it has to call Enter first of all in its main.
func Run(ctx context.Context, options Options, args ...string) error {
	// Two daemons would ruin what they keep in one folder.
	unlock, err := process.Lock(ctx, filepath.Clean(options.Data)+".lock", func() {
		fmt.Fprintf(os.Stderr, "another sandbox keeps its images in %s, so waiting until it ends\n", options.Data)
	})
	if err != nil {
		return err
	}
	defer unlock()
	dir, err := os.MkdirTemp("", "rebirth-sandbox-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	order := order{Options: options, Dir: dir, Args: args, Cgroup: "/rebirth-e2e-" + strconv.Itoa(os.Getpid())}
	encoded, err := json.Marshal(order)
	if err != nil {
		return err
	}
	// The kernel takes the end of the thread that started a child for the end of its
	// parent.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), insideVariable+"="+string(encoded))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWIPC,
		Pdeathsig:  syscall.SIGKILL,
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("a sandbox needs root and Linux: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
	defer stop()
	return errors.Join(cmd.Wait(), removeCgroups(order.Cgroup))
}

// Enter does what a sandbox's first process has to do, and exits, if this process is
// one. Otherwise it returns at once.
func Enter() {
	encoded, ok := os.LookupEnv(insideVariable)
	if !ok {
		return
	}
	os.Unsetenv(insideVariable)
	var order order
	if err := json.Unmarshal([]byte(encoded), &order); err != nil {
		fmt.Fprintln(os.Stderr, "sandbox:", err)
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := order.run(ctx)
	stop()
	if exit := new(exec.ExitError); errors.As(err, &exit) && exit.ExitCode() > 0 {
		os.Exit(exit.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sandbox:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// removeCgroups removes the control groups that the kernel left when it ended what
// ran in them.
func removeCgroups(name string) error {
	roots, err := filepath.Glob("/sys/fs/cgroup/*" + name)
	if err != nil {
		return err
	}
	for _, root := range append(roots, "/sys/fs/cgroup"+name) {
		var dirs []string
		_ = filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				dirs = append(dirs, path)
			}
			return nil // gone meanwhile is as good
		})
		for i := len(dirs) - 1; i >= 0; i-- {
			_ = syscall.Rmdir(dirs[i])
		}
	}
	return nil
}
