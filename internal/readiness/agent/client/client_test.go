package client_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/tazzo/rebirth/internal/readiness/agent/client"
	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

func TestClient(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "asking agents")
}

var (
	now    = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	secret = []byte(strings.Repeat("n", 32))
	good   = wire.Response{Agent: wire.Agent{Node: "worker-1", PodUID: "uid", StartedAt: now}}
)

func keys() (wire.Keys, error) { return wire.ParseKeys(secret) }

func asker() *client.Client { return client.New(keys, clocktesting.NewFakePassiveClock(now)) }

func target(listener net.Listener) client.Target {
	return client.Target{Address: netip.MustParseAddrPort(listener.Addr().String()), Node: "worker-1"}
}

// answering serves what is not an agent.
func answering(handler http.HandlerFunc) client.Target {
	GinkgoHelper()
	server := httptest.NewServer(handler)
	DeferCleanup(server.Close)
	return target(server.Listener)
}

// signing answers under the agent's key, whatever it is.
func signing(status int, body []byte) client.Target {
	GinkgoHelper()
	ours, err := keys()
	Expect(err).NotTo(HaveOccurred())
	return answering(func(w http.ResponseWriter, r *http.Request) {
		by, _ := wire.Authenticate(r.Method, r.URL.Path, r.Header, ours, "worker-1", now)
		by.Envelope.SignResponse(by.Key, status, body, w.Header())
		w.WriteHeader(status)
		_, _ = w.Write(body)
	})
}

func encoded(r wire.Response) []byte {
	GinkgoHelper()
	body, err := r.Encode()
	Expect(err).NotTo(HaveOccurred())
	return body
}

func failsWith(class client.Class, reason wire.Reason, message string) OmegaMatcher {
	return And(HaveField("Class", class), HaveField("Reason", reason), HaveField("Message", ContainSubstring(message)))
}

var _ = Describe("asking", func() {
	ask := func(ctx context.Context, of client.Target) error {
		_, err := asker().Ask(ctx, of, wire.Request{Timeout: time.Second})
		return err
	}

	It("takes a signed answer", func(ctx context.Context) {
		Expect(asker().Ask(ctx, signing(http.StatusOK, encoded(good)), wire.Request{Timeout: time.Second})).To(Equal(good))
	})

	It("says that nothing listens, without what differs between attempts", func(ctx context.Context) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		Expect(listener.Close()).To(Succeed())
		err = ask(ctx, target(listener))
		Expect(err).To(failsWith(client.Unreachable, wire.ConnectionRefused, "connection refused"))
		Expect(err).To(MatchError("the agent at " + listener.Addr().String() + ": Unreachable: connection refused"))
	})

	It("gives up when its caller does", func(ctx context.Context) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(listener.Close)
		short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		err = ask(short, target(listener))
		Expect(err).To(failsWith(client.Unreachable, wire.Timeout, "no answer in time"))
		Expect(errors.Is(err, context.DeadlineExceeded)).To(BeTrue())
	})

	It("sends nothing without a key", func(ctx context.Context) {
		without := client.New(func() (wire.Keys, error) { return nil, errors.New("the Secret is gone") }, clocktesting.NewFakePassiveClock(now))
		_, err := without.Ask(ctx, answering(func(http.ResponseWriter, *http.Request) { Fail("something was sent") }), wire.Request{Timeout: time.Second})
		Expect(err).To(failsWith(client.NoKey, wire.Failed, "the Secret is gone"))
	})

	It("sends nothing that isn't valid", func(ctx context.Context) {
		_, err := asker().Ask(ctx, answering(func(http.ResponseWriter, *http.Request) { Fail("something was sent") }), wire.Request{})
		Expect(err).To(failsWith(client.BadRequest, wire.BadProbe, "timeout 0s"))
	})

	DescribeTable("believes no answer that isn't an agent's",
		func(ctx context.Context, handler http.HandlerFunc, class client.Class, reason wire.Reason) {
			Expect(ask(ctx, answering(handler))).To(failsWith(class, reason, ""))
		},
		Entry("a web page", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }, client.BadResponse, wire.BadResponse),
		Entry("a right answer without a signature", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(encoded(good)) }, client.BadResponse, wire.BadResponse),
		Entry("a redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusTemporaryRedirect) }, client.BadResponse, wire.BadResponse),
		Entry("an endless answer", func(w http.ResponseWriter, _ *http.Request) {
			for chunk := make([]byte, 64<<10); ; {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}, client.BadResponse, wire.BadResponse),
		Entry("a refusal of the key", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, client.Unauthorized, wire.Unauthorized),
		Entry("an overload", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, client.Busy, wire.Busy),
		Entry("an end", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, client.Unreachable, wire.ConnectionClosed),
	)

	It("sees odd answers of an agent", func(ctx context.Context) {
		Expect(ask(ctx, signing(http.StatusOK, []byte("{}")))).To(failsWith(client.BadResponse, wire.BadResponse, "not JSON as this version writes it"))
		Expect(ask(ctx, signing(http.StatusTeapot, []byte("{}")))).To(failsWith(client.BadResponse, wire.BadResponse, "the refusal"))
		other := good
		other.Agent.Node = "worker-2"
		Expect(ask(ctx, signing(http.StatusOK, encoded(other)))).To(failsWith(client.WrongNode, wire.WrongPeer, "the agent of node worker-2"))
	})

	It("hears what is not HTTP", func(ctx context.Context) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(listener.Close)
		go func() {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("220 mail ESMTP\r\n"))
			_, _ = conn.Read(make([]byte, 4096))
			_ = conn.Close()
		}()
		Expect(ask(ctx, target(listener))).To(failsWith(client.BadResponse, wire.BadResponse, "malformed HTTP"))
	})
})
