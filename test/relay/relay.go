// Package relay plays, on loopback, what carries traffic in a cluster: kube-proxy for
// the address of a Service, or the network between nodes for the address of a pod.
// What comes to its address over TCP or UDP goes to one upstream, until it refuses.
package relay

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Network is what is carried.
type Network string

// The networks.
const (
	TCP Network = "tcp4"
	UDP Network = "udp4"
)

// Relay carries traffic from one address to another, or refuses it.
type Relay struct {
	address, upstream string

	mu      sync.Mutex
	streams net.Listener
	packets net.PacketConn
	// open are the connections under way over TCP.
	open map[net.Conn]bool
}

// Start carries TCP and UDP that come to address (ip:port) to upstream (ip:port), which
// need not listen yet.
func Start(address, upstream string) (*Relay, error) {
	r := &Relay{address: address, upstream: upstream, open: map[net.Conn]bool{}}
	if err := r.Resume(TCP, UDP); err != nil {
		return nil, errors.Join(err, r.Stop())
	}
	return r, nil
}

// Resume carries these networks again. One that it carries already is no error.
func (r *Relay) Resume(networks ...Network) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, network := range networks {
		if err := r.listen(network); err != nil {
			return fmt.Errorf("relay at %s: %w", r.address, err)
		}
	}
	return nil
}

func (r *Relay) listen(network Network) (err error) {
	switch {
	case network == TCP && r.streams == nil:
		if r.streams, err = net.Listen(string(TCP), r.address); err == nil {
			go r.carryStreams(r.streams)
		}
	case network == UDP && r.packets == nil:
		if r.packets, err = net.ListenPacket(string(UDP), r.address); err == nil {
			go r.carryPackets(r.packets)
		}
	}
	return err
}

// Refuse refuses these networks from now on, as a firewall that rejects: the kernel
// answers that nobody listens, and what is under way is cut off.
func (r *Relay) Refuse(networks ...Network) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, network := range networks {
		switch {
		case network == TCP && r.streams != nil:
			errs = append(errs, r.streams.Close())
			r.streams = nil
			for conn := range r.open {
				conn.Close()
			}
		case network == UDP && r.packets != nil:
			errs = append(errs, r.packets.Close())
			r.packets = nil
		}
	}
	return errors.Join(errs...)
}

// Stop refuses everything. Stopping twice is no error.
func (r *Relay) Stop() error { return r.Refuse(TCP, UDP) }

func (r *Relay) carryStreams(listener net.Listener) {
	for {
		in, err := listener.Accept()
		if err != nil {
			return // refused
		}
		go r.carryStream(in)
	}
}

// patience is more than any probe waits.
const patience = 10 * time.Second

func (r *Relay) carryStream(in net.Conn) {
	defer r.remember(in)()
	out, err := net.DialTimeout(string(TCP), r.upstream, patience)
	if err != nil {
		return
	}
	defer r.remember(out)()
	go func() {
		_, _ = io.Copy(out, in)
		_ = out.(*net.TCPConn).CloseWrite() // it may be closed
	}()
	_, _ = io.Copy(in, out)
}

// remember has the connection cut off by Refuse; the returned function closes it.
func (r *Relay) remember(conn net.Conn) (forget func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.streams == nil { // Refuse was quicker
		conn.Close()
	}
	r.open[conn] = true
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.open, conn)
		conn.Close()
	}
}

func (r *Relay) carryPackets(conn net.PacketConn) {
	for {
		packet := make([]byte, 65535)
		n, from, err := conn.ReadFrom(packet)
		if err != nil {
			return // refused
		}
		go r.carryPacket(conn, from, packet[:n])
	}
}

// carryPacket carries one packet and, should one come back, its answer.
func (r *Relay) carryPacket(conn net.PacketConn, from net.Addr, packet []byte) {
	out, err := net.Dial(string(UDP), r.upstream)
	if err != nil {
		return
	}
	defer out.Close()
	if out.SetDeadline(time.Now().Add(patience)) != nil {
		return
	}
	if _, err := out.Write(packet); err != nil {
		return
	}
	answer := make([]byte, 65535)
	if n, err := out.Read(answer); err == nil {
		_, _ = conn.WriteTo(answer[:n], from) // who has gone gets none
	}
}
