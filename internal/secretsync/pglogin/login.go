// Package pglogin tries a password against a real PostgreSQL server: the only
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
package pglogin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tazzo/rebirth/internal/secretsync/login"
)

// Timeout bounds one login, from the look-up of the host's name to the answer.
const Timeout = 5 * time.Second

// Try logs in and out once. It returns within Timeout.
func Try(ctx context.Context, target login.Target) login.Result {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()

	config, err := configure(target)
	switch {
	case errors.Is(err, errCA):
		return login.Result{Outcome: login.TLSFailed, Message: "no login was tried: " + err.Error()}
	case err != nil:
		return login.Result{Outcome: login.Unreachable, Message: "no login was tried: " + err.Error()}
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
