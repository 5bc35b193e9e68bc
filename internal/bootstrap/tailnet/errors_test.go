package tailnet_test

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/bootstrap/secret"
	"github.com/tazzo/rebirth/internal/bootstrap/tailnet"
	"github.com/tazzo/rebirth/test/tailscaleapi"
)

const headscaleKey = "hskey-api-abcdefghijkl-secretofheadscale"

func headscale(endpoint string) *tailnet.Headscale {
	GinkgoHelper()
	control, err := tailnet.NewHeadscale(tailnet.HeadscaleOptions{Endpoint: endpoint, APIKey: secret.New([]byte(headscaleKey)), User: "lab"})
	Expect(err).NotTo(HaveOccurred())
	return control
}

// anyServer answers everything in the same way.
func anyServer(handler http.HandlerFunc) string {
	server := httptest.NewServer(handler)
	DeferCleanup(server.Close)
	return server.URL
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// kinds are all that a caller tells apart: an error is of just one.
var kinds = []error{tailnet.ErrDenied, tailnet.ErrRefused, tailnet.ErrNotFound, tailnet.ErrTimedOut, tailnet.ErrUnavailable, context.Canceled}

func expectKind(err, kind error) {
	GinkgoHelper()
	Expect(errors.As(err, new(*tailnet.Error))).To(BeTrue(), "%v", err)
	for _, other := range kinds {
		Expect(errors.Is(err, other)).To(Equal(errors.Is(kind, other)), "%v is %v", err, other)
	}
}

var _ = Describe("A failed call", func() {
	DescribeTable("is of the kind of its status",
		func(ctx SpecContext, status int, kind error) {
			_, err := headscale(anyServer(answer(status, `{"message":"because"}`))).Devices(ctx)
			expectKind(err, kind)
			Expect(err).To(MatchError(And(ContainSubstring("list devices"), ContainSubstring("because"), ContainSubstring(fmt.Sprint(status)))))
			_, err = byOAuth(service(answers(status, `{"message":"because"}`))).Devices(ctx)
			expectKind(err, kind)
			Expect(err).To(MatchError(And(ContainSubstring("list devices"), ContainSubstring("because"), ContainSubstring(fmt.Sprint(status)))))
		},
		Entry(nil, http.StatusBadRequest, tailnet.ErrRefused),
		Entry(nil, http.StatusUnauthorized, tailnet.ErrDenied),
		Entry(nil, http.StatusForbidden, tailnet.ErrDenied),
		Entry(nil, http.StatusNotFound, tailnet.ErrNotFound),
		Entry(nil, http.StatusTooManyRequests, tailnet.ErrUnavailable),
		Entry(nil, http.StatusInternalServerError, tailnet.ErrUnavailable),
		Entry(nil, http.StatusBadGateway, tailnet.ErrUnavailable),
		Entry(nil, http.StatusGatewayTimeout, tailnet.ErrTimedOut),
	)

	DescribeTable("is explained, whatever the body",
		func(ctx SpecContext, handler http.HandlerFunc, words string, not ...string) {
			_, err := headscale(anyServer(handler)).Devices(ctx)
			Expect(err).To(MatchError(ContainSubstring(words)))
			for _, word := range not {
				Expect(err.Error()).NotTo(ContainSubstring(word))
			}
		},
		Entry("text", answer(http.StatusUnauthorized, "Unauthorized"), "401 Unauthorized"),
		Entry("a page", answer(http.StatusBadGateway, "<html><title>502</title>"), "502 Bad Gateway", "<"),
		Entry("pages and pages", answer(http.StatusBadGateway, strings.Repeat("x", 1<<20)), "502 Bad Gateway", "xxx"),
		Entry("several lines", answer(http.StatusBadGateway, "no\n\tupstream"), "502 no upstream"),
		Entry("what moves a terminal's cursor", answer(http.StatusBadGateway, "no\x1b[2J upstream"), "502 no[2J upstream", "\x1b"),
		Entry("nothing", answer(http.StatusBadGateway, ""), "502 Bad Gateway"),
		Entry("a success that is none", answer(http.StatusOK, "<html>please log in</html>"), "is the endpoint right?", "<", "log in"),
		Entry("a success of another kind", answer(http.StatusOK, `{"nodes":"none"}`), "is the endpoint right?"),
	)

	It("follows no redirect, for it would take the credential along", func(ctx SpecContext) {
		thief := anyServer(func(w http.ResponseWriter, r *http.Request) {
			defer GinkgoRecover()
			Fail("called with " + fmt.Sprint(r.Header))
		})
		redirect := anyServer(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, thief+"/elsewhere?token=abc", http.StatusTemporaryRedirect)
		})
		_, err := headscale(redirect).Devices(ctx)
		expectKind(err, tailnet.ErrRefused)
		Expect(err).To(MatchError(And(ContainSubstring("a redirect to "+thief+"/elsewhere"), Not(ContainSubstring("abc")))))
	})

	It("of a server that nobody can reach is worth another try", func(ctx SpecContext) {
		listener, err := net.Listen("tcp4", "127.0.0.1:0")
		Expect(err).NotTo(HaveOccurred())
		Expect(listener.Close()).To(Succeed())
		_, err = headscale("http://" + listener.Addr().String()).Devices(ctx)
		expectKind(err, tailnet.ErrUnavailable)
		Expect(err).To(MatchError(And(ContainSubstring("connection refused"), ContainSubstring("Headscale at http://127.0.0.1:"))))
	})

	It("of a certificate that isn't trusted says so", func(ctx SpecContext) {
		server := httptest.NewTLSServer(answer(http.StatusOK, "{}"))
		DeferCleanup(server.Close)
		_, err := headscale(server.URL).Devices(ctx)
		expectKind(err, tailnet.ErrUnavailable)
		Expect(err).To(MatchError(ContainSubstring("an authority that is not trusted here")))
	})

	It("does not happen where the certificate is signed by the CA that is given", func(ctx SpecContext) {
		server := httptest.NewTLSServer(answer(http.StatusOK, `{"nodes":[]}`))
		DeferCleanup(server.Close)
		ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
		control, err := tailnet.NewHeadscale(tailnet.HeadscaleOptions{
			Endpoint: server.URL, CA: string(ca), APIKey: secret.New([]byte(headscaleKey)), User: "lab"})
		Expect(err).NotTo(HaveOccurred())
		Expect(control.Devices(ctx)).To(BeEmpty())
	})

	It("is an answer without a key", func(ctx SpecContext) {
		_, err := byOAuth(service(answers(http.StatusOK, `{}`))).MintKey(ctx, tailnet.KeyRequest{Cluster: "lab", Tags: tags})
		expectKind(err, tailnet.ErrUnavailable)
		_, err = headscale(anyServer(answer(http.StatusOK, `{"users":[{"id":"1","name":"lab"}],"preAuthKey":{"id":"1"}}`))).
			MintKey(ctx, tailnet.KeyRequest{Cluster: "lab", Tags: tags})
		expectKind(err, tailnet.ErrUnavailable)
	})

	It("ends with its context's deadline, while the token is awaited too", func(ctx SpecContext) {
		hang := func(_ http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm() // only then is it seen that the caller is gone
			<-r.Context().Done()
		}
		short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		_, err := headscale(anyServer(hang)).Devices(short)
		expectKind(err, tailnet.ErrTimedOut)

		short, cancel = context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		server := service(func(s *tailscaleapi.Server) {
			s.Fault = func(w http.ResponseWriter, r *http.Request) bool { hang(w, r); return true }
		})
		_, err = byOAuth(server).Devices(short)
		expectKind(err, tailnet.ErrTimedOut)
		Expect(err).To(MatchError(ContainSubstring("log in as OAuth client kExampleCNTRL")))
	}, SpecTimeout(10*time.Second))

	It("that was cancelled is told apart from one that took too long", func(ctx SpecContext) {
		called := make(chan struct{})
		endpoint := anyServer(func(_ http.ResponseWriter, r *http.Request) {
			close(called)
			<-r.Context().Done()
		})
		cancelled, cancel := context.WithCancel(ctx)
		go func() { <-called; cancel() }()
		_, err := headscale(endpoint).Devices(cancelled)
		expectKind(err, context.Canceled)
	}, SpecTimeout(10*time.Second))
})

var _ = DescribeTable("Headscale can't be reached with",
	func(options tailnet.HeadscaleOptions, words string) {
		_, err := tailnet.NewHeadscale(options)
		Expect(err).To(MatchError(ContainSubstring(words)))
	},
	Entry("no URL", tailnet.HeadscaleOptions{Endpoint: "headscale.example.com"}, `"headscale.example.com", is no URL`),
	Entry("no API key", tailnet.HeadscaleOptions{Endpoint: "https://headscale.example.com", User: "lab"}, "needs an API key and a user"),
	Entry("no user", tailnet.HeadscaleOptions{Endpoint: "https://headscale.example.com", APIKey: secret.New([]byte("x"))}, "needs an API key and a user"),
	Entry("a CA that is none", tailnet.HeadscaleOptions{Endpoint: "https://headscale.example.com", APIKey: secret.New([]byte("x")), User: "lab", CA: "ca"},
		"https://headscale.example.com: the CA holds no certificate"),
)

var _ = Describe("No secret", func() {
	// What a careless server answers: everything that it was sent.
	echo := func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `{"message":"what is %s %s?"}`, r.Header.Get("Authorization"), r.Form.Get("client_secret"))
	}

	expectClean := func(err error) {
		GinkgoHelper()
		Expect(err).To(HaveOccurred())
		for e := err; e != nil; e = errors.Unwrap(e) {
			Expect(fmt.Sprintf("%v %+v %#v", e, e, e)).NotTo(ContainSubstring("secretof"))
		}
		Expect(err).To(MatchError(ContainSubstring(secret.Redacted)))
	}

	It("of Headscale is in an error", func(ctx SpecContext) {
		_, err := headscale(anyServer(echo)).Devices(ctx)
		expectClean(err)
	})

	It("of Headscale of an older form is in an error", func(ctx SpecContext) {
		control, err := tailnet.NewHeadscale(tailnet.HeadscaleOptions{Endpoint: anyServer(echo), APIKey: secret.New([]byte("abcdefg.secretofold")), User: "lab"})
		Expect(err).NotTo(HaveOccurred())
		_, err = control.Devices(ctx)
		expectClean(err)
	})

	It("of an OAuth client is in an error", func(ctx SpecContext) {
		server := service(func(s *tailscaleapi.Server) {
			s.Fault = func(w http.ResponseWriter, r *http.Request) bool { echo(w, r); return true }
		})
		_, err := byOAuth(server).Devices(ctx)
		expectClean(err)
	})

	It("of an API token is in an error", func(ctx SpecContext) {
		server := service(func(s *tailscaleapi.Server) {
			s.Fault = func(w http.ResponseWriter, r *http.Request) bool { echo(w, r); return true }
		})
		_, err := byToken(server).Devices(ctx)
		expectClean(err)
	})
})
