package dayzero

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/tazzo/rebirth/test/controlplane"
)

// Program is a bootstrap that was built from this tree.
type Program struct{ path string }

// Build builds bootstrap into a folder, as "make build" does.
func Build(ctx context.Context, dir string) (*Program, error) {
	path, err := controlplane.BuildCommand(ctx, "bootstrap", dir)
	return Built(path), err
}

// Built is the bootstrap that lies at the path.
func Built(path string) *Program { return &Program{path: path} }

// Result is how a command of bootstrap ended.
type Result struct {
	Stdout, Stderr string
	// ExitCode is -1 after a signal.
	ExitCode int
}

// Command is a running bootstrap.
type Command struct {
	command        *exec.Cmd
	stdout, stderr lockedBuffer
	done           chan struct{}
}

// Run runs a command of bootstrap on the world's cluster to its end.
func (w *World) Run(ctx context.Context, p *Program, args ...string) (Result, error) {
	c, err := w.Begin(ctx, p, args...)
	if err != nil {
		return Result{}, err
	}
	return c.Wait(), nil
}

// Begin starts a command of bootstrap on the world's cluster. Its environment has
// the secrets, and nothing else of this process' but what programs need.
func (w *World) Begin(ctx context.Context, p *Program, args ...string) (*Command, error) {
	file := filepath.Join(w.options.Dir, "cluster.yaml")
	if err := os.WriteFile(file, []byte(w.ClusterYAML()), 0o600); err != nil {
		return nil, err
	}
	c := &Command{command: exec.CommandContext(ctx, p.path, append([]string{"--file", file}, args...)...), done: make(chan struct{})}
	c.command.Dir = w.options.Dir
	c.command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.options.Dir, "TMPDIR=" + w.options.Dir}, w.Environment()...)
	c.command.Stdout, c.command.Stderr = io.MultiWriter(&c.stdout, &w.output), io.MultiWriter(&c.stderr, &w.output)
	c.command.WaitDelay = 10 * time.Second
	if err := c.command.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(c.done)
		_ = c.command.Wait()
	}()
	return c, nil
}

// Output is all that commands of bootstrap have printed in this world.
func (w *World) Output() string { return w.output.String() }

// PID of the process.
func (c *Command) PID() int { return c.command.Process.Pid }

// Stdout is what it has printed so far.
func (c *Command) Stdout() string { return c.stdout.String() }

// Lines are those of its standard output, each as soon as it is whole, up to its end.
func (c *Command) Lines() iter.Seq[string] {
	return func(yield func(string) bool) {
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		for read, ended := 0, false; !ended; {
			select {
			case <-c.done:
				ended = true
			case <-ticker.C:
			}
			for line := range strings.Lines(c.Stdout()[read:]) {
				text, whole := strings.CutSuffix(line, "\n")
				if !whole {
					break
				}
				read += len(line)
				if !yield(text) {
					return
				}
			}
		}
	}
}

// Stderr is what it has said so far.
func (c *Command) Stderr() string { return c.stderr.String() }

// Signal sends one; a process that has ended is no error.
func (c *Command) Signal(signal syscall.Signal) error {
	if err := c.command.Process.Signal(signal); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// Done is closed when it has ended.
func (c *Command) Done() <-chan struct{} { return c.done }

// Wait waits for its end.
func (c *Command) Wait() Result {
	<-c.done
	return Result{Stdout: c.stdout.String(), Stderr: c.stderr.String(), ExitCode: c.command.ProcessState.ExitCode()}
}

// lockedBuffer is read while a process writes to it.
type lockedBuffer struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

var _ io.Writer = (*lockedBuffer)(nil)

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.String()
}
