package pglogin

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tazzo/rebirth/internal/quote"
	"github.com/tazzo/rebirth/internal/secretsync/login"
)

// SQLSTATEs that a server answers a login with (src/backend/utils/errcodes.txt).
const (
	invalidPassword      = "28P01"
	invalidAuthorization = "28000"
	invalidCatalogName   = "3D000"
	insufficientRight    = "42501"
)

// Classify says what the error of a connection attempt means; nil is a login.
// It is pure. Its messages leave out what differs from one attempt to the next,
// such as a local port.
func Classify(err error) login.Result {
	var refusal *pgconn.PgError
	switch {
	case err == nil:
		return login.Result{Outcome: login.Succeeded, Message: "the password logs in"}
	case errors.As(err, &refusal):
		return classifyRefusal(refusal)
	case errors.Is(err, errNotPostgreSQL):
		return login.Result{Outcome: login.Unreachable, Message: errNotPostgreSQL.Error()}
	}
	if why, failed := tlsFailure(err); failed {
		return login.Result{Outcome: login.TLSFailed, Message: why}
	}
	if why, failed := networkFailure(err); failed {
		return login.Result{Outcome: login.Unreachable, Message: why}
	}
	// What is left is pgconn's: the way of authentication was not acceptable, or
	// the server broke the protocol.
	return login.Result{Outcome: login.Refused, Message: "the server may not have the password: " + shorten(innermost(err).Error())}
}

func classifyRefusal(refusal *pgconn.PgError) login.Result {
	said := fmt.Sprintf("%s (SQLSTATE %s)", shorten(refusal.Message), shorten(refusal.Code))
	switch {
	case refusal.Code == invalidPassword:
		return login.Result{Outcome: login.PasswordRefused, Message: "the database refuses the password (SQLSTATE 28P01)"}
	case refusal.Code == invalidCatalogName, refusal.Code == insufficientRight:
		return login.Result{Outcome: login.Succeeded, Message: "the password is right, though the user can't use the database: " + said}
	case refusal.Code == invalidAuthorization && refusal.Routine == "InitializeSessionUserId":
		return login.Result{Outcome: login.Refused, Message: "the role may not log in: " + said + "; see spec.users[].options of the cluster"}
	case refusal.Code == invalidAuthorization:
		return login.Result{Outcome: login.Refused, Message: "pg_hba.conf lets no password login through, or wants a client certificate: " + said}
	case strings.HasPrefix(refusal.Code, "28"):
		return login.Result{Outcome: login.Refused, Message: "the database refuses the login: " + said}
	}
	return login.Result{Outcome: login.Unreachable, Message: "the database takes no logins now: " + said}
}

func tlsFailure(err error) (why string, failed bool) {
	var (
		certificate *tls.CertificateVerificationError
		handshake   *handshakeError
	)
	switch {
	case errors.Is(err, errNoTLS):
		return "the server offers no TLS, so its certificate can't be verified by the CA", true
	case errors.As(err, &certificate):
		return "the server's certificate can't be verified by the CA: " + shorten(certificate.Err.Error()), true
	case !errors.As(err, &handshake):
		return "", false
	}
	if _, network := networkFailure(handshake.err); network {
		return "", false
	}
	return "the TLS handshake failed: " + shorten(innermost(handshake.err).Error()), true
}

func networkFailure(err error) (why string, failed bool) {
	var (
		lookup *net.DNSError
		errno  syscall.Errno
		broken *net.OpError
		slow   net.Error
	)
	switch {
	case errors.Is(err, context.Canceled):
		return "the attempt was cancelled", true
	case errors.As(err, &lookup) && lookup.IsNotFound:
		return "the host's name does not exist", true
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &slow) && slow.Timeout():
		return "no answer in time", true
	case errors.As(err, &lookup):
		return "the host's name can't be looked up", true
	case errors.As(err, &errno):
		return errno.Error(), true
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "the server closed the connection without an answer", true
	case errors.As(err, &broken) && broken.Op == "dial":
		return "no connection: " + shorten(innermost(broken).Error()), true
	}
	return "", false
}

// innermost sheds the layers that name addresses and users.
func innermost(err error) error {
	for {
		inner := errors.Unwrap(err)
		if joined, ok := err.(interface{ Unwrap() []error }); ok && len(joined.Unwrap()) > 0 {
			inner = joined.Unwrap()[0]
		}
		if inner == nil {
			return err
		}
		err = inner
	}
}

// maxQuote bounds what a server can write into a status.
const maxQuote = 256

// shorten takes a foreign text into a message: one line, not too long.
func shorten(text string) string {
	return quote.Line(text, maxQuote)
}
