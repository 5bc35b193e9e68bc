// Package login tries a password against a real PostgreSQL server: the only
// proof that it works.
//
// The hazards: a login must never show the password to whoever answers, so the
// server may ask for it only by SCRAM-SHA-256 or md5, never in clear text; and
// pgconn, like libpq, takes whatever it isn't told from the environment and from
// files in the home directory, so it is told everything.
//
// PostgreSQL checks the password before anything else of the session (the order
// of InitPostgres, src/backend/utils/init/postinit.c), so some refusals prove
// the password too: see Classify. A connection pooler orders things otherwise:
// log in to PostgreSQL directly.
package login

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tazzo/rebirth/internal/secretsync/redact"
)

// Timeout bounds one login, from the look-up of the host's name to the answer.
const Timeout = 5 * time.Second

// Target is a server and the credentials to try there.
type Target struct {
	// Host is a DNS name or an address; one, not a list.
	Host string
	// Port is a number, as text.
	Port string
	User string
	// Database is the user's name if empty, as in libpq. It need not exist.
	Database string
	Password redact.Text
	// CA (PEM) has the server's certificate verified as by sslmode=verify-full,
	// except that the name must be a subjectAltName. Without a CA, the connection
	// is encrypted if the server can, and nothing is verified.
	CA []byte
}

// Outcome is how a login ended.
type Outcome string

// The outcomes.
const (
	// Succeeded: the password is right.
	Succeeded Outcome = "Succeeded"
	// PasswordRefused: the password is wrong.
	PasswordRefused Outcome = "PasswordRefused"
	// Refused: the server doesn't let this user in this way, whatever the
	// password; or it asked for the password in a way that would show it.
	Refused Outcome = "Refused"
	// Unreachable: no answer, or none about the login. Worth another try.
	Unreachable Outcome = "Unreachable"
	// TLSFailed: the server's certificate could not be verified.
	TLSFailed Outcome = "TLSFailed"
)

// Result is the answer of one login. The message holds no secret and, of an
// unchanged state, reads the same each time.
type Result struct {
	Outcome Outcome
	Message string
}

// Func is the type of Try.
type Func func(context.Context, Target) Result

// Try logs in and out once. It returns within Timeout.
func Try(ctx context.Context, target Target) Result {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()

	config, err := configure(target)
	switch {
	case errors.Is(err, errCA):
		return Result{TLSFailed, "no login was tried: " + err.Error()}
	case err != nil:
		return Result{Unreachable, "no login was tried: " + err.Error()}
	}
	result := Classify(logInAndOut(ctx, config))
	result.Message = fmt.Sprintf("login of user %q at %s: %s",
		target.User, net.JoinHostPort(target.Host, target.Port), result.Message)
	return result
}

func logInAndOut(ctx context.Context, config *pgconn.Config) error {
	connection, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	_ = connection.Close(ctx) // says goodbye; the proof stands whatever becomes of that
	return nil
}
