package readiness_test

import (
	"io"
	"net"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// relay plays kube-proxy for one address: what comes in over UDP or TCP goes to the
// endpoint behind it.
type relay struct {
	upstream string
	noTCP    atomic.Bool
}

func newRelay(address, upstream string) *relay {
	GinkgoHelper()
	r := &relay{upstream: upstream}
	stream, err := net.Listen("tcp4", address)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(stream.Close)
	packets, err := net.ListenPacket("udp4", address)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(packets.Close)
	go r.streams(stream)
	go r.packets(packets)
	return r
}

func (r *relay) streams(listener net.Listener) {
	for {
		in, err := listener.Accept()
		if err != nil {
			return
		}
		if r.noTCP.Load() {
			in.Close()
			continue
		}
		go r.stream(in)
	}
}

func (r *relay) stream(in net.Conn) {
	defer in.Close()
	out, err := net.DialTimeout("tcp4", r.upstream, 2*time.Second)
	if err != nil {
		return
	}
	defer out.Close()
	go func() {
		_, _ = io.Copy(out, in)
		_ = out.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(in, out)
}

func (r *relay) packets(conn net.PacketConn) {
	for {
		packet := make([]byte, 65535)
		n, from, err := conn.ReadFrom(packet)
		if err != nil {
			return
		}
		go r.packet(conn, from, packet[:n])
	}
}

func (r *relay) packet(conn net.PacketConn, from net.Addr, packet []byte) {
	out, err := net.Dial("udp4", r.upstream)
	if err != nil {
		return
	}
	defer out.Close()
	_ = out.SetDeadline(time.Now().Add(2 * time.Second))
	if _, err := out.Write(packet); err != nil {
		return
	}
	answer := make([]byte, 65535)
	if n, err := out.Read(answer); err == nil {
		_, _ = conn.WriteTo(answer[:n], from)
	}
}
