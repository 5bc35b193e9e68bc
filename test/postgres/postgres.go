// Package postgres runs a real PostgreSQL on loopback, for tests and the demo to
// log in to: over TLS with an authority of its own, by SCRAM or md5 passwords.
package postgres

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"k8s.io/client-go/util/cert"

	"github.com/tazzo/rebirth/test/process"
)

// superuser reaches the server through a socket in a folder that only its owner
// (and root) can enter, and needs no password there.
const superuser = "postgres"

// Options of a server; the zero value is a good one.
type Options struct {
	// Progress takes lines about what is installed and started. Nil: nothing is said.
	Progress io.Writer
	// AllowPlain also lets clients in without TLS.
	AllowPlain bool
	// Names are the DNS names of the server's certificate, which holds 127.0.0.1
	// besides. Default: localhost. Without localhost, verify-full fails.
	Names []string
}

// Server is a PostgreSQL server with a data folder of its own.
type Server struct {
	programs programs
	dir      string
	port     int
	ca       []byte
	process  *process.Process // nil while the server is stopped
}

// Start finds or installs PostgreSQL (Debian's package, as root), creates a
// database cluster and starts it. ctx bounds the start alone. As root, the server
// runs as the user postgres, or nobody; on Linux it ends with this process.
func Start(ctx context.Context, options Options) (*Server, error) {
	if options.Progress == nil {
		options.Progress = io.Discard
	}
	begin := time.Now()
	programs, err := findOrInstall(ctx, options.Progress)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "rebirth-postgres-")
	if err != nil {
		return nil, err
	}
	s := &Server{programs: programs, dir: dir}
	if err := s.create(ctx, options); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	fmt.Fprintf(options.Progress, "postgres: ready on port %d after %s, from %s\n",
		s.port, time.Since(begin).Round(100*time.Millisecond), programs.dir)
	return s, nil
}

// create makes the database cluster and starts it, on another port if somebody
// else was quicker to listen on the first.
func (s *Server) create(ctx context.Context, options Options) error {
	if err := s.programs.own(s.dir); err != nil {
		return err
	}
	if err := s.initialize(ctx); err != nil {
		return err
	}
	if err := s.writeCertificate(options.Names); err != nil {
		return err
	}
	if err := s.writeHBA(defaultHBA(options.AllowPlain)); err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		port, err := process.FreePort()
		if err != nil {
			return err
		}
		s.port = port
		err = s.StartServer(ctx)
		if err == nil || attempt == 3 || ctx.Err() != nil || !process.Taken(port) {
			return err
		}
	}
}

func (s *Server) initialize(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, s.programs.initdb(), "--pgdata", s.data(), "--username", superuser,
		"--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.programs.credential}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

func (s *Server) writeCertificate(names []string) error {
	if names == nil {
		names = []string{"localhost"}
	}
	chain, key, err := cert.GenerateSelfSignedCertKey(names[0], []net.IP{net.IPv4(127, 0, 0, 1)}, names[1:])
	if err != nil {
		return err
	}
	_, s.ca = pem.Decode(chain) // the leaf comes first, then its authority
	return errors.Join(s.write("server.crt", chain), s.write("server.key", key))
}

func defaultHBA(allowPlain bool) []string {
	kind := "hostssl"
	if allowPlain {
		kind = "host"
	}
	return []string{kind + " all all 127.0.0.1/32 scram-sha-256"}
}

// Stop ends the server and removes its data.
func (s *Server) Stop() error {
	var err error
	if s.process != nil {
		err = s.process.Stop(syscall.SIGQUIT, 5*time.Second)
		s.process = nil
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// StopServer ends the server and keeps its data: until StartServer, nobody
// answers on its port.
func (s *Server) StopServer() error {
	if s.process == nil {
		return nil
	}
	err := s.process.Stop(syscall.SIGINT, 20*time.Second)
	s.process = nil
	return err
}

// StartServer starts a stopped server on the same port and waits until it answers.
func (s *Server) StartServer(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("PostgreSQL took longer than a minute to start"))
	defer cancel()
	server, err := process.Start(process.Command{
		Path:       s.programs.postgres(),
		Args:       s.arguments(),
		Dir:        s.dir, // the tests' own folder may be closed to that user
		Log:        filepath.Join(s.dir, "server.log"),
		Credential: s.programs.credential,
		LastSignal: syscall.SIGQUIT,
	})
	if err != nil {
		return err
	}
	s.process = server
	if err := server.Await(ctx, func(ctx context.Context) error { return s.Exec(ctx, "SELECT 1") }); err != nil {
		return errors.Join(err, s.StopServer())
	}
	return nil
}

func (s *Server) arguments() []string {
	args := []string{"-D", s.data(), "-p", fmt.Sprint(s.port)}
	for _, setting := range []string{
		"listen_addresses=127.0.0.1",
		"unix_socket_directories=" + s.dir,
		"ssl=on",
		"ssl_cert_file=" + filepath.Join(s.dir, "server.crt"),
		"ssl_key_file=" + filepath.Join(s.dir, "server.key"),
		"hba_file=" + s.hbaFile(),
		"password_encryption=scram-sha-256",
		"fsync=off", "full_page_writes=off", "synchronous_commit=off",
		"shared_buffers=16MB",
		// A password in a statement must not reach the log.
		"log_statement=none", "log_min_error_statement=panic",
	} {
		args = append(args, "-c", setting)
	}
	return args
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// Host is a name of the server that its certificate holds.
func (s *Server) Host() string { return "localhost" }

// Port of the server, the same for its whole life.
func (s *Server) Port() int { return s.port }

// CA is the certificate (PEM) of the authority that signed the server's.
func (s *Server) CA() []byte { return s.ca }

// Exec runs one statement as superuser in the database "postgres".
func (s *Server) Exec(ctx context.Context, statement string, args ...any) error {
	return s.asSuperuser(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, statement, args...)
		return err
	})
}

func (s *Server) asSuperuser(ctx context.Context, use func(*pgx.Conn) error) error {
	config, err := pgx.ParseConfig("sslmode=disable")
	if err != nil {
		return err
	}
	config.Host, config.Port, config.User, config.Database = s.dir, uint16(s.port), superuser, "postgres"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return use(conn)
}

func (s *Server) write(name string, content []byte) error {
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return err
	}
	return s.programs.own(path)
}

func (s *Server) hbaFile() string { return filepath.Join(s.dir, "pg_hba.conf") }

func (s *Server) writeHBA(lines []string) error {
	rules := append([]string{"local all " + superuser + " trust"}, lines...)
	return s.write(filepath.Base(s.hbaFile()), []byte(strings.Join(rules, "\n")+"\n"))
}
