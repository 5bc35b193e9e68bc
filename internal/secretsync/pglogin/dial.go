package pglogin

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

var (
	// errNoTLS: the server has no TLS, but it must be verified.
	errNoTLS = errors.New("the server offers no TLS")
	// errNotPostgreSQL: it answers neither yes nor no. PostgreSQL sends an error
	// here only if it can't even start a process.
	errNotPostgreSQL = errors.New("the server does not answer a request for TLS as PostgreSQL does")
)

// handshakeError is a failed TLS handshake.
type handshakeError struct{ err error }

func (e *handshakeError) Error() string { return "TLS handshake: " + e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }

// dialer connects and negotiates TLS. It stands in for pgconn's own negotiation,
// which tells a server without TLS from other failures only by an error's text,
// and would fall back to plain text for any of them.
func dialer(config *tls.Config, verify bool) pgconn.DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		connection, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		secured, err := negotiate(ctx, connection, config, verify)
		if err != nil {
			_ = connection.Close()
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, err
		}
		return secured, nil
	}
}

// negotiate follows the protocol's "SSL Session Encryption". It reads the one
// byte of the answer and no more, so that nothing sent in clear text before the
// handshake can pass for something sent after it.
func negotiate(ctx context.Context, connection net.Conn, config *tls.Config, verify bool) (net.Conn, error) {
	defer context.AfterFunc(ctx, func() { _ = connection.Close() })()

	request, err := (&pgproto3.SSLRequest{}).Encode(nil)
	if err != nil {
		return nil, err
	}
	if _, err := connection.Write(request); err != nil {
		return nil, err
	}
	var answer [1]byte
	if _, err := io.ReadFull(connection, answer[:]); err != nil {
		return nil, err
	}
	switch {
	case answer[0] == 'S':
		secured := tls.Client(connection, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, &handshakeError{err}
		}
		return secured, nil
	case answer[0] == 'N' && verify:
		return nil, errNoTLS
	case answer[0] == 'N':
		return connection, nil
	}
	return nil, errNotPostgreSQL
}
