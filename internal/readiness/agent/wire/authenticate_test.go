package wire_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func envelope() wire.Envelope {
	return wire.Envelope{
		Method: "POST", Path: wire.PathProbes, Node: "worker-1", Nonce: "ABCDEFGHIJKLMNOP",
		Time: now, Digest: wire.Digest([]byte("body")),
	}
}

func signed(e wire.Envelope, secret string) http.Header {
	h := http.Header{}
	e.Sign(keys(secret)[0], h)
	return h
}

var _ = Describe("authenticating a request", func() {
	authenticate := func(h http.Header, at time.Time) (wire.Authenticated, *wire.Refusal) {
		return wire.Authenticate("POST", wire.PathProbes, h, keys(newSecret, oldSecret), "worker-1", at)
	}

	DescribeTable("accepts either key", func(secret string) {
		by, refusal := authenticate(signed(envelope(), secret), now)
		Expect(refusal).To(BeNil())
		Expect(by.Envelope).To(Equal(envelope()))
		Expect(by.Key).To(Equal(keys(secret)[0]))
	},
		Entry("the new one", newSecret),
		Entry("the old one", oldSecret),
	)

	DescribeTable("takes clocks that are a little apart", func(apart time.Duration) {
		_, refusal := authenticate(signed(envelope(), newSecret), now.Add(apart))
		Expect(refusal).To(BeNil())
	},
		Entry("behind", -wire.Window),
		Entry("ahead", wire.Window),
	)

	DescribeTable("refuses clocks that are too far apart, and says which way",
		func(apart time.Duration, message string) {
			by, refusal := authenticate(signed(envelope(), newSecret), now.Add(apart))
			Expect(refusal).To(HaveField("Reason", wire.RefusedStaleClock))
			Expect(refusal.Message).To(ContainSubstring(message))
			Expect(by.Key).To(Equal(keys(newSecret)[0]), "who asks is known and gets a signed answer")
		},
		Entry("behind", -wire.Window-time.Second, "the clock of node worker-1 is about 1m0s behind that of who asks"),
		Entry("ahead", 3*time.Hour, "the clock of node worker-1 is about 3h0m0s ahead of that of who asks"),
		Entry("since 1970", -56*365*24*time.Hour, "behind"),
	)

	It("refuses what is for another node", func() {
		e := envelope()
		e.Node = "worker-2"
		by, refusal := authenticate(signed(e, newSecret), now)
		Expect(refusal).To(Equal(&wire.Refusal{
			Reason:  wire.RefusedWrongNode,
			Message: "the request is for the agent of node worker-2, and this is the one of node worker-1",
		}))
		Expect(by.Key).To(Equal(keys(newSecret)[0]))
	})

	DescribeTable("refuses a stranger",
		func(change func(http.Header)) {
			h := signed(envelope(), newSecret)
			change(h)
			by, refusal := authenticate(h, now)
			Expect(refusal).To(HaveField("Reason", wire.RefusedUnauthorized))
			Expect(by).To(Equal(wire.Authenticated{}), "nothing is signed for a stranger")
		},
		Entry("of another key", func(h http.Header) { envelope().Sign(keys(strings.Repeat("x", 32))[0], h) }),
		Entry("without a signature", func(h http.Header) { h.Del("Rebirth-Signature") }),
		Entry("with half a signature", func(h http.Header) { h.Set("Rebirth-Signature", h.Get("Rebirth-Signature")[:32]) }),
		Entry("with other letters in the signature", func(h http.Header) {
			h.Set("Rebirth-Signature", strings.ToUpper(h.Get("Rebirth-Signature")))
		}),
		Entry("who changes the node", func(h http.Header) { h.Set("Rebirth-Node", "worker-2") }),
		Entry("who changes the nonce", func(h http.Header) { h.Set("Rebirth-Nonce", "QBCDEFGHIJKLMNOP") }),
		Entry("who changes the time", func(h http.Header) { h.Set("Rebirth-Time", "1767323046000") }),
		Entry("who changes the digest", func(h http.Header) { h.Set("Rebirth-Digest", wire.Digest([]byte("other"))) }),
		Entry("without a node", func(h http.Header) { h.Del("Rebirth-Node") }),
		Entry("with a node of two lines", func(h http.Header) { h.Set("Rebirth-Node", "a\nb") }),
		Entry("with a short nonce", func(h http.Header) { h.Set("Rebirth-Nonce", "A") }),
		Entry("with a nonce of two lines", func(h http.Header) { h.Set("Rebirth-Nonce", "ABCDEFGHIJKLMNOP\n") }),
		Entry("with no time", func(h http.Header) { h.Set("Rebirth-Time", "now") }),
		Entry("with a time before 1970", func(h http.Header) { h.Set("Rebirth-Time", "-1") }),
		Entry("with too large a time", func(h http.Header) { h.Set("Rebirth-Time", strings.Repeat("9", 30)) }),
		Entry("with no digest", func(h http.Header) { h.Set("Rebirth-Digest", "md5") }),
	)

	DescribeTable("refuses a signature for something else", func(method, path string) {
		_, refusal := wire.Authenticate(method, path, signed(envelope(), newSecret), keys(newSecret), "worker-1", now)
		Expect(refusal).To(HaveField("Reason", wire.RefusedUnauthorized))
	},
		Entry("another path", "POST", wire.PathEcho),
		Entry("another method", "PUT", wire.PathProbes),
	)

	It("accepts nobody without a key", func() {
		_, refusal := wire.Authenticate("POST", wire.PathProbes, signed(envelope(), newSecret), nil, "worker-1", now)
		Expect(refusal).To(HaveField("Reason", wire.RefusedUnauthorized))
		_, refusal = wire.Authenticate("POST", wire.PathProbes, signed(envelope(), newSecret), wire.Keys{{}}, "worker-1", now)
		Expect(refusal).To(HaveField("Reason", wire.RefusedUnauthorized))
	})
})

var _ = Describe("a signed response", func() {
	h := http.Header{}

	BeforeEach(func() { envelope().SignResponse(keys(newSecret)[0], 200, []byte("answer"), h) })

	It("is good for its request", func() {
		Expect(envelope().VerifyResponse(keys(newSecret)[0], 200, []byte("answer"), h)).To(BeTrue())
	})

	DescribeTable("is good for nothing else",
		func(change func(*wire.Envelope), secret string, status int, body string) {
			e := envelope()
			change(&e)
			Expect(e.VerifyResponse(keys(secret)[0], status, []byte(body), h)).To(BeFalse())
		},
		Entry("another request", func(e *wire.Envelope) { e.Nonce = "QBCDEFGHIJKLMNOP" }, newSecret, 200, "answer"),
		Entry("another node", func(e *wire.Envelope) { e.Node = "worker-2" }, newSecret, 200, "answer"),
		Entry("another question", func(e *wire.Envelope) { e.Digest = wire.Digest(nil) }, newSecret, 200, "answer"),
		Entry("another key", func(*wire.Envelope) {}, oldSecret, 200, "answer"),
		Entry("another status", func(*wire.Envelope) {}, newSecret, 503, "answer"),
		Entry("another body", func(*wire.Envelope) {}, newSecret, 200, "answers"),
	)

	It("is no request", func() {
		_, refusal := wire.Authenticate("POST", wire.PathProbes, h, keys(newSecret), "worker-1", now)
		Expect(refusal).To(HaveField("Reason", wire.RefusedUnauthorized))
	})
})

var _ = Describe("a key", func() {
	DescribeTable("has a usable number of bytes", func(length int, good bool) {
		_, err := wire.ParseKey(make([]byte, length))
		Expect(err == nil).To(Equal(good))
	},
		Entry("none", 0, false), Entry("too few", 31, false), Entry("just enough", 32, true),
		Entry("many", 1024, true), Entry("too many", 1025, false),
	)

	It("has at most one other beside it", func() {
		key := []byte(newSecret)
		_, err := wire.ParseKeys(key, key, key)
		Expect(err).To(MatchError("there are 3 keys: at most 2 can be in use"))
		_, err = wire.ParseKeys()
		Expect(err).To(MatchError("there is no key"))
		_, err = wire.ParseKeys(key, nil)
		Expect(err).To(HaveOccurred())
	})

	It("is never shown", func() {
		all := keys(newSecret, oldSecret)
		by := wire.Authenticated{Key: all[0]}
		var log strings.Builder
		slog.New(slog.NewJSONHandler(&log, nil)).Info("", "key", all[0], "keys", all, "by", by)
		slog.New(slog.NewTextHandler(&log, nil)).Info("", "key", all[0], "keys", all, "by", by)
		asJSON, err := json.Marshal(map[string]any{"keys": all, "by": by})
		Expect(err).NotTo(HaveOccurred())
		_, short := wire.ParseKey([]byte("too-short-nnnn"))
		shown := log.String() + string(asJSON) + short.Error() +
			fmt.Sprintf("%v %+v %#v %s %d %x %q", all, by, all, all[0], all, all, all)
		Expect(shown).To(ContainSubstring("[redacted]"))
		Expect(shown).NotTo(ContainSubstring("nnnn"))
		Expect(shown).NotTo(ContainSubstring("6e6e"))
		Expect(shown).NotTo(ContainSubstring("110 110"))
	})
})
