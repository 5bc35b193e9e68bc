// Package failure says what the error of a connection means, in the agents'
// protocol's words. It is pure: it knows errors, and opens nothing.
//
// Its messages leave out what differs from one attempt to the next, such as a local
// port, so that a report changes only when something did; and they take little of
// what a stranger sends.
package failure

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/tazzo/rebirth/internal/quote"
	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

// Of says why no connection came about, or why it broke. For what is not the
// network's fault it returns otherwise.
func Of(err error, otherwise wire.Reason) (wire.Reason, string) {
	var (
		lookup *net.DNSError
		errno  syscall.Errno
		slow   net.Error
	)
	switch {
	case errors.As(err, &lookup):
		return ofLookup(lookup)
	case errors.As(err, &errno):
		return ofErrno(errno)
	case errors.Is(err, context.Canceled):
		return wire.Failed, "the attempt was cancelled"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &slow) && slow.Timeout():
		return wire.Timeout, "no answer in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return wire.ConnectionClosed, "the connection was closed before the answer"
	}
	return otherwise, Quote(innermost(err).Error())
}

// OfHandshake says why a TLS handshake failed.
func OfHandshake(err error) (wire.Reason, string) {
	var (
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &certificate):
		return wire.TLS, "the certificate can't be verified: " + Quote(certificate.Err.Error())
	case errors.As(err, &record):
		return wire.TLS, "what answers does not speak TLS"
	}
	return Of(err, wire.TLS)
}

func ofLookup(err *net.DNSError) (wire.Reason, string) {
	switch {
	case err.IsNotFound:
		return wire.NXDomain, "the host's name does not exist"
	case err.IsTimeout:
		return wire.Timeout, "the host's name was not looked up in time"
	}
	return wire.ServFail, "the host's name can't be looked up"
}

func ofErrno(errno syscall.Errno) (wire.Reason, string) {
	switch errno {
	case syscall.ECONNREFUSED:
		return wire.ConnectionRefused, errno.Error()
	case syscall.ETIMEDOUT:
		return wire.Timeout, errno.Error()
	case syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENETDOWN, syscall.EHOSTDOWN:
		return wire.NoRoute, errno.Error()
	case syscall.EPERM, syscall.EACCES:
		return wire.NoRoute, errno.Error() + ": does a network policy or a firewall forbid it?"
	case syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE:
		return wire.ConnectionClosed, errno.Error()
	}
	return wire.Failed, errno.Error()
}

// innermost sheds the layers that name addresses.
func innermost(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err
}

// maxQuote bounds what a stranger can write into a report.
const maxQuote = 200

// Quote takes a foreign text into a message: one line, not too long.
func Quote(text string) string {
	return quote.Line(text, maxQuote)
}
