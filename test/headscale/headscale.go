// Package headscale runs a real Headscale on loopback: the control server of a
// tailnet that tests have to themselves. It speaks plain HTTP, relays over its own
// DERP server, and asks nobody on the internet.
package headscale

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/tazzo/rebirth/test/controlplane"
	"github.com/tazzo/rebirth/test/process"
)

// User is the one that the server has.
const User = "lab"

// Server is a running Headscale.
type Server struct {
	// Endpoint of its API, and what nodes log in at.
	Endpoint string
	// APIKey may do everything, for a day.
	APIKey string
	// User that owns the keys.
	User string

	path    string // of the program
	dir     string
	sockets string // a folder with a short name: a socket's path has 107 bytes at most
	process *process.Process
}

// Start starts a Headscale that keeps its state in dir, a new folder, and returns
// when it answers. Its policy lets everybody speak to everybody, and User give out
// the tags. ctx bounds the start alone; Stop ends the server, and so, on Linux, does
// the end of this process.
func Start(ctx context.Context, dir string, tags ...string) (*Server, error) {
	path, err := controlplane.Build(ctx, program, nil)
	if err != nil {
		return nil, err
	}
	sockets, err := os.MkdirTemp("", "rebirth-hs-")
	if err != nil {
		return nil, err
	}
	s := &Server{User: User, path: path, dir: dir, sockets: sockets}
	if err := s.setUp(ctx, tags); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// setUp starts the server and makes the user and the API key.
func (s *Server) setUp(ctx context.Context, tags []string) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	if err := s.writePolicy(tags); err != nil {
		return err
	}
	if err := s.start(ctx); err != nil {
		return err
	}
	if _, err := s.CLI(ctx, "users", "create", s.User); err != nil {
		return err
	}
	key, err := s.CLI(ctx, "apikeys", "create", "--expiration", "24h")
	s.APIKey = strings.TrimSpace(string(key))
	return err
}

// start takes other ports when somebody else was quicker to listen on the first.
func (s *Server) start(ctx context.Context) error {
	for attempt := 1; ; attempt++ {
		port, err := process.FreePort()
		if err != nil {
			return err
		}
		err = s.run(ctx, port)
		if err == nil || attempt == 3 || ctx.Err() != nil || !process.Taken(port) {
			return err
		}
	}
}

func (s *Server) run(ctx context.Context, port int) error {
	s.Endpoint = fmt.Sprintf("http://127.0.0.1:%d", port)
	if err := os.WriteFile(s.config(), []byte(s.configuration(port)), 0o600); err != nil {
		return err
	}
	server, err := process.Start(process.Command{
		Path: s.path, Args: []string{"serve", "--config", s.config()}, Dir: s.dir, Env: s.environment(), Isolated: true,
		Log: filepath.Join(s.dir, "headscale.log"), LastSignal: syscall.SIGKILL,
	})
	if err != nil {
		return err
	}
	s.process = server
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Second, errors.New("headscale took longer than 30 s"))
	defer cancel()
	return server.Await(ctx, s.healthy)
}

func (s *Server) healthy(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint+"/health", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

// CLI runs Headscale's own command line against the server and returns its output.
func (s *Server) CLI(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, s.path, append([]string{"--config", s.config()}, args...)...)
	cmd.Env = s.environment()
	cmd.Dir = s.dir
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("headscale %s: %w\n%s%s", strings.Join(args, " "), err, complaints.Bytes(), out)
	}
	return out, nil
}

// Device is a member of the tailnet, as Headscale's own command line tells it.
type Device struct {
	ID        uint64   `json:"id"`
	Hostname  string   `json:"given_name"` // with a number behind it where the name was taken
	Tags      []string `json:"tags"`
	Addresses []string `json:"ip_addresses"`
	Online    bool     `json:"online"`
	Key       *Key     `json:"pre_auth_key"` // that it came with
}

// Key is an auth key. What it says of itself holds no secret.
type Key struct {
	ID         uint64   `json:"id"`
	Reusable   bool     `json:"reusable"`
	Used       bool     `json:"used"`
	Ephemeral  bool     `json:"ephemeral"`
	Tags       []string `json:"acl_tags"`
	Expiration struct {
		Seconds int64 `json:"seconds"`
	} `json:"expiration"`
}

// Works says whether nodes can still join with the key.
func (k Key) Works() bool {
	return (k.Reusable || !k.Used) && time.Unix(k.Expiration.Seconds, 0).After(time.Now())
}

// Devices of the tailnet.
func (s *Server) Devices(ctx context.Context) ([]Device, error) {
	var devices []Device
	return devices, s.List(ctx, &devices, "nodes", "list")
}

// Keys that were made, those that have ended too.
func (s *Server) Keys(ctx context.Context) ([]Key, error) {
	var keys []Key
	return keys, s.List(ctx, &keys, "preauthkeys", "list")
}

// List decodes the JSON that a command of the CLI prints.
func (s *Server) List(ctx context.Context, into any, args ...string) error {
	out, err := s.CLI(ctx, append(args, "--output", "json")...)
	if err != nil {
		return err
	}
	return json.Unmarshal(out, into)
}

// Stop ends the server; its state stays in the folder. Stopping twice is no error.
func (s *Server) Stop() error {
	var err error
	if s.process != nil {
		err = s.process.Stop(syscall.SIGTERM, 5*time.Second)
		s.process = nil
	}
	return errors.Join(err, os.RemoveAll(s.sockets))
}
