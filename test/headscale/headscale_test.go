package headscale_test

import (
	"net/http"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/test/headscale"
)

func TestHeadscale(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Headscale")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	Expect(headscale.Prepare(ctx, GinkgoWriter)).To(Succeed())
}, NodeTimeout(30*time.Minute)) // the first build takes minutes

var _ = Describe("A Headscale", func() {
	It("has a user, an API key that works, and nothing else; afterwards it refuses", func(ctx SpecContext) {
		server, err := headscale.Start(ctx, GinkgoT().TempDir(), "tag:lab")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(server.Stop()).To(Succeed()) })
		Expect(server.Devices(ctx)).To(BeEmpty())
		Expect(server.Keys(ctx)).To(BeEmpty())

		ask := func(key string) (*http.Response, error) {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.Endpoint+"/api/v1/user?name="+server.User, nil)
			Expect(err).NotTo(HaveOccurred())
			request.Header.Set("Authorization", "Bearer "+key)
			return http.DefaultClient.Do(request)
		}
		answer, err := ask(server.APIKey)
		Expect(err).NotTo(HaveOccurred())
		Expect(answer).To(And(HaveHTTPStatus(http.StatusOK), HaveHTTPBody(ContainSubstring(`"name":"lab"`))))
		Expect(ask("hskey-api-wrong")).To(HaveHTTPStatus(http.StatusUnauthorized))

		Expect(server.Stop()).To(Succeed())
		_, err = ask(server.APIKey)
		Expect(err).To(MatchError(syscall.ECONNREFUSED))
		Expect(server.Stop()).To(Succeed(), "what has ended")
	}, SpecTimeout(time.Minute))

	It("that doesn't start is quoted", func(ctx SpecContext) {
		_, err := headscale.Start(ctx, GinkgoT().TempDir(), "lab")
		Expect(err).To(MatchError(And(ContainSubstring("headscale ended"), ContainSubstring(`tag:`))))
	}, SpecTimeout(time.Minute))
})
