package tailnet_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/utils/clock"

	"github.com/tazzo/rebirth/internal/bootstrap/tailnet"
	"github.com/tazzo/rebirth/test/tailscaleapi"
)

// stumbles is a service that answers the first calls of a method, but those for a
// token, with the status. calls counts them.
func stumbles(method string, times int32, status int) (control tailnet.Control, server *tailscaleapi.Server, calls *atomic.Int32) {
	GinkgoHelper()
	calls = new(atomic.Int32)
	server = service(func(s *tailscaleapi.Server) {
		s.Fault = func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != method || r.URL.Path == "/api/v2/oauth/token" || calls.Add(1) > times {
				return false
			}
			answer(status, `{"message":"not now"}`)(w, r)
			return true
		}
	})
	return byOAuth(server), server, calls
}

var _ = Describe("Somebody patient", func() {
	patient := func(control tailnet.Control) *tailnet.Patient {
		return tailnet.NewPatient(control, clock.RealClock{})
	}
	devices := func(ctx context.Context, c tailnet.Control) error {
		_, err := c.Devices(ctx)
		return err
	}
	leftovers := func(ctx context.Context, c tailnet.Control) error {
		_, err := c.LeftoverKeys(ctx, "home", tags)
		return err
	}
	remove := func(ctx context.Context, c tailnet.Control) error { return c.DeleteDevice(ctx, "n1") }
	revoke := func(ctx context.Context, c tailnet.Control) error { return c.RevokeKey(ctx, "k1") }

	DescribeTable("comes through although the service stumbles",
		func(ctx SpecContext, method string, status int, call func(context.Context, tailnet.Control) error) {
			control, _, _ := stumbles(method, 2, status)
			Expect(call(ctx, control)).NotTo(Succeed())
			Expect(call(ctx, patient(control))).To(Succeed())
		},
		Entry("when it lists devices", http.MethodGet, http.StatusTooManyRequests, devices, SpecTimeout(10*time.Second)),
		Entry("when it looks for keys that were left", http.MethodGet, http.StatusBadGateway, leftovers, SpecTimeout(10*time.Second)),
		Entry("when it removes a device", http.MethodDelete, http.StatusGatewayTimeout, remove, SpecTimeout(10*time.Second)),
		Entry("when it revokes a key", http.MethodDelete, http.StatusTooManyRequests, revoke, SpecTimeout(10*time.Second)),
	)

	DescribeTable("asks for a key again only if the service has answered that it made none",
		func(ctx SpecContext, status int, made bool) {
			control, server, _ := stumbles(http.MethodPost, 1, status)
			key, err := patient(control).MintKey(ctx, tailnet.KeyRequest{Cluster: "home", Tags: tags})
			if !made {
				expectKind(err, tailnet.ErrUnavailable)
				Expect(server.Keys()).To(BeEmpty())
				return
			}
			Expect(err).NotTo(HaveOccurred())
			Expect(server.Keys()).To(ConsistOf(HaveField("ID", key.ID)))
		},
		Entry("too many requests", http.StatusTooManyRequests, true, SpecTimeout(10*time.Second)),
		Entry("unavailable", http.StatusServiceUnavailable, false, SpecTimeout(10*time.Second)),
		Entry("a gateway's failure", http.StatusBadGateway, false, SpecTimeout(10*time.Second)),
		Entry("any failure", http.StatusInternalServerError, false, SpecTimeout(10*time.Second)),
	)

	It("takes a refusal for what it is", func(ctx SpecContext) {
		control, _, _ := stumbles(http.MethodGet, 1, http.StatusForbidden)
		_, err := patient(control).Devices(ctx)
		expectKind(err, tailnet.ErrDenied)
	}, SpecTimeout(10*time.Second))

	It("says at the end of its time why it waited", func(ctx SpecContext) {
		control, _, _ := stumbles(http.MethodGet, 1<<20, http.StatusBadGateway)
		short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
		_, err := patient(control).Devices(short)
		Expect(err).To(MatchError(ContainSubstring("502 not now")))
	}, SpecTimeout(10*time.Second))

	It("waits no longer than it may", func(ctx SpecContext) {
		control, _, calls := stumbles(http.MethodGet, 1<<20, http.StatusBadGateway)
		_, err := patient(control).AtMost(time.Nanosecond).Devices(ctx)
		expectKind(err, tailnet.ErrUnavailable)
		Expect(calls.Load()).To(BeEquivalentTo(1))
	}, SpecTimeout(10*time.Second))
})
