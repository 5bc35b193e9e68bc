package readiness_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/internal/readiness/agent"
	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

// runningAgent is a real agent at an address of its own.
type runningAgent struct {
	address netip.AddrPort
	// noEchoes breaks the way from other agents, and no other.
	noEchoes atomic.Bool
	stop     func()
}

// mounted is the key as agents have it: what the Secret held when mountKey last played
// the kubelet.
var mounted atomic.Pointer[wire.Keys]

func mountKey(ctx context.Context) {
	GinkgoHelper()
	secret := &corev1.Secret{}
	Expect(admin.Get(ctx, client.ObjectKey{Namespace: releaseNamespace, Name: keySecret}, secret)).To(Succeed())
	keys, err := wire.ParseKeys(secret.Data["key"])
	Expect(err).NotTo(HaveOccurred())
	mounted.Store(&keys)
}

// startAgent starts the agent of the i-th node. The caller stops it.
func startAgent(node string, i int) *runningAgent {
	GinkgoHelper()
	return startAgentAt(node, fmt.Sprintf("127.0.%d.%d:0", 1+i/250, 1+i%250))
}

func startAgentAt(node, address string) *runningAgent {
	GinkgoHelper()
	listener, err := net.Listen("tcp4", address)
	Expect(err).NotTo(HaveOccurred())
	a := &runningAgent{address: netip.MustParseAddrPort(listener.Addr().String())}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- agent.Serve(ctx, &switched{listener, &a.noEchoes}, agent.Options{
			Node: node, PodUID: "uid-of-" + node, BootID: "boot-of-" + node,
			Keys:  func() (wire.Keys, error) { return *mounted.Load(), nil },
			Clock: clock.RealClock{}, Log: slog.New(slog.DiscardHandler),
		})
	}()
	a.stop = sync.OnceFunc(func() {
		cancel()
		Expect(<-ended).To(Succeed())
	})
	return a
}

// switched is a listener that can cut off the echoes.
type switched struct {
	net.Listener
	noEchoes *atomic.Bool
}

func (s *switched) Accept() (net.Conn, error) {
	conn, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &switchedConn{Conn: conn, noEchoes: s.noEchoes}, nil
}

type switchedConn struct {
	net.Conn
	noEchoes *atomic.Bool
}

func (c *switchedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.noEchoes.Load() && bytes.HasPrefix(p[:n], []byte("POST "+wire.PathEcho)) {
		c.Close()
		return 0, io.EOF
	}
	return n, err
}
