package agent_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/readiness/agent/client"
	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

// hold opens so many connections from an address of loopback, and says nothing on them.
func hold(a *running, from string, connections int) {
	GinkgoHelper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	for range connections {
		conn, err := dialer.Dial("tcp", a.Address.String())
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(conn.Close)
	}
}

// expectServes expects the agent to answer who has the key, and the kubelet, sooner than
// it gives up any stranger.
func expectServes(ctx context.Context, a *running) {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, err := asker(newSecret).Ask(ctx, a.Target, request())
	Expect(err).NotTo(HaveOccurred())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+a.Address.String()+wire.PathHealth, nil)
	Expect(err).NotTo(HaveOccurred())
	response, err := http.DefaultClient.Do(r)
	Expect(err).NotTo(HaveOccurred())
	Expect(response.Body.Close()).To(Succeed())
	Expect(response.StatusCode).To(Equal(http.StatusOK))
}

var _ = Describe("an agent to which strangers hold connections", func() {
	var a *running

	BeforeEach(func() { a = start("worker-1", newSecret) })

	It("serves, though one of them takes all that it gets", func(ctx context.Context) {
		hold(a, "127.0.0.2", 200)
		expectServes(ctx, a)
	})

	It("serves, though they are many", func(ctx context.Context) {
		for i := range 40 {
			hold(a, fmt.Sprintf("127.0.0.%d", 2+i), 8)
		}
		expectServes(ctx, a)
	})

	It("serves, though they are behind the very address of who asks", func(ctx context.Context) {
		hold(a, "127.0.0.1", 200)
		expectServes(ctx, a)
	})

	It("gives up no request for them that is under way", func(ctx context.Context) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(listener.Close)
		slow := request(echoOf(client.Target{Address: netip.MustParseAddrPort(listener.Addr().String()), Node: "worker-2"}, 1))
		slow.Probes[0].Timeout, slow.Timeout = 20*time.Second, 20*time.Second
		answered := make(chan error, 1)
		go func() {
			_, err := asker(newSecret).Ask(ctx, a.Target, slow)
			answered <- err
		}()
		underWay, err := listener.Accept()
		Expect(err).NotTo(HaveOccurred())
		hold(a, "127.0.0.1", 20)
		for i := range 40 {
			hold(a, fmt.Sprintf("127.0.0.%d", 2+i), 8)
		}
		expectServes(ctx, a)
		Expect(underWay.Close()).To(Succeed())
		Eventually(answered).WithTimeout(5 * time.Second).Should(Receive(BeNil()))
	})
})
