package relay_test

import (
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/test/process"
	"github.com/tazzo/rebirth/test/relay"
)

func TestRelay(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Relay")
}

// echo is a server that sends back what comes over TCP or UDP.
func echo() string {
	GinkgoHelper()
	streams, err := net.Listen("tcp4", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	packets, err := net.ListenPacket("udp4", streams.Addr().String())
	Expect(err).NotTo(HaveOccurred())
	go func() {
		for {
			conn, err := streams.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	go func() {
		packet := make([]byte, 1500)
		for {
			n, from, err := packets.ReadFrom(packet)
			if err != nil {
				return
			}
			_, _ = packets.WriteTo(packet[:n], from)
		}
	}()
	DeferCleanup(streams.Close)
	DeferCleanup(packets.Close)
	return streams.Addr().String()
}

func start(upstream string) (r *relay.Relay, address string) {
	GinkgoHelper()
	port, err := process.FreePort()
	Expect(err).NotTo(HaveOccurred())
	address = (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}).String()
	r, err = relay.Start(address, upstream)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(r.Stop)
	return r, address
}

// dial returns a connection on which what is sent came back once.
func dial(network relay.Network, address string) (net.Conn, error) {
	conn, err := net.Dial(string(network), address)
	if err != nil {
		return nil, err
	}
	DeferCleanup(func() { conn.Close() })
	return conn, exchange(conn)
}

func exchange(conn net.Conn) error {
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("hello")); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, make([]byte, 5))
	return err
}

var _ = Describe("A relay", func() {
	It("carries TCP and UDP there and back, refuses one of them, and carries it again", func() {
		r, address := start(echo())
		for _, network := range []relay.Network{relay.TCP, relay.UDP} {
			other := map[relay.Network]relay.Network{relay.TCP: relay.UDP, relay.UDP: relay.TCP}[network]
			_, err := dial(network, address)
			Expect(err).NotTo(HaveOccurred())
			Expect(r.Refuse(network)).To(Succeed())
			_, err = dial(network, address)
			Expect(err).To(MatchError(syscall.ECONNREFUSED))
			_, err = dial(other, address)
			Expect(err).NotTo(HaveOccurred())
			Expect(r.Resume(network)).To(Succeed())
			_, err = dial(network, address)
			Expect(err).NotTo(HaveOccurred())
		}
	})

	It("cuts off what is under way when it refuses", func() {
		r, address := start(echo())
		conn, err := dial(relay.TCP, address)
		Expect(err).NotTo(HaveOccurred())
		Expect(r.Refuse(relay.TCP)).To(Succeed())
		Expect(exchange(conn)).NotTo(Succeed())
	})

	It("says whose address it can't have", func() {
		_, address := start(echo())
		_, err := relay.Start(address, "127.0.0.1:1")
		Expect(err).To(And(MatchError(syscall.EADDRINUSE), MatchError(ContainSubstring("relay at "+address))))
	})
})
