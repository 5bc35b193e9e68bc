package pglogin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/secretsync/login"
)

// answered is an error as pgconn wraps what a server answers.
func answered(code, message, routine string) error {
	return fmt.Errorf("server error: %w", &pgconn.PgError{Severity: "FATAL", Code: code, Message: message, Routine: routine})
}

var _ = Describe("Classify", func() {
	DescribeTable("tells apart",
		func(err error, outcome login.Outcome, message string) {
			Expect(Classify(err)).To(is(outcome, message))
		},
		Entry("a login", nil, login.Succeeded, "logs in"),
		Entry("a wrong password", answered("28P01", `password authentication failed for user "grafana"`, "auth_failed"), login.PasswordRefused, "28P01"),
		Entry("a rule of pg_hba.conf", answered("28000", `pg_hba.conf rejects connection`, "ClientAuthentication"), login.Refused, "lets no password login through"),
		Entry("a rule of pg_hba.conf in another language", answered("28000", `pg_hba.conf …`, "ClientAuthentication"), login.Refused, "lets no password login through"),
		Entry("a role without LOGIN", answered("28000", `role "grafana" is not permitted to log in`, "InitializeSessionUserId"), login.Refused, "spec.users[].options"),
		Entry("a role without LOGIN in another language", answered("28000", `Rolle »grafana« hat keine Berechtigung zum Einloggen`, "InitializeSessionUserId"), login.Refused, "the role may not log in"),
		Entry("another refusal of its class", answered("28XXX", "no", ""), login.Refused, "28XXX"),
		Entry("a database that doesn't exist", answered("3D000", `database "x" does not exist`, "InitPostgres"), login.Succeeded, "the password is right"),
		Entry("a database that is closed to the user", answered("42501", `permission denied for database "x"`, "CheckMyDatabase"), login.Succeeded, "the password is right"),
		Entry("a server that starts up", answered("57P03", "the database system is starting up", "ProcessStartupPacket"), login.Unreachable, "starting up"),
		Entry("a server that shuts down", answered("57P03", "the database system is shutting down", "ProcessStartupPacket"), login.Unreachable, "shutting down"),
		Entry("a server that ends the session", answered("57P01", "terminating connection", "ProcessInterrupts"), login.Unreachable, "57P01"),
		Entry("a server that is full", answered("53300", "sorry, too many clients already", "InitProcess"), login.Unreachable, "53300"),
		Entry("a server in trouble", answered("XX000", "oh", ""), login.Unreachable, "XX000"),
		Entry("an answer of one address among failures of others",
			errors.Join(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, answered("28P01", "no", "")), login.PasswordRefused, "28P01"),
		Entry("a name that doesn't exist", &net.DNSError{Err: "no such host", Name: "db", IsNotFound: true}, login.Unreachable, "does not exist"),
		Entry("a name server that is slow", &net.DNSError{Err: "timeout", Name: "db", IsTimeout: true}, login.Unreachable, "in time"),
		Entry("a name server that fails", &net.DNSError{Err: "server misbehaving", Name: "db"}, login.Unreachable, "can't be looked up"),
		Entry("a closed port", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, login.Unreachable, "connection refused"),
		Entry("a reset", &net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, login.Unreachable, "connection reset"),
		Entry("no route", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EHOSTUNREACH)}, login.Unreachable, "no route"),
		Entry("an address that can't be dialled", &net.OpError{Op: "dial", Err: &net.AddrError{Err: "no suitable address"}}, login.Unreachable, "no suitable address"),
		Entry("a deadline", fmt.Errorf("x: %w", context.DeadlineExceeded), login.Unreachable, "in time"),
		Entry("a cancelled attempt", fmt.Errorf("x: %w", context.Canceled), login.Unreachable, "cancelled"),
		Entry("an end in the middle", fmt.Errorf("x: %w", io.ErrUnexpectedEOF), login.Unreachable, "closed the connection"),
		Entry("a reset during the handshake", &handshakeError{&net.OpError{Op: "read", Err: syscall.ECONNRESET}}, login.Unreachable, "connection reset"),
		Entry("an alert during the handshake", &handshakeError{&net.OpError{Op: "remote error", Err: tls.AlertError(40)}}, login.TLSFailed, "handshake failed"),
		Entry("a certificate that nobody signed", &handshakeError{&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}}, login.TLSFailed, "unknown authority"),
		Entry("a certificate of the past", &handshakeError{&tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired}}}, login.TLSFailed, "expired"),
		Entry("a server that is no PostgreSQL", fmt.Errorf("dial error: %w", errNotPostgreSQL), login.Unreachable, "as PostgreSQL does"),
		Entry("a way of authentication that is not acceptable",
			fmt.Errorf("require_auth check failed: %w", errors.New("server requested password authentication")), login.Refused, "server requested password"),
	)

	It("keeps what a server says short and on one line", func() {
		message := Classify(answered("57P03", "a\nb\x1b[31m\xff"+strings.Repeat("é", 10_000), "")).Message
		Expect(message).To(ContainSubstring("a b [31m?é"))
		Expect([]rune(message)).To(HaveLen(len([]rune("the database takes no logins now: … (SQLSTATE 57P03)")) + maxQuote))
	})

	It("leaves out addresses, which change from one attempt to the next", func() {
		local := &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 45678}
		Expect(Classify(&net.OpError{Op: "read", Source: local, Addr: local, Err: syscall.ECONNRESET}).Message).
			NotTo(ContainSubstring("10.1.2.3"))
		Expect(Classify(&net.OpError{Op: "dial", Source: local, Addr: local, Err: errors.New("odd")}).Message).
			NotTo(ContainSubstring("10.1.2.3"))
	})
})
