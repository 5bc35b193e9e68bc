package tailnet_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/tazzo/rebirth/internal/bootstrap/secret"
	"github.com/tazzo/rebirth/internal/bootstrap/tailnet"
	"github.com/tazzo/rebirth/test/headscale"
)

// working are the ids of the keys that nodes can join with, as Headscale tells them.
func working(ctx context.Context) []string {
	GinkgoHelper()
	keys, err := server.Keys(ctx)
	Expect(err).NotTo(HaveOccurred())
	var ids []string
	for _, key := range keys {
		if key.Works() {
			ids = append(ids, strconv.FormatUint(key.ID, 10))
		}
	}
	return ids
}

var _ = Describe("The check", func() {
	It("proves that keys can be made and revoked, and leaves none", func(ctx SpecContext) {
		before, err := server.Keys(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(control.Check(ctx, tags)).To(Succeed())
		Expect(server.Keys(ctx)).To(HaveLen(len(before)))
	}, SpecTimeout(time.Minute))

	DescribeTable("names what is wrong",
		func(ctx SpecContext, change func(*tailnet.HeadscaleOptions), tag string, kind error, words ...string) {
			err := client(change).Check(ctx, []string{tag})
			Expect(err).To(MatchError(kind))
			for _, word := range words {
				Expect(err).To(MatchError(ContainSubstring(word)))
			}
			Expect(err.Error()).NotTo(Or(ContainSubstring(server.APIKey), ContainSubstring("hskey-")))
		},
		Entry("the API key", func(o *tailnet.HeadscaleOptions) { o.APIKey = secret.New([]byte("hskey-api-000000000000-wrong")) },
			"tag:lab", tailnet.ErrDenied, "401", "is the API key right"),
		Entry("the user", func(o *tailnet.HeadscaleOptions) { o.User = "nobody" },
			"tag:lab", tailnet.ErrNotFound, "headscale users create nobody"),
		Entry("a tag", func(*tailnet.HeadscaleOptions) {},
			"lab", tailnet.ErrRefused, "make an auth key with the tags [lab]", "tag must start with"),
		Entry("the path", func(o *tailnet.HeadscaleOptions) { o.Endpoint += "/headscale" },
			"tag:lab", tailnet.ErrNotFound, "list devices"),
		Entry("the clock", func(o *tailnet.HeadscaleOptions) { o.Clock = clockAt(-8 * time.Minute) },
			"tag:lab", tailnet.ErrRefused, "its clock is 8m", "NTP"),
		Entry("a Headscale that only says that it revokes", func(o *tailnet.HeadscaleOptions) { o.Endpoint = revokesNothing() },
			"tag:lab", tailnet.ErrRefused, "the key still works", "version 0.29 or newer"),
	)
})

func clockAt(offset time.Duration) clock.PassiveClock {
	return clocktesting.NewFakePassiveClock(time.Now().Add(offset))
}

// revokesNothing is the server behind a proxy that keeps revocations to itself, as a
// Headscale does that knows another form of them.
func revokesNothing() string {
	GinkgoHelper()
	backend, err := url.Parse(server.Endpoint)
	Expect(err).NotTo(HaveOccurred())
	pass := httputil.NewSingleHostReverseProxy(backend)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/preauthkey/expire" {
			_, _ = w.Write([]byte("{}"))
			return
		}
		pass.ServeHTTP(w, r)
	}))
	DeferCleanup(proxy.Close)
	return proxy.URL
}

var _ = Describe("Keys", func() {
	It("that a dead run left behind are found, and nobody else's", func(ctx SpecContext) {
		for _, id := range working(ctx) {
			Expect(control.RevokeKey(ctx, id)).To(Succeed()) // what other specs have left
		}
		own := mint(ctx)
		revoked := mint(ctx)
		Expect(control.RevokeKey(ctx, revoked.ID)).To(Succeed())
		_, err := server.CLI(ctx, "users", "create", "other")
		Expect(err).NotTo(HaveOccurred())
		for _, other := range [][]string{
			{"--ephemeral", "--tags", "tag:lab,tag:talos"},                                                                      // single-use
			{"--reusable", "--tags", "tag:lab,tag:talos"},                                                                       // not ephemeral
			{"--reusable", "--ephemeral", "--tags", "tag:lab"},                                                                  // other tags
			{"--reusable", "--ephemeral", "--tags", "tag:lab,tag:talos", "--expiration", "24h"},                                 // long-lived
			{"--reusable", "--ephemeral", "--tags", "tag:lab,tag:talos", "--expiration", "10m"},                                 // nobody's
			{"--reusable", "--ephemeral", "--tags", "tag:lab,tag:talos", "--expiration", "10m", "--user", userID(ctx, "other")}, // another's
		} {
			_, err := server.CLI(ctx, append([]string{"preauthkeys", "create"}, other...)...)
			Expect(err).NotTo(HaveOccurred())
		}
		Expect(control.LeftoverKeys(ctx, "lab", []string{"tag:talos", "tag:lab"})).To(ConsistOf(own.ID))
		later := client(func(o *tailnet.HeadscaleOptions) { o.Clock = clockAt(16 * time.Minute) })
		Expect(later.LeftoverKeys(ctx, "lab", tags)).To(BeEmpty(), "they have expired")
	}, SpecTimeout(time.Minute))

	It("are revoked as often as one likes, unknown ones too", func(ctx SpecContext) {
		key := mint(ctx)
		Expect(working(ctx)).To(ContainElement(key.ID))
		for range 2 {
			Expect(control.RevokeKey(ctx, key.ID)).To(Succeed())
		}
		Expect(working(ctx)).NotTo(ContainElement(key.ID))
		Expect(control.RevokeKey(ctx, "4711")).To(Succeed())
	}, SpecTimeout(time.Minute))
})

func userID(ctx context.Context, name string) string {
	GinkgoHelper()
	var users []struct {
		ID   uint64
		Name string
	}
	Expect(server.List(ctx, &users, "users", "list", "--name", name)).To(Succeed())
	Expect(users).To(HaveLen(1))
	return strconv.FormatUint(users[0].ID, 10)
}

var _ = Describe("Devices", func() {
	It("are told as Headscale's own command line tells them, and removed for good", func(ctx SpecContext) {
		key := mint(ctx)
		node := start(ctx, GinkgoT().TempDir(), document("told", withKey(string(key.Secret.Bytes()))))
		device := awaitVerdict(ctx, node, key).Device

		var told headscale.Device
		all, err := server.Devices(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(all).To(ContainElement(HaveField("Hostname", "told"), &told))
		Expect(device.ID).To(Equal(strconv.FormatUint(told.ID, 10)))
		Expect(device.Hostname).To(Equal(told.Hostname))
		Expect(device.Tags).To(Equal(told.Tags))
		Expect(device.Ephemeral).To(Equal(told.Key.Ephemeral))
		Expect(device.Connected).To(Equal(told.Online))
		for i, address := range told.Addresses {
			Expect(device.Addresses[i]).To(Equal(netip.MustParseAddr(address)))
		}
		Expect(device.Created).To(BeTemporally(">", key.Created))

		for range 2 {
			Expect(control.DeleteDevice(ctx, device.ID)).To(Succeed())
		}
		Expect(devices(ctx)).NotTo(ContainElement(HaveField("Hostname", "told")))
		Expect(control.DeleteDevice(ctx, "../user/1")).To(MatchError(tailnet.ErrRefused))
	}, SpecTimeout(5*time.Minute))
})
