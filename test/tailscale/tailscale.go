// Package tailscale runs what the Talos extension siderolabs/tailscale runs on a
// node, on loopback: the real containerboot, which starts the real tailscaled and
// calls the real tailscale, and starts again, as Talos has it, whenever it ends.
//
// Not as on a node: there is no container, so paths are other ones; networking is in
// userspace, so there is no interface; and tailscaled is tied to containerboot by a
// signal instead of a process namespace.
package tailscale

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/tazzo/rebirth/test/process"
)

// restartInterval is how long Talos waits before it starts a service anew
// (internal/app/machined/pkg/system/runner/restart).
const restartInterval = 5 * time.Second

// Node is the extension service of one node.
type Node struct {
	// Hostname that it asks for.
	Hostname string

	programs programs
	dir      string
	sockets  string                  // a folder with a short name: a socket's path has 107 bytes at most
	cancel   context.CancelCauseFunc // with errShutdown or errPowerCut
	done     chan struct{}
	err      error // how it ended, once done is closed
}

// Start starts the service with the environment of its ExtensionServiceConfig
// document, and returns at once: whether the node joins is seen in Addresses and Log.
// The state is kept in dir, and a node that is started there again is the same one.
// Variables that would not work on a Talos node are refused, and so is a control
// server that isn't on loopback. ctx bounds the start alone; Stop ends the service,
// and so does the end of this process.
func Start(ctx context.Context, dir string, document []string) (*Node, error) {
	programs, err := build(ctx, nil)
	if err != nil {
		return nil, err
	}
	sockets, err := os.MkdirTemp("", "rebirth-ts-")
	if err != nil {
		return nil, err
	}
	n := &Node{programs: programs, dir: dir, sockets: sockets, done: make(chan struct{})}
	environment, err := n.prepare(document)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(sockets))
	}
	running, cancel := context.WithCancelCause(context.Background())
	n.cancel = cancel
	go n.serve(running, environment)
	return n, nil
}

func (n *Node) stateDir() string { return filepath.Join(n.dir, "state") }
func (n *Node) bin() string      { return filepath.Join(n.dir, "bin") }
func (n *Node) logFile() string  { return filepath.Join(n.dir, "containerboot.log") }
func (n *Node) socket() string   { return filepath.Join(n.sockets, "tailscaled.sock") }

// prepare makes the folders, and the tailscaled that containerboot finds: one that
// the kernel kills when containerboot ends, as the end of a container would.
func (n *Node) prepare(document []string) ([]string, error) {
	environment, err := n.environment(document)
	if err != nil {
		return nil, err
	}
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		return nil, fmt.Errorf("setpriv, a program of util-linux, ties tailscaled to containerboot: %w", err)
	}
	for _, dir := range []string{n.stateDir(), n.bin()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	// The signal is for the end of the parent that it has by then. The second shell
	// notices if containerboot has ended before.
	script := fmt.Sprintf("#!/bin/sh\nexec %q --pdeathsig KILL -- /bin/sh -c '[ \"/proc/$PPID/exe\" -ef \"$0\" ] && exec \"$@\"' %q %q \"$@\"\n",
		setpriv, n.programs.containerboot, n.programs.tailscaled)
	return environment, os.WriteFile(filepath.Join(n.bin(), "tailscaled"), []byte(script), 0o700)
}

// Ways to end.
var (
	errShutdown = errors.New("shutdown")
	errPowerCut = errors.New("power cut")
)

// serve runs containerboot over and over, until it shall end.
func (n *Node) serve(running context.Context, environment []string) {
	defer close(n.done)
	for {
		boot, err := process.Start(process.Command{
			Path: n.programs.containerboot, Dir: n.dir, Env: environment, Isolated: true,
			Log: n.logFile(), LastSignal: syscall.SIGKILL,
		})
		if err != nil {
			n.err = err
			return
		}
		// It never is ready: this waits for its end, or until it shall end.
		_ = boot.Await(running, func(context.Context) error { return errors.New("running") })
		select {
		case <-running.Done():
			signal := syscall.SIGTERM
			if errors.Is(context.Cause(running), errPowerCut) {
				signal = syscall.SIGKILL
			}
			n.err = boot.Stop(signal, 10*time.Second)
			return
		case <-time.After(restartInterval):
		}
	}
}

// Stop ends the service as a shutdown does. The state stays. What has ended already
// is no error.
func (n *Node) Stop() error { return n.end(errShutdown) }

// Kill ends the service as a power cut does: the control server isn't told. The
// state stays. What has ended already is no error.
func (n *Node) Kill() error { return n.end(errPowerCut) }

func (n *Node) end(how error) error {
	n.cancel(how)
	<-n.done
	// containerboot leaves a link to its socket where the command line looks for one.
	if target, err := os.Readlink(extensionSocket); err == nil && target == n.socket() {
		_ = os.Remove(extensionSocket)
	}
	return errors.Join(n.err, n.awaitSilence(), os.RemoveAll(n.sockets))
}

// awaitSilence returns once tailscaled has ended, which follows containerboot's end:
// until then its state isn't anybody else's.
func (n *Node) awaitSilence() error {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		connection, err := net.Dial("unix", n.socket())
		if err != nil {
			return nil
		}
		_ = connection.Close()
	}
	return errors.New("tailscaled did not end with containerboot")
}

// Addresses that the node has in the tailnet: none until it has joined, and none
// while it isn't running.
func (n *Node) Addresses(ctx context.Context) []netip.Addr {
	status, err := n.status(ctx)
	if err != nil || status.BackendState != "Running" {
		return nil
	}
	return status.Self.TailscaleIPs
}

type status struct {
	BackendState string
	Self         struct{ TailscaleIPs []netip.Addr }
}

// status asks tailscaled's own API, on its socket.
func (n *Node) status(ctx context.Context) (*status, error) {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", n.socket())
		},
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://local-tailscaled.sock/localapi/v0/status?peers=false", nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, errors.New(response.Status)
	}
	var answer status
	return &answer, json.NewDecoder(response.Body).Decode(&answer)
}

// Log is the end of what containerboot and its children have said, in all of the
// node's lives in this folder.
func (n *Node) Log() string {
	const most = 64 << 10
	file, err := os.Open(n.logFile())
	if err != nil {
		return ""
	}
	defer file.Close()
	if size, err := file.Seek(0, io.SeekEnd); err == nil {
		_, _ = file.Seek(max(0, size-most), io.SeekStart)
	}
	content, _ := io.ReadAll(file) // as much as there is
	return string(content)
}
