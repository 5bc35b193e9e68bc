package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// SetRole gives a role that password, which the server keeps as a SCRAM verifier,
// and creates the role and its database (unless that is "") where they are
// missing.
func (s *Server) SetRole(ctx context.Context, user, password, database string) error {
	if err := s.SetRoleVerifier(ctx, user, password); err != nil {
		return err
	}
	if database == "" {
		return nil
	}
	err := s.formatted(ctx, "CREATE DATABASE %I OWNER %I", database, user)
	return ignore(err, "42P04") // duplicate_database
}

// SetRoleVerifier does the same with a verifier ("SCRAM-SHA-256$…", "md5…"), which
// the server takes as it is, and no database.
func (s *Server) SetRoleVerifier(ctx context.Context, user, verifier string) error {
	err := s.formatted(ctx, "CREATE ROLE %I LOGIN", user)
	if err := ignore(err, "42710"); err != nil { // duplicate_object
		return err
	}
	return s.formatted(ctx, "ALTER ROLE %I LOGIN PASSWORD %L", user, verifier)
}

// Verifier is what the server keeps of a role's password.
func (s *Server) Verifier(ctx context.Context, user string) (string, error) {
	var verifier string
	err := s.asSuperuser(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "SELECT coalesce(rolpassword, '') FROM pg_authid WHERE rolname = $1", user).Scan(&verifier)
	})
	if err != nil {
		return "", fmt.Errorf("verifier of the role %s: %w", user, err)
	}
	return verifier, nil
}

// DropRole removes a role, and the databases that it owns.
func (s *Server) DropRole(ctx context.Context, user string) error {
	var databases []string
	err := s.asSuperuser(ctx, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, "SELECT datname FROM pg_database JOIN pg_roles r ON r.oid = datdba WHERE rolname = $1", user)
		if err != nil {
			return err
		}
		databases, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		return err
	}
	for _, database := range databases {
		if err := s.formatted(ctx, "DROP DATABASE %I WITH (FORCE)", database); err != nil {
			return err
		}
	}
	return s.formatted(ctx, "DROP ROLE IF EXISTS %I", user)
}

// SetHBA replaces the rules of pg_hba.conf for everybody but the superuser, say
// "hostssl all all 127.0.0.1/32 md5", and returns once they hold. The default
// rule is that with scram-sha-256; none at all refuses everybody.
func (s *Server) SetHBA(ctx context.Context, lines ...string) error {
	if err := s.writeHBA(lines); err != nil {
		return err
	}
	var faults int
	err := s.asSuperuser(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "SELECT count(*) FROM pg_hba_file_rules WHERE error IS NOT NULL").Scan(&faults)
	})
	if err != nil || faults > 0 {
		return errors.Join(err, fmt.Errorf("pg_hba.conf: %d wrong rules in %q", faults, lines))
	}
	return s.reload(ctx)
}

// reload returns when new connections meet the new configuration: the server reads
// it after its signal handler, some moment later.
func (s *Server) reload(ctx context.Context) error {
	const loaded = "SELECT pg_conf_load_time()::text"
	var before, now string
	read := func(into *string) error {
		return s.asSuperuser(ctx, func(conn *pgx.Conn) error { return conn.QueryRow(ctx, loaded).Scan(into) })
	}
	if err := read(&before); err != nil {
		return err
	}
	if err := s.process.Signal(syscall.SIGHUP); err != nil {
		return err
	}
	return s.process.Await(ctx, func(context.Context) error {
		if err := read(&now); err != nil {
			return err
		}
		if now == before {
			return errors.New("PostgreSQL has not read its configuration again")
		}
		return nil
	})
}

// Login tries to log in as sslmode=verify-full would have it and to run a query.
// A refused password is a *pgconn.PgError with Code 28P01.
func (s *Server) Login(ctx context.Context, user, password, database string) error {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.ca)
	config, err := pgx.ParseConfig("sslmode=disable")
	if err != nil {
		return err
	}
	config.Host, config.Port = s.Host(), uint16(s.port)
	config.User, config.Password, config.Database = user, password, database
	config.TLSConfig = &tls.Config{RootCAs: roots, ServerName: s.Host(), MinVersion: tls.VersionTLS12}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, "SELECT 1")
	return err
}

// formatted runs a statement that takes no parameters, with its names (%I) and
// literals (%L) quoted by the server.
func (s *Server) formatted(ctx context.Context, format string, args ...string) error {
	return s.asSuperuser(ctx, func(conn *pgx.Conn) error {
		var statement string
		if err := conn.QueryRow(ctx, "SELECT format($1, VARIADIC $2::text[])", format, args).Scan(&statement); err != nil {
			return err
		}
		_, err := conn.Exec(ctx, statement)
		return err
	})
}

func ignore(err error, code string) error {
	if refusal := new(pgconn.PgError); errors.As(err, &refusal) && refusal.Code == code {
		return nil
	}
	return err
}
