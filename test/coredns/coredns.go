// Package coredns runs a real CoreDNS on loopback for tests: one that answers, one
// that says NXDOMAIN or SERVFAIL to everything, and any other Corefile. What it
// answers can be changed while it runs.
//
// CoreDNS always serves UDP and TCP. One that is reachable over one of them alone
// is a real one behind this package's Relay.
package coredns

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/miekg/dns"

	"github.com/tazzo/rebirth/test/controlplane"
	"github.com/tazzo/rebirth/test/process"
)

var program = controlplane.Program{
	Name:    "coredns",
	Tools:   "coredns",
	Module:  "github.com/coredns/coredns",
	Package: "github.com/coredns/coredns",
}

// Prepare builds CoreDNS unless it was built before, and says so on progress (which
// may be nil). Start does the same.
func Prepare(ctx context.Context, progress io.Writer) error {
	_, err := controlplane.Build(ctx, program, progress)
	return err
}

// Options of a server; the zero value is one that knows no name.
type Options struct {
	// Progress takes lines about what is built. Nil: nothing is said.
	Progress io.Writer
	// Answers are given from the start. Default: Zone without records.
	Answers Answers
	// IP to listen on: 127.0.0.1 (the default) or another address of loopback, so
	// that several servers can have one and the same port. At an address outside of
	// loopback nobody but this machine gets an answer.
	IP string
	// Port to listen on, over UDP and TCP. Default: a free one.
	Port int
}

// Server is a running CoreDNS.
type Server struct {
	dir      string
	ip       string
	port     int
	revision int // of the Corefile
	process  *process.Process
}

// Start starts CoreDNS and returns when it answers over UDP and TCP. An error in
// the Corefile ends CoreDNS, and the error returned quotes what it said. ctx bounds
// the start alone; Stop ends the server, and so, on Linux, does the end of this
// process.
func Start(ctx context.Context, options Options) (*Server, error) {
	path, err := controlplane.Build(ctx, program, options.Progress)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "rebirth-coredns-")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, ip: options.IP, port: options.Port}
	if s.ip == "" {
		s.ip = "127.0.0.1"
	}
	if err := s.start(ctx, path, options.Answers); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// start takes another port, unless one is asked for, when somebody else was quicker
// to listen on the first.
func (s *Server) start(ctx context.Context, path string, answers Answers) error {
	chosen := s.port != 0
	for attempt := 1; ; attempt++ {
		if !chosen {
			var err error
			if s.port, err = process.FreePort(); err != nil {
				return err
			}
		}
		err := s.run(ctx, path, answers)
		if err == nil || chosen || attempt == 3 || ctx.Err() != nil || !process.Taken(s.port) {
			return err
		}
	}
}

func (s *Server) run(ctx context.Context, path string, answers Answers) error {
	if err := s.write(answers); err != nil {
		return err
	}
	server, err := process.Start(process.Command{
		Path:       path,
		Args:       []string{"-conf", s.corefile()},
		Dir:        s.dir,
		Log:        filepath.Join(s.dir, "coredns.log"),
		LastSignal: syscall.SIGKILL,
	})
	if err != nil {
		return err
	}
	s.process = server
	return s.await(ctx)
}

// Answer changes what the server says from now on, without a moment in which it
// doesn't listen, and returns when that holds. After an error in the Corefile the
// old answers stay.
func (s *Server) Answer(ctx context.Context, answers Answers) error {
	if err := s.write(answers); err != nil {
		return err
	}
	if err := s.process.Signal(syscall.SIGUSR1); err != nil {
		return fmt.Errorf("have CoreDNS read its Corefile again: %w", err)
	}
	return s.await(ctx)
}

// await returns once the Corefile that was written last is served.
func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 20*time.Second, errors.New("CoreDNS took longer than 20 s"))
	defer cancel()
	return s.process.Await(ctx, func(ctx context.Context) error {
		return errors.Join(s.serves(ctx, "udp"), s.serves(ctx, "tcp"))
	})
}

// serves asks for the revision of the Corefile, which the plugin chaos tells.
func (s *Server) serves(ctx context.Context, network string) error {
	question := new(dns.Msg).SetQuestion("version.bind.", dns.TypeTXT)
	question.Question[0].Qclass = dns.ClassCHAOS
	client := &dns.Client{Net: network, Timeout: time.Second}
	answer, _, err := client.ExchangeContext(ctx, question, s.Addr())
	if err != nil {
		return err
	}
	for _, record := range answer.Answer {
		if text, ok := record.(*dns.TXT); ok && len(text.Txt) == 1 && text.Txt[0] == revisionName(s.revision) {
			return nil
		}
	}
	return fmt.Errorf("an older Corefile than %s is served over %s", revisionName(s.revision), network)
}

// Addr is the IP and port, over UDP and TCP.
func (s *Server) Addr() string { return fmt.Sprintf("%s:%d", s.ip, s.port) }

// Port is that of Addr, the same for the server's whole life.
func (s *Server) Port() int { return s.port }

// Stop ends the server: from then on its port refuses. Stopping twice is no error.
func (s *Server) Stop() error {
	var err error
	if s.process != nil {
		err = s.process.Stop(syscall.SIGKILL, time.Minute)
		s.process = nil
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}
