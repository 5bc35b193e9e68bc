package probe

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/utils/clock"

	"github.com/tazzo/rebirth/internal/readiness/agent/client"
	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
	"github.com/tazzo/rebirth/test/coredns"
)

func TestProbe(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "probes")
}

const (
	apiName   = "kubernetes.default.svc.cluster.local."
	vaultName = "vault.example.ts.net."
)

// server is the one real CoreDNS of this suite, with what it answers at first.
var (
	server  *coredns.Server
	records = coredns.Zone(
		apiName+" 30 IN A 10.96.0.1",
		apiName+" 30 IN AAAA fd00::1",
		vaultName+" 30 IN CNAME vault-1.example.ts.net.",
		"vault-1.example.ts.net. 30 IN A 127.0.0.1",
		"text.example.org. 30 IN TXT hello",
	)
)

var _ = BeforeSuite(func(ctx context.Context) {
	var err error
	server, err = coredns.Start(ctx, coredns.Options{Answers: records, Progress: GinkgoWriter})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(server.Stop)
}, NodeTimeout(15*time.Minute))

// noPeers is for probes that are no echoes.
type noPeers struct{}

func (noPeers) Echo(context.Context, client.Target, []byte) error { panic("no echo was asked for") }

// run runs one probe, with a second's time.
func run(ctx context.Context, probe wire.Probe) wire.Result {
	GinkgoHelper()
	probe.ID = "it"
	if probe.Timeout == 0 {
		probe.Timeout = time.Second
	}
	request := wire.Request{Timeout: wire.MaxRun, Probes: []wire.Probe{probe}}
	Expect(request.Validate()).To(Succeed())
	return Prober{Echoer: noPeers{}, Clock: clock.RealClock{}}.Run(ctx, request)[0]
}

func fails(reason wire.Reason, message string) OmegaMatcher {
	return And(HaveField("OK", false), HaveField("Reason", reason), HaveField("Message", ContainSubstring(message)))
}

func succeeds() OmegaMatcher { return And(HaveField("OK", true), HaveField("Reason", wire.Reason(""))) }

// at is the address of a listener or server on loopback.
func at(address string) netip.AddrPort { return netip.MustParseAddrPort(address) }

// closed is a port of loopback that refuses.
func closed() netip.AddrPort {
	GinkgoHelper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	defer listener.Close()
	// A connection that is left in TIME_WAIT on our side keeps the port from others.
	conn, err := net.Dial("tcp", listener.Addr().String())
	Expect(err).NotTo(HaveOccurred())
	accepted, err := listener.Accept()
	Expect(err).NotTo(HaveOccurred())
	Expect(accepted.Close()).To(Succeed())
	Expect(conn.Close()).To(Succeed())
	return at(listener.Addr().String())
}

// silent accepts connections and says nothing.
func silent() netip.AddrPort {
	GinkgoHelper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(listener.Close)
	return at(listener.Addr().String())
}

// speaks accepts connections, says the words and hangs up.
func speaks(words string) netip.AddrPort {
	GinkgoHelper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(listener.Close)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = conn.Write([]byte(words))
			_ = conn.Close()
		}
	}()
	return at(listener.Addr().String())
}
