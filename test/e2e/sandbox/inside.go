package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tazzo/rebirth/test/process"
)

const (
	daemonStart = 2 * time.Minute
	daemonStop  = 30 * time.Second
	// The command gets so long to clean up when it is told to end.
	commandGrace = 2 * time.Minute
)

// run is what the sandbox's first process does.
func (o order) run(ctx context.Context) error {
	pid, err := os.Readlink("/proc/self") // as the machine counts, for /proc is still its own
	if err != nil {
		return err
	}
	if err := o.settleIn(); err != nil {
		return fmt.Errorf("set up the namespaces: %w", err)
	}
	daemon, err := o.startDocker(ctx)
	if err != nil {
		return err
	}
	err = o.command(ctx, "nsenter --target "+pid+" --net --pid --mount env "+o.environment())
	return errors.Join(err, daemon.Stop(syscall.SIGTERM, daemonStop))
}

// hidden are folders of the machine's containerd and Docker, if it has them. Docker would
// take that containerd for its own, and a second one would take over its socket.
var hidden = []string{"/run/containerd", "/run/nri", "/etc/docker"}

// settleIn gives the new namespaces a /proc that shows their processes, mounts that
// stay among themselves, nothing of the machine's containerd, and loopback.
func (o order) settleIn() error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := syscall.Mount("proc", "/proc", "proc", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, ""); err != nil {
		return err
	}
	for _, dir := range hidden {
		// Docker would make it on the machine, were it not there.
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, "mode=711"); err != nil {
			return fmt.Errorf("hide %s: %w", dir, err)
		}
	}
	return raiseLoopback()
}

func raiseLoopback() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	loopback, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	loopback.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, loopback); err != nil {
		return fmt.Errorf("raise the interface lo: %w", err)
	}
	return nil
}

func (o order) socket() string { return filepath.Join(o.Dir, "docker.sock") }

func (o order) environment() string { return "DOCKER_HOST=unix://" + o.socket() }

func (o order) startDocker(ctx context.Context) (*process.Process, error) {
	if err := os.MkdirAll(o.Data, 0o700); err != nil {
		return nil, err
	}
	// The machine's own configuration is not for this daemon.
	configuration := filepath.Join(o.Dir, "daemon.json")
	if err := os.WriteFile(configuration, []byte("{}\n"), 0o600); err != nil {
		return nil, err
	}
	daemon, err := process.Start(process.Command{
		Path: "dockerd",
		Args: []string{
			"--host=unix://" + o.socket(),
			"--data-root=" + o.Data,
			"--exec-root=" + filepath.Join(o.Dir, "exec"),
			"--pidfile=" + filepath.Join(o.Dir, "docker.pid"),
			"--config-file=" + configuration,
			// With systemd as the machine's, the default would take no parent but a slice.
			"--exec-opt=native.cgroupdriver=cgroupfs",
			"--cgroup-parent=" + o.Cgroup,
			"--add-runtime=rebirth=" + o.Runtime,
			"--default-runtime=rebirth",
		},
		Log: o.Log,
	})
	if err != nil {
		return nil, fmt.Errorf("start Docker (Debian: apt-get install docker.io): %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, daemonStart, fmt.Errorf("the Docker daemon took longer than %s to start; its log: %s", daemonStart, o.Log))
	defer cancel()
	return daemon, daemon.Await(ctx, func(ctx context.Context) error {
		info := exec.CommandContext(ctx, "docker", "info")
		info.Env = append(os.Environ(), o.environment())
		return info.Run()
	})
}

// command is told to end first and killed later, so that it can clean up.
func (o order) command(ctx context.Context, entry string) error {
	cmd := exec.CommandContext(ctx, o.Args[0], o.Args[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = commandGrace
	cmd.Env = append(os.Environ(), o.environment(), "DOCKER_BUILDKIT=0", EntryVariable+"="+entry)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}
