package proxmox

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/bootstrap/secret"
	fake "github.com/tazzo/rebirth/test/proxmox"
)

// ask makes the simplest of all calls.
func ask(ctx context.Context, c *Client) error {
	return c.call(ctx, http.MethodGet, path("version"), nil, nil)
}

var _ = Describe("A client", func() {
	It("names all that is wrong with its options at once", func() {
		_, err := New(Options{
			Endpoint: "http://pve.lan:8006", CA: "-----BEGIN NOTHING-----", Fingerprint: "AB", Token: secret.New([]byte("root@pam=" + tokenSecret)),
		})
		Expect(err).To(MatchError(And(
			ContainSubstring(`proxmox.endpoint "http://pve.lan:8006" is not of the form https://HOST:8006`),
			ContainSubstring("proxmox.ca holds no PEM certificate"),
			ContainSubstring("proxmox.fingerprint is not the SHA-256 of a certificate"),
			ContainSubstring("proxmox.token is not of the form USER@REALM!ID=SECRET"),
			Not(ContainSubstring(tokenSecret)),
		)))
	})

	DescribeTable("takes no endpoint such as", func(endpoint string) {
		_, err := baseURL(endpoint)
		Expect(err).To(MatchError(ContainSubstring("is not of the form")))
	},
		Entry("a host alone", "pve.lan"), Entry("nothing", ""), Entry("one with a user", "https://root@pve.lan:8006"),
		Entry("one with a path", "https://pve.lan:8006/api2/json"), Entry("one with a query", "https://pve.lan:8006?x=y"),
	)

	DescribeTable("takes no token such as", func(token string) {
		_, err := tokenName(secret.New([]byte(token)))
		Expect(err).To(MatchError(ContainSubstring("is not of the form USER@REALM!ID=SECRET")))
	},
		Entry("nothing", ""), Entry("one without a realm", "root!x=y"), Entry("one without a name", "root@pam=y"),
		Entry("one without a secret", "root@pam!x="), Entry("one with a line break", "root@pam!x=y\n"), Entry("a header", "PVEAPIToken=root@pam!x=y"),
	)

	DescribeTable("takes no fingerprint such as", func(fingerprint string) {
		_, err := trust("", fingerprint)
		Expect(err).To(MatchError(ContainSubstring("proxmox.fingerprint is not the SHA-256 of a certificate")))
	},
		Entry("a SHA-1", strings.Repeat("AB:", 19)+"AB"), Entry("no hex", strings.Repeat("x", 64)),
	)

	Context("with Proxmox", func() {
		var server *fake.Server

		BeforeEach(func() { server = world(nil) })

		It("trusts the authority that it is given", func(ctx context.Context) {
			Expect(ask(ctx, newClient(Options{Endpoint: server.Endpoint(), CA: server.CA()}))).To(Succeed())
		})

		It("trusts the one certificate that it is given, however its fingerprint is written", func(ctx context.Context) {
			for _, fingerprint := range []string{server.Fingerprint(), strings.ToLower(strings.ReplaceAll(server.Fingerprint(), ":", ""))} {
				Expect(ask(ctx, newClient(Options{Endpoint: server.Endpoint(), Fingerprint: fingerprint}))).To(Succeed())
			}
		})

		It("trusts nobody's certificate without either", func(ctx context.Context) {
			Expect(ask(ctx, newClient(Options{Endpoint: server.Endpoint()}))).To(fails(Untrusted, "give its authority as proxmox.ca, or its SHA-256 as proxmox.fingerprint"))
		})

		It("trusts no certificate of another authority, and none with another fingerprint", func(ctx context.Context) {
			other := world(nil)
			Expect(ask(ctx, newClient(Options{Endpoint: server.Endpoint(), CA: other.CA()}))).To(MatchError(Untrusted))
			for _, ca := range []string{"", server.CA()} {
				Expect(ask(ctx, newClient(Options{Endpoint: server.Endpoint(), CA: ca, Fingerprint: other.Fingerprint()}))).To(fails(Untrusted, "fingerprint is "+server.Fingerprint()+", and proxmox.fingerprint is "+other.Fingerprint()))
			}
		})

		It("names the token that is not accepted, and not its secret", func(ctx context.Context) {
			client := newClient(Options{Endpoint: server.Endpoint(), CA: server.CA(), Token: secret.New([]byte(tokenID + "=" + strings.ToUpper(tokenSecret)))})
			Expect(ask(ctx, client)).To(And(MatchError(Unauthorized), MatchError(ContainSubstring("does not accept the token "+tokenID)), MatchError(Not(ContainSubstring(strings.ToUpper(tokenSecret))))))
		})

		It("tells 404, 403 and a time-out apart (B22)", func(ctx context.Context) {
			client := clientOf(server)
			client.timeout = 100 * time.Millisecond
			server.Fail(fake.Fault{Path: "/version", Status: 404, Message: "Not Found"})
			server.Fail(fake.Fault{Path: "/version", Status: 403, Message: "Permission check failed (/, Sys.Audit)"})
			server.Fail(fake.Fault{Path: "/version", Hang: true})
			Expect(ask(ctx, client)).To(MatchError(NotFound))
			Expect(ask(ctx, client)).To(fails(Denied, "lacks Sys.Audit on /"))
			Expect(ask(ctx, client)).To(And(MatchError(TimedOut), MatchError("GET /version: no answer of "+server.Endpoint()+" within 100ms")))
			Expect(ask(ctx, client)).To(Succeed())
		})

		It("says so when nobody answers", func(ctx context.Context) {
			client := clientOf(server)
			server.Fail(fake.Fault{Path: "/version", Drop: true, Times: -1})
			Expect(ask(ctx, client)).To(MatchError(Unreachable))
			Expect(server.Stop()).To(Succeed())
			Expect(ask(ctx, client)).To(fails(Unreachable, "connection refused"))
		})

		It("comes back at once when it is interrupted", func(ctx context.Context) {
			ctx, cancel := context.WithCancelCause(ctx)
			server.Fail(fake.Fault{Path: "/version", Hang: true})
			failed := make(chan error)
			go func() { failed <- ask(ctx, clientOf(server)) }()
			Eventually(server.Requests).Should(HaveLen(1))
			why := errors.New("Ctrl-C")
			cancel(why)
			Eventually(failed).WithTimeout(time.Second).Should(Receive(And(
				MatchError(why), MatchError("GET /version: interrupted (Ctrl-C)"))))
		})
	})

	It("says so when something else answers", func(ctx context.Context) {
		Expect(ask(ctx, answering(func(w http.ResponseWriter) { fmt.Fprint(w, "<html>Welcome to\x1b nginx") }))).To(MatchError(
			"GET /version: the answer is not Proxmox's: is proxmox.endpoint right? It says: <html>Welcome to  nginx"))
	})

	It("reads no answer without an end", func(ctx context.Context) {
		Expect(ask(ctx, answering(func(w http.ResponseWriter) { _, _ = w.Write(bytes.Repeat([]byte(" "), maxAnswer+2)) }))).To(MatchError(
			"GET /version: the answer is longer than 16 MiB"))
	})

	It("carries its token nowhere else", func(ctx context.Context) {
		Expect(ask(ctx, answering(func(w http.ResponseWriter) {
			w.Header().Set("Location", "https://192.0.2.1/")
			w.WriteHeader(http.StatusFound)
		}))).To(MatchError("GET /version: status 302: Found"))
	})

	It("prints without its token", func() {
		client := newClient(Options{Endpoint: "https://pve.lan:8006"})
		Expect(fmt.Sprintf("%+v %#v", client, client)).NotTo(ContainSubstring(tokenSecret))
	})
})

// answering is a client of something that speaks HTTPS.
func answering(answer func(http.ResponseWriter)) *Client {
	GinkgoHelper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w) }))
	server.Config.ErrorLog = log.New(GinkgoWriter, "", 0)
	server.StartTLS()
	DeferCleanup(server.Close)
	sum := sha256.Sum256(server.Certificate().Raw)
	return newClient(Options{Endpoint: server.URL, Fingerprint: hex.EncodeToString(sum[:])})
}
