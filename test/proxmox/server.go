// Package proxmox is a Proxmox VE cluster for tests: its API on loopback, over
// HTTPS, with machines that are entries in memory.
//
// It is a fake, for the real one needs a hypervisor. It is strict: it knows the calls
// that bootstrap makes and no others, checks each parameter and privilege as Proxmox
// does, and refuses in Proxmox's own words. What it does is taken from the sources of
// Proxmox VE 9 (2026): qemu-server (PVE/API2/Qemu.pm, PVE/QemuServer.pm), pve-storage
// (PVE/API2/Storage, PVE/Storage.pm), pve-access-control (PVE/RPCEnvironment.pm),
// pve-manager (PVE/API2/Cluster.pm, Tasks.pm, Network.pm), pve-common (JSONSchema.pm,
// RESTEnvironment.pm) and pve-http-server (AnyEvent.pm).
//
// It differs in this: an unknown token is refused without the three seconds' delay,
// a lock is waited for shorter, images come from Options.Downloads instead of the
// internet, and of the options of a machine it knows those that bootstrap sets.
package proxmox

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// Options of a Server. The zero value is one host without a token.
type Options struct {
	// Address to listen on. Default: a free port of 127.0.0.1.
	Address string
	// Version of Proxmox VE. Default: 9.1.1.
	Version string
	// Hosts of the cluster. Default: pve1.
	Hosts []string
	// Bridges that each host has. Default: vmbr0.
	Bridges []string
	// Storages. Default: local, a folder, and local-lvm, for disks.
	Storages []Storage
	// Tokens that may use the API.
	Tokens []Token
	// Downloads are the files of the internet, by URL.
	Downloads map[string]Download
	// TaskTimes is how long tasks take, by type: qmcreate, qmconfig, resize, qmstart,
	// qmstop, qmdestroy, download, and two parts of tasks: import, the copy of an
	// image, and purge, while a destroyed machine is still in the list. Default: 10 ms
	// each.
	TaskTimes map[string]time.Duration
	// LateTasks makes each task unknown when its status is asked for the first time.
	LateTasks bool
	// LockTimeout is how long a task waits for a machine's lock: 10 s with the real
	// one. Default: 200 ms.
	LockTimeout time.Duration

	// OnStart, OnStop and OnDestroy are called within the task, before it ends. An
	// error makes the task fail.
	OnStart, OnStop, OnDestroy func(VM) error
}

// Server is a running fake. Its methods may be called at any time.
type Server struct {
	options  Options
	ca       string
	leaf     tls.Certificate
	listener net.Listener
	http     *http.Server
	served   chan error

	life   context.Context // of everything that runs here
	end    context.CancelFunc
	worker sync.WaitGroup

	mu         sync.Mutex
	offline    map[string]bool
	vms        map[int]*vm
	containers map[int]container
	volumes    map[volumeKey]*volume
	tasks      map[string]*task
	lastTask   int
	imports    map[string]*importCount
	faults     []*Fault
	journal    []Request
}

// Start starts a server. Stop ends it.
func Start(options Options) (*Server, error) {
	ca, leaf, err := newCertificates()
	if err != nil {
		return nil, err
	}
	s := &Server{
		options: withDefaults(options), ca: ca, leaf: leaf, served: make(chan error, 1),
		offline: map[string]bool{}, vms: map[int]*vm{}, containers: map[int]container{},
		volumes: map[volumeKey]*volume{}, tasks: map[string]*task{}, imports: map[string]*importCount{},
	}
	s.life, s.end = context.WithCancel(context.Background())
	if s.listener, err = net.Listen("tcp", s.options.Address); err != nil {
		return nil, err
	}
	s.http = &http.Server{
		Handler:   http.HandlerFunc(s.serve),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{leaf}, MinVersion: tls.VersionTLS12},
		// Proxmox speaks HTTP/1.1 alone.
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
		ErrorLog:     log.New(discard{}, "", 0), // clients that hang up are no news
	}
	go func() { s.served <- s.http.ServeTLS(s.listener, "", "") }()
	return s, nil
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func withDefaults(o Options) Options {
	if o.Address == "" {
		o.Address = "127.0.0.1:0"
	}
	if o.Version == "" {
		o.Version = "9.1.1"
	}
	if o.Hosts == nil {
		o.Hosts = []string{"pve1"}
	}
	if o.Bridges == nil {
		o.Bridges = []string{"vmbr0"}
	}
	if o.Storages == nil {
		o.Storages = []Storage{
			{Name: "local", Type: "dir", Content: []string{"iso", "vztmpl", "backup", "import"}},
			{Name: "local-lvm", Type: "lvmthin", Content: []string{"images", "rootdir"}},
		}
	}
	if o.LockTimeout == 0 {
		o.LockTimeout = 200 * time.Millisecond
	}
	return o
}

// Endpoint of the API, such as https://127.0.0.1:36421.
func (s *Server) Endpoint() string { return "https://" + s.listener.Addr().String() }

// CA is the PEM of the authority that signed the API's certificate.
func (s *Server) CA() string { return s.ca }

// Fingerprint is the SHA-256 of the API's certificate, as Proxmox shows it.
func (s *Server) Fingerprint() string { return fingerprint(s.leaf.Certificate[0]) }

// Stop ends the server and all of its tasks, wherever they are. Stopping twice is no error.
func (s *Server) Stop() error {
	s.end()
	err := s.http.Close()
	s.worker.Wait()
	if served, open := <-s.served; open {
		close(s.served)
		if !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, fmt.Errorf("serve Proxmox's API: %w", served))
		}
	}
	return err
}

// taskTime is how long a task of that type takes.
func (s *Server) taskTime(kind string) time.Duration {
	if d, found := s.options.TaskTimes[kind]; found {
		return d
	}
	return 10 * time.Millisecond
}

// sleep is false if the server ends first.
func (s *Server) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.life.Done():
		return false
	}
}
