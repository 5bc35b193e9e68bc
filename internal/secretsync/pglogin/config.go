package pglogin

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/tazzo/rebirth/internal/secretsync/login"
)

const (
	// applicationName is what the server's log and pg_stat_activity show.
	applicationName = "secret-sync"
	// requireAuth leaves out the methods that show the password or prove nothing.
	requireAuth = "scram-sha-256,md5"
	// maxMessage bounds what a server can make us hold in memory.
	maxMessage = 64 << 10
)

var errCA = errors.New("the CA holds no PEM certificate")

// configure sets every field that ParseConfig could have filled from elsewhere.
func configure(target login.Target) (*pgconn.Config, error) {
	port, err := validate(target)
	if err != nil {
		return nil, err
	}
	parsed, err := blank()
	if err != nil {
		return nil, err
	}
	security, err := tlsConfig(target)
	if err != nil {
		return nil, err
	}
	config := parsed.Copy()
	config.Host, config.Port = target.Host, port
	config.User, config.Database = target.User, target.Database
	config.Password = target.Password.Reveal()
	config.DialFunc = dialer(security, len(target.CA) > 0)
	config.ConnectTimeout = Timeout
	config.MaxProtocolMessageBodyLen = maxMessage
	config.RuntimeParams = map[string]string{"application_name": applicationName}
	return config, nil
}

// blank is a Config without a target. pgconn accepts only one that ParseConfig
// made, and that reads the environment and the home directory wherever the
// connection string is silent.
var blank = sync.OnceValues(parseBlank)

// parseBlank names every setting that could come from elsewhere: see
// parseEnvSettings and defaultSettings in pgconn's config.go and defaults.go.
// What has no neutral value there (host, user, runtime parameters) is set by
// configure. sslmode=disable keeps pgconn's TLS out, for dialer has its own.
func parseBlank() (*pgconn.Config, error) {
	// A service can only be named, not un-named.
	if service, ok := os.LookupEnv("PGSERVICE"); ok {
		if err := os.Unsetenv("PGSERVICE"); err != nil {
			return nil, err
		}
		defer func() { _ = os.Setenv("PGSERVICE", service) }()
	}
	config, err := pgconn.ParseConfig(strings.Join([]string{
		"host=localhost", "port=5432", "user=nobody", "database=nothing", "password=''", "passfile=''",
		"sslmode=disable", "sslcert=''", "sslkey=''", "sslrootcert=''", "sslpassword=''", "sslsni=1",
		"sslcertmode=disable", "sslnegotiation=postgres", "connect_timeout=0", "target_session_attrs=any",
		"min_protocol_version=3.0", "max_protocol_version=3.0",
		"channel_binding=prefer", "require_auth=" + requireAuth,
	}, " "))
	if err != nil {
		return nil, err
	}
	config.RuntimeParams = nil
	return config, nil
}

// validate refuses what pgconn would take for something else: a path for a
// socket, a NUL for the end of a field. Its errors quote nothing.
func validate(target login.Target) (port uint16, err error) {
	if net.ParseIP(target.Host) == nil && len(validation.IsDNS1123Subdomain(target.Host)) > 0 {
		return 0, errors.New("the host is neither one DNS name nor one address")
	}
	number, err := strconv.ParseUint(target.Port, 10, 16)
	if err != nil || number == 0 {
		return 0, errors.New("the port is not a number from 1 to 65535")
	}
	if target.User == "" || strings.ContainsRune(target.User, 0) || strings.ContainsRune(target.Database, 0) {
		return 0, errors.New("the user is empty, or the user or the database holds a NUL")
	}
	return uint16(number), nil
}

// tlsConfig is that of sslmode=verify-full with a CA, of sslmode=require without.
func tlsConfig(target login.Target) (*tls.Config, error) {
	config := &tls.Config{ServerName: target.Host, MinVersion: tls.VersionTLS12}
	if len(target.CA) == 0 {
		config.InsecureSkipVerify = true // nothing to verify with; SCRAM still proves the server
		return config, nil
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(target.CA) {
		return nil, errCA
	}
	return config, nil
}
