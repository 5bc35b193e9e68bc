package agent_test

import (
	"io"
	"net"
	"net/netip"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/readiness/agent/client"
)

// path is one direction of a way between two agents: it copies from one side to the
// other as it sees fit, and says whether the end of the connection is lost, too.
type path func(to io.Writer, from io.Reader) (hangs bool)

func good(to io.Writer, from io.Reader) bool {
	_, _ = io.Copy(to, from)
	return false
}

// blackHole lets so many bytes through and swallows the rest, as a network does
// whose large packets get lost.
func blackHole(bytes int64) path {
	return func(to io.Writer, from io.Reader) bool {
		_, _ = io.CopyN(to, from, bytes)
		rest, _ := io.Copy(io.Discard, from)
		return rest > 0
	}
}

// flipping changes the byte at that place.
func flipping(place int64) path {
	return func(to io.Writer, from io.Reader) bool {
		_, _ = io.CopyN(to, from, place)
		b := make([]byte, 1)
		if _, err := io.ReadFull(from, b); err != nil {
			return false
		}
		b[0] ^= 1
		_, _ = to.Write(b)
		return good(to, from)
	}
}

// cutting ends the connection after so many bytes.
func cutting(bytes int64) path {
	return func(to io.Writer, from io.Reader) bool {
		_, _ = io.CopyN(to, from, bytes)
		return false
	}
}

// via returns the agent as it looks at the other end of such a way.
func via(a client.Target, there, back path) client.Target {
	GinkgoHelper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(listener.Close)
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			go relay(near, a.Address, there, back)
		}
	}()
	return client.Target{Address: netip.MustParseAddrPort(listener.Addr().String()), Node: a.Node}
}

func relay(near net.Conn, address netip.AddrPort, there, back path) {
	defer near.Close()
	far, err := net.Dial("tcp", address.String())
	if err != nil {
		return
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		defer far.Close()
		there(far, near)
	}()
	if back(near, far) {
		<-sent // until who asks gives up
	}
}
