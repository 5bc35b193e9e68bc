package agent_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/readiness/agent/client"
	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

var _ = Describe("an echo between two agents", func() {
	var prober, peer *running

	BeforeEach(func() {
		prober, peer = start("worker-1", newSecret), start("worker-2", newSecret)
	})

	// probe is the prober's result for the peer, with half a second's time.
	probe := func(ctx context.Context, of client.Target, payload int) wire.Result {
		GinkgoHelper()
		p := echoOf(of, payload)
		p.Timeout = 500 * time.Millisecond
		response, err := asker(newSecret, oldSecret).Ask(ctx, prober.Target, request(p))
		Expect(err).NotTo(HaveOccurred())
		Expect(response.Results).To(HaveLen(1))
		return response.Results[0]
	}
	fails := func(reason wire.Reason, message string) OmegaMatcher {
		return And(HaveField("OK", false), HaveField("Reason", reason), HaveField("Message", ContainSubstring(message)))
	}

	DescribeTable("comes back whole", func(ctx context.Context, payload int) {
		Expect(probe(ctx, peer.Target, payload)).To(HaveField("OK", true))
		Expect(probe(ctx, via(peer.Target, good, good), payload)).To(HaveField("OK", true))
	},
		Entry("one byte", 1), Entry("the usual 8 KiB", wire.DefaultPayload), Entry("the most", wire.MaxPayload),
	)

	DescribeTable("shows what is wrong with the way",
		func(ctx context.Context, there, back path, reason wire.Reason, message string) {
			Expect(probe(ctx, via(peer.Target, there, back), wire.DefaultPayload)).To(fails(reason, message))
		},
		Entry("large packets get lost on the way there", blackHole(1400), path(good), wire.Timeout, "no answer in time"),
		Entry("large packets get lost on the way back", path(good), blackHole(1400), wire.Timeout, "no answer in time"),
		Entry("nothing comes back", path(good), blackHole(0), wire.Timeout, "no answer in time"),
		Entry("the payload is cut off on the way there", cutting(4000), path(good), wire.ConnectionClosed, ""),
		Entry("the payload is cut off on the way back", path(good), cutting(4000), wire.ConnectionClosed, ""),
		Entry("a byte is changed on the way there", flipping(4000), path(good), wire.BadPayload, "the body is not the one that was signed"),
		Entry("a byte is changed on the way back", path(good), flipping(4000), wire.BadResponse, "not signed for this request"),
	)

	It("gets through with small payloads where large ones get lost", func(ctx context.Context) {
		Expect(probe(ctx, via(peer.Target, blackHole(1400), blackHole(1400)), 64)).To(HaveField("OK", true))
	})

	It("sees that an agent of another node has the peer's address", func(ctx context.Context) {
		stranger := client.Target{Address: peer.Address, Node: "worker-3"}
		Expect(probe(ctx, stranger, 64)).To(fails(wire.WrongPeer, "is for the agent of node worker-3, and this is the one of node worker-2"))
	})

	It("sees that the peer has another key", func(ctx context.Context) {
		peer.write(oldSecret)
		Expect(probe(ctx, peer.Target, 64)).To(fails(wire.Unauthorized, "does not accept the key"))
		prober.write(newSecret, oldSecret)
		Expect(probe(ctx, peer.Target, 64)).To(HaveField("OK", true))
	})

	It("sees that the peer has another time", func(ctx context.Context) {
		peer.clock.SetTime(now.Add(time.Hour))
		Expect(probe(ctx, peer.Target, 64)).To(fails(wire.StaleClock, "the clock of node worker-2 is about 1h0m0s ahead"))
	})

	It("sees that the peer is gone", func(ctx context.Context) {
		peer.stop()
		Eventually(peer.ended).WithTimeout(5 * time.Second).Should(Receive(BeNil()))
		Expect(probe(ctx, peer.Target, 64)).To(fails(wire.ConnectionRefused, "connection refused"))
	})

	It("sees that something else listens at the peer's address", func(ctx context.Context) {
		other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }))
		DeferCleanup(other.Close)
		Expect(probe(ctx, client.Target{Address: netip.MustParseAddrPort(other.Listener.Addr().String()), Node: "worker-2"}, 64)).
			To(fails(wire.BadResponse, "something else may listen there"))
	})

	It("sees that the peer returns other bytes", func(ctx context.Context) {
		ours, err := keys(newSecret)()
		Expect(err).NotTo(HaveOccurred())
		odd := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			by, refusal := wire.Authenticate(r.Method, r.URL.Path, r.Header, ours, "worker-2", now)
			Expect(refusal).To(BeNil())
			by.Envelope.SignResponse(by.Key, http.StatusOK, []byte("half"), w.Header())
			_, _ = w.Write([]byte("half"))
		}))
		DeferCleanup(odd.Close)
		Expect(probe(ctx, client.Target{Address: netip.MustParseAddrPort(odd.Listener.Addr().String()), Node: "worker-2"}, 64)).
			To(fails(wire.BadPayload, "the echo is not what was sent"))
	})
})
