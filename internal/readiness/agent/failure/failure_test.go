package failure_test

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
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/readiness/agent/failure"
	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

func TestFailure(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "errors of connections")
}

// dialled is an error as package net wraps it, with a port of ours in it.
func dialled(op string, errno syscall.Errno) error {
	local := &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 45678}
	return fmt.Errorf("asking: %w", &net.OpError{Op: op, Source: local, Addr: local, Err: os.NewSyscallError(op, errno)})
}

var _ = Describe("an error", func() {
	DescribeTable("of the network has a reason",
		func(err error, reason wire.Reason, message string) {
			why, text := failure.Of(err, wire.BadResponse)
			Expect(why).To(Equal(reason))
			Expect(text).To(Equal(message))
		},
		Entry("a closed port", dialled("connect", syscall.ECONNREFUSED), wire.ConnectionRefused, "connection refused"),
		Entry("a closed port over UDP", dialled("read", syscall.ECONNREFUSED), wire.ConnectionRefused, "connection refused"),
		Entry("no answer from the host", dialled("connect", syscall.EHOSTUNREACH), wire.NoRoute, "no route to host"),
		Entry("no network", dialled("connect", syscall.ENETUNREACH), wire.NoRoute, "network is unreachable"),
		Entry("a network that is down", dialled("connect", syscall.ENETDOWN), wire.NoRoute, "network is down"),
		Entry("a forbidden address", dialled("connect", syscall.EPERM), wire.NoRoute, "operation not permitted: does a network policy or a firewall forbid it?"),
		Entry("the kernel's own deadline", dialled("connect", syscall.ETIMEDOUT), wire.Timeout, "connection timed out"),
		Entry("a reset", dialled("read", syscall.ECONNRESET), wire.ConnectionClosed, "connection reset by peer"),
		Entry("a write after the end", dialled("write", syscall.EPIPE), wire.ConnectionClosed, "broken pipe"),
		Entry("too large a datagram", dialled("write", syscall.EMSGSIZE), wire.Failed, "message too long"),
		Entry("no port left", dialled("connect", syscall.EADDRNOTAVAIL), wire.Failed, "cannot assign requested address"),
		Entry("a deadline", fmt.Errorf("x: %w", context.DeadlineExceeded), wire.Timeout, "no answer in time"),
		Entry("a deadline of a connection", &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, wire.Timeout, "no answer in time"),
		Entry("a cancelled attempt", fmt.Errorf("x: %w", context.Canceled), wire.Failed, "the attempt was cancelled"),
		Entry("an end", io.EOF, wire.ConnectionClosed, "the connection was closed before the answer"),
		Entry("an end in the middle", fmt.Errorf("x: %w", io.ErrUnexpectedEOF), wire.ConnectionClosed, "the connection was closed before the answer"),
		Entry("a name that doesn't exist", &net.DNSError{Name: "x", IsNotFound: true}, wire.NXDomain, "the host's name does not exist"),
		Entry("a slow name server", &net.DNSError{Name: "x", IsTimeout: true, UnwrapErr: context.DeadlineExceeded}, wire.Timeout, "the host's name was not looked up in time"),
		Entry("a name server that fails", &net.DNSError{Name: "x", Err: "server misbehaving", Server: "10.1.2.3:53"}, wire.ServFail, "the host's name can't be looked up"),
		Entry("anything else", fmt.Errorf("from 10.1.2.3:45678: %w", errors.New("malformed")), wire.BadResponse, "malformed"),
	)

	DescribeTable("of a TLS handshake has a reason",
		func(err error, reason wire.Reason, message string) {
			why, text := failure.OfHandshake(err)
			Expect(why).To(Equal(reason))
			Expect(text).To(ContainSubstring(message))
		},
		Entry("an unknown authority", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, wire.TLS, "can't be verified: x509: certificate signed by unknown authority"),
		Entry("a certificate of the past", &tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired}}, wire.TLS, "expired"),
		Entry("an alert", &net.OpError{Op: "remote error", Err: tls.AlertError(40)}, wire.TLS, "handshake failure"),
		Entry("another protocol", tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, wire.TLS, "does not speak TLS"),
		Entry("the network", dialled("read", syscall.ECONNRESET), wire.ConnectionClosed, "reset"),
		Entry("a deadline", context.DeadlineExceeded, wire.Timeout, "in time"),
	)
})

var _ = Describe("a quote", func() {
	It("is one short line", func() {
		text := failure.Quote("a\nb\x1b[31m\xff" + strings.Repeat("é", 10_000))
		Expect(text).To(HavePrefix("a b [31m?é"))
		Expect([]rune(text)).To(HaveLen(201))
		Expect(len(text)).To(BeNumerically("<", wire.MaxMessage))
	})
})
