// Command run runs the end-to-end tier: it prepares what the tier needs, and runs its
// specs in a sandbox (test/e2e/sandbox), from which nothing reaches another machine.
//
//	go run ./test/e2e/run [flags of ginkgo, such as --ginkgo.focus='the gate']
//
// E2E_KEEP=1 keeps the cluster until Ctrl-C and says how to look around. E2E_OUT names
// the folder for logs and reports; the default is out/e2e of this tree.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tazzo/rebirth/test/controlplane"
	"github.com/tazzo/rebirth/test/e2e/images"
	"github.com/tazzo/rebirth/test/e2e/machine"
	"github.com/tazzo/rebirth/test/e2e/sandbox"
)

// inside is the first argument of this program in the sandbox.
const inside = "inside"

func main() {
	sandbox.Enter()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := endWithStarter()
	if err == nil {
		err = run(ctx, os.Args[1:])
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
}

// endWithStarter has the kernel tell this process to end when the one that started it
// dies: a make that is killed says nothing to what it runs. The kernel forgets that with
// the thread that asked for it, so this goroutine keeps its thread.
func endWithStarter() error {
	runtime.LockOSThread()
	return unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGTERM), 0, 0, 0)
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == inside {
		return runInside(ctx, args[1], args[2:])
	}
	start := time.Now()
	if err := images.CheckDisk(); err != nil {
		return err
	}
	if err := machine.Prepare(ctx, os.Stderr); err != nil {
		return err
	}
	prepared, err := images.Prepare(ctx, os.Stderr)
	if err != nil {
		return err
	}
	out, err := outputFolder()
	if err != nil {
		return err
	}
	specs := filepath.Join(out, "e2e.test")
	if err := compile(ctx, specs); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "prepared in %s\n", time.Since(start).Round(time.Second))
	err = sandbox.Run(ctx, sandbox.Options{
		Data:    images.DockerDir(prepared.Cache),
		Runtime: prepared.Programs["ociruntime"],
		Log:     filepath.Join(out, "dockerd.log"),
	}, append([]string{"/proc/self/exe", inside, out}, args...)...)
	fmt.Fprintf(os.Stderr, "end-to-end tier: %s in all\n", time.Since(start).Round(time.Second))
	return err
}

// runInside makes the node image, which needs Docker, and runs the specs.
func runInside(ctx context.Context, out string, flags []string) error {
	// A former run's would be taken for this one's.
	if err := os.RemoveAll(filepath.Join(out, "failed")); err != nil {
		return err
	}
	prepared, err := images.Prepare(ctx, io.Discard)
	if err != nil {
		return err
	}
	node, err := prepared.NodeImage(ctx, os.Stderr)
	if err != nil {
		return err
	}
	specs := specsCommand(ctx, filepath.Join(out, "e2e.test"), append([]string{"--ginkgo.v", "--ginkgo.timeout=0", "--test.timeout=0"}, flags...)...)
	specs.Env = append(os.Environ(), "E2E_OUT="+out, "E2E_NODE_IMAGE="+node)
	for _, name := range []string{"kind", "kubectl", "versitygw"} {
		specs.Env = append(specs.Env, "E2E_"+strings.ToUpper(name)+"="+prepared.Programs[name])
	}
	specs.Stdout, specs.Stderr = os.Stdout, os.Stderr
	return specs.Run()
}

// specsCommand is told to end once: at a second signal Ginkgo no longer cleans up. In a
// group of its own it does not get the terminal's Ctrl-C beside this process's.
func specsCommand(ctx context.Context, program string, args ...string) *exec.Cmd {
	specs := exec.CommandContext(ctx, program, args...)
	specs.Cancel = func() error { return specs.Process.Signal(os.Interrupt) }
	specs.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return specs
}

func outputFolder() (string, error) {
	out := os.Getenv("E2E_OUT")
	if out == "" {
		root, err := controlplane.ModuleRoot()
		if err != nil {
			return "", err
		}
		out = filepath.Join(root, "out", "e2e")
	}
	out, err := filepath.Abs(out)
	if err != nil {
		return "", err
	}
	return out, os.MkdirAll(out, 0o755)
}

// compile compiles the specs, and this project's programs as "make image" does, which
// is called where no module can be downloaded any more.
func compile(ctx context.Context, specs string) error {
	root, err := controlplane.ModuleRoot()
	if err != nil {
		return err
	}
	for _, args := range [][]string{
		{"test", "-c", "-tags=e2e", "-o", specs, "./test/e2e"},
		{"build", "-trimpath", "./cmd/..."},
	} {
		build := exec.CommandContext(ctx, "go", args...)
		build.Dir, build.Stdout, build.Stderr = root, os.Stderr, os.Stderr
		if args[0] == "build" {
			build.Env = append(os.Environ(), "CGO_ENABLED=0")
		}
		if err := build.Run(); err != nil {
			return fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
		}
	}
	return nil
}
