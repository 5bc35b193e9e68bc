package agent_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/readiness/agent/client"
	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

// get returns the status of the agent's path.
func get(a *running, path string) int {
	GinkgoHelper()
	response, err := http.Get("http://" + a.Address.String() + path)
	Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	return response.StatusCode
}

var _ = Describe("an agent", func() {
	It("says who it is", func(ctx context.Context) {
		response, err := asker(newSecret).Ask(ctx, start("worker-1", newSecret).Target, request())
		Expect(err).NotTo(HaveOccurred())
		Expect(response).To(Equal(wire.Response{Agent: wire.Agent{
			Node: "worker-1", PodUID: "uid-of-worker-1", BootID: "boot-of-worker-1", StartedAt: now,
		}}))
	})

	It("tries what it is asked to, and answers in order", func(ctx context.Context) {
		closed, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		port := netip.MustParseAddrPort(closed.Addr().String()).Port()
		Expect(closed.Close()).To(Succeed())
		peer := start("worker-2", newSecret)
		response, err := asker(newSecret).Ask(ctx, start("worker-1", newSecret).Target, request(
			echoOf(peer.Target, wire.DefaultPayload),
			wire.Probe{ID: "vault", Kind: wire.KindTCP, Timeout: time.Second, TCP: &wire.TCP{Host: "127.0.0.1", Port: port}},
		))
		Expect(err).NotTo(HaveOccurred())
		Expect(response.Results).To(HaveExactElements(
			And(HaveField("ID", "peer/worker-2"), HaveField("OK", true)),
			And(HaveField("ID", "vault"), HaveField("Reason", wire.ConnectionRefused)),
		))
	})

	DescribeTable("serves kubelet's probes", func(path string, status int) {
		Expect(get(start("worker-1", newSecret), path)).To(Equal(status))
	},
		Entry("alive", wire.PathHealth, http.StatusOK),
		Entry("ready", wire.PathReady, http.StatusOK),
		Entry("nothing else", "/metrics", http.StatusNotFound),
	)

	It("is alive and not ready while the key is away", func() {
		a := start("worker-1", newSecret)
		Expect(get(a, wire.PathReady)).To(Equal(http.StatusOK))
		a.write()
		Expect(get(a, wire.PathReady)).To(Equal(http.StatusServiceUnavailable))
		Expect(get(a, wire.PathHealth)).To(Equal(http.StatusOK))
		a.write(newSecret)
		Expect(get(a, wire.PathReady)).To(Equal(http.StatusOK))
	})

	It("does not start without a key", func() {
		a := start("worker-1")
		var err error
		Eventually(a.ended).WithTimeout(5 * time.Second).Should(Receive(&err))
		Expect(err).To(MatchError(ContainSubstring("look at the Secret that the pod mounts")))
	})

	It("does not start with a key that is too short, and doesn't show it", func() {
		a := start("worker-1", "short-canary")
		var err error
		Eventually(a.ended).WithTimeout(5 * time.Second).Should(Receive(&err))
		Expect(err).To(MatchError(ContainSubstring("from 32 to 1024 bytes, and this one 12")))
		Expect(err.Error()).NotTo(ContainSubstring("canary"))
	})

	It("answers what it was asked before it stops", func(ctx context.Context) {
		tried := make(chan struct{})
		slow, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(slow.Close)
		go func() {
			conn, err := slow.Accept()
			if err != nil {
				return
			}
			close(tried)
			_, _ = conn.Read(make([]byte, 1))
		}()
		a := start("worker-1", newSecret)
		probe := echoOf(client.Target{Address: netip.MustParseAddrPort(slow.Addr().String()), Node: "worker-2"}, 1)
		probe.Timeout = 300 * time.Millisecond
		go func() {
			<-tried
			a.stop()
		}()
		response, err := asker(newSecret).Ask(ctx, a.Target, request(probe))
		Expect(err).NotTo(HaveOccurred())
		Expect(response.Results).To(HaveLen(1))
		Eventually(a.ended).WithTimeout(5 * time.Second).Should(Receive(BeNil()))
		_, err = asker(newSecret).Ask(ctx, a.Target, request())
		Expect(err).To(failsWith(client.Unreachable, "connection refused"))
	})
})

var _ = Describe("who may ask an agent", func() {
	It("is nobody with another key", func(ctx context.Context) {
		a := start("worker-1", newSecret)
		_, err := asker(oldSecret).Ask(ctx, a.Target, request())
		Expect(err).To(failsWith(client.Unauthorized, "does not accept the key"))
		Expect(asker(oldSecret).Echo(ctx, a.Target, []byte("hello"))).To(failsWith(client.Unauthorized, ""))
	})

	DescribeTable("may have another key while it is replaced",
		func(ctx context.Context, of []string, ours []string) {
			a := start("worker-1", of...)
			_, err := asker(ours...).Ask(ctx, a.Target, request())
			Expect(err).NotTo(HaveOccurred())
		},
		Entry("the agent has the new one, too", []string{newSecret, oldSecret}, []string{oldSecret}),
		Entry("the agent has only the old one yet", []string{oldSecret}, []string{newSecret, oldSecret}),
	)

	It("changes with the mounted Secret", func(ctx context.Context) {
		a := start("worker-1", oldSecret)
		_, err := asker(newSecret).Ask(ctx, a.Target, request())
		Expect(err).To(failsWith(client.Unauthorized, ""))
		a.write(newSecret)
		_, err = asker(newSecret).Ask(ctx, a.Target, request())
		Expect(err).NotTo(HaveOccurred())
		_, err = asker(oldSecret).Ask(ctx, a.Target, request())
		Expect(err).To(failsWith(client.Unauthorized, ""))
	})

	It("is nobody while the key can't be read", func(ctx context.Context) {
		a := start("worker-1", newSecret)
		_, err := asker(newSecret).Ask(ctx, a.Target, request())
		Expect(err).NotTo(HaveOccurred())
		a.write()
		_, err = asker(newSecret).Ask(ctx, a.Target, request())
		Expect(err).To(failsWith(client.Busy, "it has no key"))
	})

	DescribeTable("has about the same time", func(ctx context.Context, apart time.Duration, message string) {
		a := start("worker-1", newSecret)
		a.clock.SetTime(now.Add(apart))
		_, err := asker(newSecret).Ask(ctx, a.Target, request())
		Expect(err).To(failsWith(client.StaleClock, message))
	},
		Entry("ahead", time.Hour, "the clock of node worker-1 is about 1h0m0s ahead of"),
		Entry("behind", -5*time.Minute, "the clock of node worker-1 is about 5m0s behind"),
	)

	It("asks the agent of the right node", func(ctx context.Context) {
		a := start("worker-1", newSecret)
		_, err := asker(newSecret).Ask(ctx, client.Target{Address: a.Address, Node: "worker-2"}, request())
		Expect(err).To(failsWith(client.WrongNode, "is for the agent of node worker-2, and this is the one of node worker-1"))
	})
})

var _ = Describe("a request of one's own making", func() {
	var a *running

	BeforeEach(func() { a = start("worker-1", newSecret) })

	// send sends a body under a signature for another one, perhaps.
	send := func(path, nonce string, signedBody, body []byte) (int, string) {
		GinkgoHelper()
		r, err := http.NewRequest(http.MethodPost, "http://"+a.Address.String()+path, bytes.NewReader(body))
		Expect(err).NotTo(HaveOccurred())
		ours, err := keys(newSecret)()
		Expect(err).NotTo(HaveOccurred())
		wire.Envelope{
			Method: "POST", Path: path, Node: "worker-1", Nonce: nonce, Time: now, Digest: wire.Digest(signedBody),
		}.Sign(ours[0], r.Header)
		response, err := http.DefaultClient.Do(r)
		Expect(err).NotTo(HaveOccurred())
		defer response.Body.Close()
		var answer bytes.Buffer
		_, err = answer.ReadFrom(response.Body)
		Expect(err).NotTo(HaveOccurred())
		return response.StatusCode, answer.String()
	}
	encoded := func(r wire.Request) []byte {
		body, err := r.Encode()
		Expect(err).NotTo(HaveOccurred())
		return body
	}

	It("is answered once", func() {
		body := encoded(request())
		status, _ := send(wire.PathProbes, "AAAAAAAAAAAAAAAA", body, body)
		Expect(status).To(Equal(http.StatusOK))
		status, answer := send(wire.PathProbes, "AAAAAAAAAAAAAAAA", body, body)
		Expect(status).To(Equal(http.StatusConflict))
		Expect(answer).To(ContainSubstring("was here before"))
		status, _ = send(wire.PathProbes, "BBBBBBBBBBBBBBBB", body, body)
		Expect(status).To(Equal(http.StatusOK))
	})

	It("is remembered for as long as it would be accepted, and not longer", func() {
		body := encoded(request())
		a.clock.SetTime(now.Add(-wire.Window))
		status, _ := send(wire.PathProbes, "AAAAAAAAAAAAAAAA", body, body)
		Expect(status).To(Equal(http.StatusOK))
		a.clock.SetTime(now.Add(wire.Window))
		status, _ = send(wire.PathProbes, "AAAAAAAAAAAAAAAA", body, body)
		Expect(status).To(Equal(http.StatusConflict))
		a.clock.SetTime(now.Add(wire.Window + time.Second))
		status, answer := send(wire.PathProbes, "AAAAAAAAAAAAAAAA", body, body)
		Expect(status).To(Equal(http.StatusForbidden))
		Expect(answer).To(ContainSubstring("StaleClock"))
	})

	It("has the body that was signed", func() {
		body := encoded(request())
		tampered := bytes.Replace(body, []byte("10000000000"), []byte("20000000000"), 1)
		status, answer := send(wire.PathProbes, "AAAAAAAAAAAAAAAA", body, tampered)
		Expect(status).To(Equal(http.StatusBadRequest))
		Expect(answer).To(ContainSubstring("the body is not the one that was signed"))
	})

	It("asks for kinds that are known", func() {
		body := bytes.Replace(encoded(request(echoOf(a.Target, 1))), []byte(`"kind":"echo"`), []byte(`"kind":"exec"`), 1)
		status, answer := send(wire.PathProbes, "AAAAAAAAAAAAAAAA", body, body)
		Expect(status).To(Equal(http.StatusBadRequest))
		Expect(answer).To(ContainSubstring(`kind \"exec\" is unknown`))
	})

	DescribeTable("is not too large", func(path string, size int, expected int) {
		body := make([]byte, size)
		status, _ := send(path, "AAAAAAAAAAAAAAAA", body, body)
		Expect(status).To(Equal(expected))
	},
		Entry("probes", wire.PathProbes, wire.MaxBody+1, http.StatusRequestEntityTooLarge),
		Entry("an echo", wire.PathEcho, wire.MaxPayload+1, http.StatusRequestEntityTooLarge),
		Entry("the largest echo", wire.PathEcho, wire.MaxPayload, http.StatusOK),
		Entry("the smallest echo", wire.PathEcho, 0, http.StatusOK),
	)

	It("has no more than its headers read if it isn't signed", func() {
		conn, err := net.Dial("tcp", a.Address.String())
		Expect(err).NotTo(HaveOccurred())
		defer conn.Close()
		_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", wire.PathProbes, 1<<40)
		Expect(err).NotTo(HaveOccurred())
		Expect(conn.SetReadDeadline(time.Now().Add(5 * time.Second))).To(Succeed())
		answer := make([]byte, 4096)
		n, err := conn.Read(answer)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(answer[:n])).To(HavePrefix("HTTP/1.1 401 Unauthorized"))
	})

	It("has a usual amount of headers", func() {
		r, err := http.NewRequest(http.MethodPost, "http://"+a.Address.String()+wire.PathEcho, strings.NewReader("x"))
		Expect(err).NotTo(HaveOccurred())
		r.Header.Set("X", strings.Repeat("x", 32<<10))
		response, err := http.DefaultClient.Do(r)
		Expect(err).NotTo(HaveOccurred())
		defer response.Body.Close()
		Expect(response.StatusCode).To(Equal(http.StatusRequestHeaderFieldsTooLarge))
	})
})

var _ = Describe("an agent with much to do", func() {
	It("refuses more, and goes on when it can", func(ctx context.Context) {
		a := start("worker-1", newSecret)
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(listener.Close)
		slow := request(echoOf(client.Target{Address: netip.MustParseAddrPort(listener.Addr().String()), Node: "worker-2"}, 1))
		slow.Probes[0].Timeout = 20 * time.Second
		slow.Timeout = 20 * time.Second
		answered := make(chan error, 2)
		for range 2 {
			go func() {
				_, err := asker(newSecret).Ask(ctx, a.Target, slow)
				answered <- err
			}()
		}
		// Each holds a connection to the peer that doesn't answer.
		var held []net.Conn
		for range 2 {
			conn, err := listener.Accept()
			Expect(err).NotTo(HaveOccurred())
			held = append(held, conn)
		}
		_, err = asker(newSecret).Ask(ctx, a.Target, request())
		Expect(err).To(failsWith(client.Busy, "ask later"))
		Expect(asker(newSecret).Echo(ctx, a.Target, []byte("echoes have their own room"))).To(Succeed())
		for _, conn := range held {
			Expect(conn.Close()).To(Succeed())
		}
		for range 2 {
			Eventually(answered).WithTimeout(5 * time.Second).Should(Receive(BeNil()))
		}
		_, err = asker(newSecret).Ask(ctx, a.Target, request())
		Expect(err).NotTo(HaveOccurred())
	})
})
