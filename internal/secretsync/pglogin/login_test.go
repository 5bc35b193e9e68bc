package pglogin

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	"k8s.io/client-go/util/cert"

	"github.com/tazzo/rebirth/internal/secretsync/login"
	"github.com/tazzo/rebirth/internal/secretsync/redact"
	"github.com/tazzo/rebirth/test/postgres"
)

func is(outcome login.Outcome, message string) types.GomegaMatcher {
	return And(HaveField("Outcome", outcome), HaveField("Message", ContainSubstring(message)))
}

// grafana is the target of the right password, verified by the right CA.
func grafana() login.Target {
	return login.Target{
		Host: server.Host(), Port: strconv.Itoa(server.Port()),
		User: "grafana", Database: "grafana", Password: canary, CA: server.CA(),
	}
}

// try is Try, and looks for the password in whatever comes out of it.
func try(ctx context.Context, target login.Target) login.Result {
	GinkgoHelper()
	result := Try(ctx, target)
	for _, verb := range []string{"%v", "%+v", "%#v", "%q"} {
		Expect(fmt.Sprintf(verb, result)).NotTo(ContainSubstring(target.Password.Reveal()))
		Expect(fmt.Sprintf(verb, target)).NotTo(ContainSubstring(target.Password.Reveal()))
	}
	if config, err := configure(target); err == nil {
		if err := logInAndOut(ctx, config); err != nil {
			Expect(err.Error()).NotTo(ContainSubstring(target.Password.Reveal()))
		}
	}
	return result
}

func setHBA(ctx context.Context, rules ...string) {
	GinkgoHelper()
	Expect(server.SetHBA(ctx, rules...)).To(Succeed())
	DeferCleanup(func(ctx context.Context) error { return server.SetHBA(ctx, everybody) })
}

func exec(ctx context.Context, statements ...string) {
	GinkgoHelper()
	for _, statement := range statements {
		Expect(server.Exec(ctx, statement)).To(Succeed())
	}
}

var _ = Describe("Try", func() {
	Describe("the right password", func() {
		It("logs in, the server's certificate being verified", func(ctx context.Context) {
			Expect(try(ctx, grafana())).To(is(login.Succeeded, `login of user "grafana" at localhost:`))
		})

		It("logs in over TLS without a CA", func(ctx context.Context) {
			setHBA(ctx, "hostssl all all 127.0.0.1/32 scram-sha-256")
			target := grafana()
			target.CA = []byte{}
			Expect(try(ctx, target)).To(is(login.Succeeded, ""))
		})

		It("logs in by md5", func(ctx context.Context) {
			sum := md5.Sum([]byte(canary + "old"))
			Expect(server.SetRoleVerifier(ctx, "old", "md5"+hex.EncodeToString(sum[:]))).To(Succeed())
			setHBA(ctx, "hostssl all all 127.0.0.1/32 md5")
			target := grafana()
			target.User = "old"
			Expect(try(ctx, target)).To(is(login.Succeeded, ""))
		})

		It("logs in whatever the process's environment says", func(ctx context.Context) {
			hostileEnvironment()
			Expect(try(ctx, grafana())).To(is(login.Succeeded, ""))
		})
	})

	Describe("a wrong password", func() {
		wrong := func() login.Target {
			target := grafana()
			target.Password = redact.Text("wr0ng-" + canary)
			return target
		}

		It("is refused", func(ctx context.Context) {
			Expect(try(ctx, wrong())).To(is(login.PasswordRefused, "28P01"))
		})

		It("is refused like the password of a role that doesn't exist", func(ctx context.Context) {
			target := grafana()
			target.User = "nobody-of-that-name"
			Expect(try(ctx, target)).To(is(login.PasswordRefused, "28P01"))
		})

		It("is refused before the server looks for the database", func(ctx context.Context) {
			target := wrong()
			target.Database = "missing"
			Expect(try(ctx, target)).To(is(login.PasswordRefused, "28P01"))
		})

		It("is refused before the server looks whether the role may log in", func(ctx context.Context) {
			exec(ctx, "ALTER ROLE grafana NOLOGIN")
			DeferCleanup(func(ctx context.Context) { exec(ctx, "ALTER ROLE grafana LOGIN") })
			Expect(try(ctx, wrong())).To(is(login.PasswordRefused, "28P01"))
		})
	})

	Describe("a password that is right but of no use here", func() {
		It("is proven although the database doesn't exist", func(ctx context.Context) {
			target := grafana()
			target.Database = "missing"
			Expect(try(ctx, target)).To(is(login.Succeeded, "3D000"))
		})

		It("is proven although the user may not connect to the database", func(ctx context.Context) {
			Expect(server.SetRole(ctx, "stranger", canary, "")).To(Succeed())
			exec(ctx, "REVOKE CONNECT ON DATABASE grafana FROM PUBLIC")
			DeferCleanup(func(ctx context.Context) { exec(ctx, "GRANT CONNECT ON DATABASE grafana TO PUBLIC") })
			target := grafana()
			target.User = "stranger"
			Expect(try(ctx, target)).To(is(login.Succeeded, "42501"))
		})

		It("is not called wrong if the role may not log in", func(ctx context.Context) {
			exec(ctx, "ALTER ROLE grafana NOLOGIN")
			DeferCleanup(func(ctx context.Context) { exec(ctx, "ALTER ROLE grafana LOGIN") })
			Expect(try(ctx, grafana())).To(is(login.Refused, "the role may not log in"))
		})

		It("is not called wrong if the role has all the connections that it may have", func(ctx context.Context) {
			exec(ctx, "ALTER ROLE grafana CONNECTION LIMIT 0")
			DeferCleanup(func(ctx context.Context) { exec(ctx, "ALTER ROLE grafana CONNECTION LIMIT -1") })
			Expect(try(ctx, grafana())).To(is(login.Unreachable, "53300"))
		})
	})

	Describe("pg_hba.conf", func() {
		It("rejects", func(ctx context.Context) {
			setHBA(ctx, "host all all 127.0.0.1/32 reject")
			Expect(try(ctx, grafana())).To(is(login.Refused, "pg_hba.conf rejects connection"))
		})

		It("has no rule", func(ctx context.Context) {
			setHBA(ctx)
			Expect(try(ctx, grafana())).To(is(login.Refused, "no pg_hba.conf entry"))
		})

		It("wants a client certificate", func(ctx context.Context) {
			trustClients(ctx)
			setHBA(ctx, "hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-ca")
			Expect(try(ctx, grafana())).To(is(login.Refused, "valid client certificate"))
		})

		It("trusts everybody, which proves nothing", func(ctx context.Context) {
			setHBA(ctx, "host all all 127.0.0.1/32 trust")
			Expect(try(ctx, grafana())).To(is(login.Refused, "did not complete authentication"))
		})

		It("asks for the password in clear text, which is never sent", func(ctx context.Context) {
			setHBA(ctx, "host all all 127.0.0.1/32 password")
			Expect(try(ctx, grafana())).To(is(login.Refused, "server requested password authentication"))

			proxy, port := startPlainProxy()
			target := grafana()
			target.Host, target.Port, target.CA = "127.0.0.1", port, nil
			Expect(Try(ctx, target)).To(is(login.Refused, "server requested password authentication"))
			Expect(proxy.sent()).To(And(ContainSubstring("grafana"), Not(ContainSubstring(canary))))
		})
	})

	Describe("a server without TLS", func() {
		It("is logged in to without a CA; the password stays hidden and the session ends in order", func(ctx context.Context) {
			proxy, port := startPlainProxy()
			target := grafana()
			target.Host, target.Port, target.CA = "127.0.0.1", port, nil
			Expect(Try(ctx, target)).To(is(login.Succeeded, ""))
			Expect(proxy.sent()).To(And(
				ContainSubstring("application_name\x00secret-sync\x00"),
				Not(ContainSubstring(canary)),
				HaveSuffix("X\x00\x00\x00\x04"), // Terminate
			))
		})

		It("is not talked to when a CA says that it must be verified", func(ctx context.Context) {
			proxy, port := startPlainProxy()
			target := grafana()
			target.Host, target.Port = "127.0.0.1", port
			Expect(Try(ctx, target)).To(is(login.TLSFailed, "offers no TLS"))
			Expect(proxy.sent()).To(BeEmpty())
		})
	})

	Describe("a certificate", func() {
		It("of another authority fails", func(ctx context.Context) {
			other, _, err := cert.GenerateSelfSignedCertKey("localhost", nil, nil)
			Expect(err).NotTo(HaveOccurred())
			target := grafana()
			target.CA = other
			Expect(try(ctx, target)).To(is(login.TLSFailed, "unknown authority"))
		})

		It("of another name fails", func(ctx context.Context) {
			elsewhere, err := postgres.Start(ctx, postgres.Options{Names: []string{"elsewhere"}})
			Expect(err).NotTo(HaveOccurred())
			DeferCleanup(elsewhere.Stop)
			target := grafana()
			target.Port, target.CA = strconv.Itoa(elsewhere.Port()), elsewhere.CA()
			Expect(try(ctx, target)).To(is(login.TLSFailed, "not localhost"))
		})

		It("can't be verified by a CA that is none", func(ctx context.Context) {
			target := grafana()
			target.CA = []byte("ca")
			Expect(try(ctx, target)).To(is(login.TLSFailed, "no PEM certificate"))
		})
	})

	Describe("nobody to log in to", func() {
		It("is a stopped server, and it says the same each time until it is back", func(ctx context.Context) {
			Expect(server.StopServer()).To(Succeed())
			first, second := Try(ctx, grafana()), Try(ctx, grafana())
			Expect(server.StartServer(ctx)).To(Succeed())

			Expect(first).To(is(login.Unreachable, "connection refused"))
			Expect(second).To(Equal(first))
			Expect(try(ctx, grafana())).To(is(login.Succeeded, ""))
		})

		It("is a server that says nothing", func(ctx context.Context) {
			target := grafana()
			target.Host, target.Port = "127.0.0.1", listen(func(net.Conn) {})
			short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
			defer cancel()
			Expect(Try(short, target)).To(is(login.Unreachable, "no answer in time"))
		})

		It("is a server that falls silent after it agreed to TLS", func(ctx context.Context) {
			target := grafana()
			target.Host, target.Port = "127.0.0.1", listen(func(c net.Conn) { _, _ = c.Write([]byte("S")) })
			short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
			defer cancel()
			Expect(Try(short, target)).To(is(login.Unreachable, "no answer in time"))
		})

		It("is a server that hangs up", func(ctx context.Context) {
			target := grafana()
			target.Host, target.Port = "127.0.0.1", listen(func(c net.Conn) {
				_, _ = c.Read(make([]byte, 8))
				c.Close()
			})
			Expect(try(ctx, target)).To(is(login.Unreachable, "closed the connection"))
		})

		It("is a server of something else", func(ctx context.Context) {
			target := grafana()
			target.Host, target.Port = "127.0.0.1", listen(func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 400")) })
			Expect(try(ctx, target)).To(is(login.Unreachable, "as PostgreSQL does"))
		})

		It("is a server that speaks no TLS after it agreed to", func(ctx context.Context) {
			target := grafana()
			target.Host, target.Port = "127.0.0.1", listen(func(c net.Conn) { _, _ = c.Write([]byte("SHTTP/1.1 400")) })
			Expect(try(ctx, target)).To(is(login.TLSFailed, "handshake failed"))
		})

		It("is any server once the caller gives up", func(ctx context.Context) {
			given, up := context.WithCancel(ctx)
			up()
			Expect(Try(given, grafana())).To(is(login.Unreachable, "cancelled"))
		})
	})

	DescribeTable("tries nothing, and quotes nothing, with",
		func(ctx context.Context, change func(*login.Target), message string) {
			target := grafana()
			change(&target)
			result := try(ctx, target)
			Expect(result).To(is(login.Unreachable, "no login was tried: "+message))
			Expect(result.Message).NotTo(ContainSubstring("quoted"))
		},
		Entry("a list of hosts", func(t *login.Target) { t.Host = "quoted,localhost" }, "the host"),
		Entry("a socket's folder", func(t *login.Target) { t.Host = "/quoted" }, "the host"),
		Entry("a folder of another system", func(t *login.Target) { t.Host = `C:\quoted` }, "the host"),
		Entry("no host", func(t *login.Target) { t.Host = "" }, "the host"),
		Entry("a host that holds a setting", func(t *login.Target) { t.Host = "quoted sslmode=disable" }, "the host"),
		Entry("a host that holds a line break", func(t *login.Target) { t.Host = "quoted\nlocalhost" }, "the host"),
		Entry("a host that holds a port", func(t *login.Target) { t.Host = "quoted:1" }, "the host"),
		Entry("no port", func(t *login.Target) { t.Port = "" }, "the port"),
		Entry("port 0", func(t *login.Target) { t.Port = "0" }, "the port"),
		Entry("a port beyond the last", func(t *login.Target) { t.Port = "65536" }, "the port"),
		Entry("a port in words", func(t *login.Target) { t.Port = "quoted" }, "the port"),
		Entry("no user", func(t *login.Target) { t.User = "" }, "the user"),
		Entry("a user that ends early", func(t *login.Target) { t.User = "quoted\x00database\x00x" }, "the user"),
		Entry("a database that ends early", func(t *login.Target) { t.Database = "quoted\x00options\x00x" }, "the user"),
	)

	It("takes odd users and databases as names", func(ctx context.Context) {
		target := grafana()
		target.User, target.Database = "grafana' host=elsewhere\n", `x sslmode=disable`
		Expect(try(ctx, target)).To(is(login.PasswordRefused, `user "grafana' host=elsewhere\n" at localhost:`))
	})
})

// trustClients has the server know an authority for client certificates.
func trustClients(ctx context.Context) {
	GinkgoHelper()
	dir, err := os.MkdirTemp("", "rebirth-login-")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(os.RemoveAll, dir)
	Expect(os.Chmod(dir, 0o755)).To(Succeed())
	file := filepath.Join(dir, "ca.crt")
	Expect(os.WriteFile(file, server.CA(), 0o644)).To(Succeed())
	exec(ctx, "ALTER SYSTEM SET ssl_ca_file = '"+file+"'")
	DeferCleanup(func(ctx context.Context) error {
		exec(ctx, "ALTER SYSTEM RESET ssl_ca_file")
		return server.SetHBA(ctx, everybody) // reads the settings again
	})
	Expect(server.SetHBA(ctx, everybody)).To(Succeed())
}
