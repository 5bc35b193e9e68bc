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
}

// EntryVariable tells the command how to get into its sandbox from the machine: with a
// command behind it, its value is a command line for root.
const EntryVariable = "REBIRTH_E2E_ENTRY"

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
	if err := removeLeftovers(os.TempDir(), cgroupRoot, alive); err != nil {
		return fmt.Errorf("remove what killed sandboxes left: %w", err)
	}
	putBack, err := keepSettings("/proc/sys")
	if err != nil {
		return err
	}
	own := strconv.Itoa(os.Getpid())
	dir, err := os.MkdirTemp("", folderPrefix+own+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	order := order{Options: options, Dir: dir, Args: args, Cgroup: "/" + cgroupPrefix + own}
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
	return errors.Join(cmd.Wait(), removeCgroups(cgroupRoot, cgroupPrefix+own, nil), putBack())
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
