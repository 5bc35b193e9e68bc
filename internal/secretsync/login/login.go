// Package login has the words in which a login is asked for and answered. They
// stand apart from package pglogin, which does it, so that a decision about a
// login drags in no network.
package login

import (
	"context"
	"fmt"

	"github.com/tazzo/rebirth/internal/secretsync/redact"
)

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

// Format keeps the password out of prints that would not ask it.
func (t Target) Format(s fmt.State, verb rune) { t.Password.Format(s, verb) }

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

// Func logs in and out once, within a time of its own: pglogin.Try, outside of tests.
type Func func(context.Context, Target) Result
