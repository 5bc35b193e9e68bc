package probe

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

var _ = Describe("the API server", func() {
	var (
		api    *httptest.Server
		status int
		probe  wire.Probe
	)

	BeforeEach(func() {
		status = http.StatusOK
		api = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			Expect(r.URL.Path).To(Equal("/version"))
			w.Header().Set("Location", "https://192.0.2.1/")
			w.WriteHeader(status)
		}))
		api.Config.ErrorLog = log.New(GinkgoWriter, "", 0)
		api.StartTLS()
		DeferCleanup(api.Close)
		ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: api.Certificate().Raw})
		probe = wire.Probe{Kind: wire.KindAPI, API: &wire.API{Address: at(api.Listener.Addr().String()), CA: string(ca)}}
	})

	DescribeTable("is there, whatever status it answers with", func(ctx context.Context, answered int) {
		status = answered
		result := run(ctx, probe)
		Expect(result).To(succeeds())
		Expect(result.Message).To(BeEmpty())
	},
		Entry("200", 200), Entry("401", 401), Entry("403", 403), Entry("500", 500),
		Entry("302, which is not followed", 302),
	)

	It("may have a certificate for a name", func(ctx context.Context) {
		probe.API.ServerName = "example.com"
		Expect(run(ctx, probe)).To(succeeds())
		probe.API.ServerName = "kubernetes.default.svc"
		Expect(run(ctx, probe)).To(fails(wire.TLS, "not kubernetes.default.svc"))
	})

	It("is not believed with a certificate of another CA", func(ctx context.Context) {
		probe.API.CA = otherCA()
		Expect(run(ctx, probe)).To(fails(wire.TLS, "the certificate can't be verified: x509: "))
	})

	It("is not verified without a CA, and the result says so", func(ctx context.Context) {
		probe.API.CA = ""
		result := run(ctx, probe)
		Expect(result).To(succeeds())
		Expect(result.Message).To(Equal("status 200; the certificate was not verified, for no CA was given"))
	})

	It("can't be verified with a CA that is none", func(ctx context.Context) {
		probe.API.CA = "-----BEGIN NOTHING-----"
		Expect(run(ctx, probe)).To(fails(wire.BadProbe, "api.ca holds no PEM certificate"))
	})

	It("does not listen", func(ctx context.Context) {
		probe.API.Address = closed()
		Expect(run(ctx, probe)).To(fails(wire.ConnectionRefused, "connection refused"))
	})

	It("does not answer", func(ctx context.Context) {
		probe.API.Address, probe.Timeout = silent(), 100*time.Millisecond
		Expect(run(ctx, probe)).To(fails(wire.Timeout, "no answer in time"))
	})

	It("is something else that speaks no TLS", func(ctx context.Context) {
		probe.API.Address = speaks("HTTP/1.0 400 Bad Request\r\n\r\n")
		Expect(run(ctx, probe)).To(fails(wire.TLS, "does not speak TLS"))
	})

	It("hangs up", func(ctx context.Context) {
		probe.API.Address = speaks("")
		Expect(run(ctx, probe)).To(fails(wire.ConnectionClosed, ""))
	})

	It("is something else that speaks no HTTP", func(ctx context.Context) {
		listener, err := tls.Listen("tcp", "127.0.0.1:0", api.TLS)
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
		probe.API.Address = at(listener.Addr().String())
		Expect(run(ctx, probe)).To(fails(wire.BadResponse, ""))
	})
})
