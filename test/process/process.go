// Package process runs the servers that tests need as children that never
// outlive the test: they are stopped with it, and on Linux the kernel ends them
// when it is killed.
package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Command says what to run.
type Command struct {
	Path string
	Args []string
	Dir  string   // to run in; "" is that of this process
	Env  []string // "KEY=value", added to this process's own environment
	// Isolated gives the child no variable but those of Env.
	Isolated bool
	// Log is the file that takes both outputs; its end is quoted in errors.
	Log string
	// Credential is whom to run as, for root alone.
	Credential *syscall.Credential
	// LastSignal is what the kernel sends when this process dies (Linux only).
	LastSignal syscall.Signal
}

// Process is a running child.
type Process struct {
	name string
	log  string
	cmd  *exec.Cmd
	done chan struct{}
}

// Start starts the child and returns at once.
func Start(command Command) (*Process, error) {
	log, err := os.OpenFile(command.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(command.Path, command.Args...)
	cmd.Dir = command.Dir
	cmd.Env = append([]string{}, command.Env...) // nil would be this process's own
	if !command.Isolated {
		cmd.Env = append(os.Environ(), command.Env...)
	}
	cmd.Stdout, cmd.Stderr = log, log
	// A group of its own: a Ctrl-C in the terminal is for the test alone, which
	// then stops its servers in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: command.Credential}
	dieWithParent(cmd.SysProcAttr, command.LastSignal)

	p := &Process{name: filepath.Base(command.Path), log: command.Log, cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go p.run(log, started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", command.Path, err)
	}
	return p, nil
}

// run holds on to one operating-system thread for the child's life: the kernel
// takes the end of the thread that started a child for the end of its parent.
func (p *Process) run(log *os.File, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer log.Close()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	_ = p.cmd.Wait() // its ProcessState says more
	close(p.done)
}

// Await calls ready until it returns nil. It fails when ctx ends or the process
// does, with the end of the process's log.
func (p *Process) Await(ctx context.Context, ready func(context.Context) error) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-p.done:
			return fmt.Errorf("%s ended (%s); the end of its log:\n%s", p.name, p.cmd.ProcessState, p.logEnd())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready (%w, %w); the end of its log:\n%s", p.name, err, context.Cause(ctx), p.logEnd())
		}
	}
}

// Stop sends the signal, waits for the end and kills the process when it takes
// longer than the grace. Stopping what has ended is no error.
func (p *Process) Stop(signal os.Signal, grace time.Duration) error {
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(grace):
	}
	// Its children too: they are in its group.
	if err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill %s: %w", p.name, err)
	}
	<-p.done
	return nil
}

// PID is the child's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Signal sends a signal, say to have the process read its configuration again.
func (p *Process) Signal(signal os.Signal) error { return p.cmd.Process.Signal(signal) }

func (p *Process) logEnd() string {
	const most = 4096
	log, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	if len(log) > most {
		log = log[len(log)-most:]
	}
	return strings.TrimSpace(string(log))
}
