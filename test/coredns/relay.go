package coredns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

// Relay passes questions and answers on, unchanged, over one transport alone: what
// a network policy or a Service with a forgotten port leaves of a DNS server. The
// other transport refuses.
type Relay struct {
	addr     string
	network  string
	upstream *Server
	server   *dns.Server
	hold     *os.File // of the refusing TCP port
	served   chan error
}

// OverUDPAlone relays UDP to the server and refuses TCP.
func OverUDPAlone(upstream *Server) (*Relay, error) {
	for attempt := 1; ; attempt++ {
		port, hold, err := refusingPort()
		if err != nil {
			return nil, err
		}
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		conn, err := net.ListenPacket("udp4", addr)
		if err == nil {
			r := &Relay{addr: addr, network: "udp", upstream: upstream, hold: hold}
			return r, r.serve(&dns.Server{PacketConn: conn})
		}
		hold.Close()
		if attempt == 3 {
			return nil, fmt.Errorf("relay over UDP: %w", err)
		}
	}
}

// OverTCPAlone relays TCP to the server and refuses UDP.
func OverTCPAlone(upstream *Server) (*Relay, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("relay over TCP: %w", err)
	}
	r := &Relay{addr: listener.Addr().String(), network: "tcp", upstream: upstream}
	return r, r.serve(&dns.Server{Listener: listener})
}

// refusingPort is a TCP port that refuses as long as the file is open: a socket
// that is bound and doesn't listen keeps it from others.
func refusingPort() (int, *os.File, error) {
	syscall.ForkLock.RLock() // the socket is for no child
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(socket)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return 0, nil, os.NewSyscallError("socket", err)
	}
	hold := os.NewFile(uintptr(socket), "refusing port")
	if err := syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		hold.Close()
		return 0, nil, os.NewSyscallError("bind", err)
	}
	name, err := syscall.Getsockname(socket)
	if err != nil {
		hold.Close()
		return 0, nil, os.NewSyscallError("getsockname", err)
	}
	return name.(*syscall.SockaddrInet4).Port, hold, nil
}

// serve returns when the server is at work.
func (r *Relay) serve(server *dns.Server) error {
	started := make(chan struct{})
	server.Handler = dns.HandlerFunc(r.pass)
	server.NotifyStartedFunc = func() { close(started) }
	r.server, r.served = server, make(chan error, 1)
	go func() { r.served <- server.ActivateAndServe() }()
	select {
	case <-started:
		return nil
	case err := <-r.served:
		return fmt.Errorf("relay at %s: %w", r.addr, err)
	}
}

// pass says nothing when the server says nothing.
func (r *Relay) pass(w dns.ResponseWriter, question *dns.Msg) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	client := &dns.Client{Net: r.network, UDPSize: dns.MaxMsgSize, Timeout: 5 * time.Second}
	answer, _, err := client.ExchangeContext(ctx, question, r.upstream.Addr())
	if err != nil {
		return
	}
	_ = w.WriteMsg(answer) // a client that has gone is its own affair
}

// Addr is the IP and port.
func (r *Relay) Addr() string { return r.addr }

// Stop ends the relay, not the server: from then on both transports refuse.
// Stopping twice is no error.
func (r *Relay) Stop() error {
	if r.server == nil {
		return nil
	}
	err := errors.Join(r.server.Shutdown(), <-r.served)
	r.server = nil
	if r.hold != nil {
		err = errors.Join(err, r.hold.Close())
	}
	return err
}
