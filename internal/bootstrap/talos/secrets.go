package talos

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"time"

	talosx509 "github.com/siderolabs/crypto/x509"
	"github.com/siderolabs/talos/pkg/machinery/config/generate"
	"github.com/siderolabs/talos/pkg/machinery/config/generate/secrets"
	"github.com/siderolabs/talos/pkg/machinery/role"
	"go.yaml.in/yaml/v3"

	"github.com/tazzo/rebirth/internal/bootstrap/secret"
	"github.com/tazzo/rebirth/internal/bootstrap/spec"
)

// backdate is how long ago certificates begin: a node's clock may be behind until it
// has asked a time server, and what isn't valid yet opens nothing.
const backdate = time.Hour

// credentialsFor is how long this program's own client certificate is valid. It is
// made anew in each run.
const credentialsFor = 24 * time.Hour

// Secrets are a cluster's: authorities, tokens, the keys of its encryption.
type Secrets struct{ bundle *secrets.Bundle }

// NewSecrets makes a cluster's secrets, as of now. serviceAccountKey (PEM, RSA or
// ECDSA) signs ServiceAccounts' tokens; if it is empty, a new one does.
func NewSecrets(talosVersion string, serviceAccountKey secret.Value, now time.Time) (*Secrets, error) {
	contract, err := contractOf(talosVersion)
	if err != nil {
		return nil, err
	}
	bundle, err := secrets.NewBundle(secrets.NewFixedClock(now.Add(-backdate)), contract)
	if err != nil {
		return nil, fmt.Errorf("making the cluster's secrets: %w", err)
	}
	return withServiceAccountKey(&Secrets{bundle: bundle}, serviceAccountKey)
}

// ParseSecrets takes a bundle as "talosctl gen secrets" writes it. All of its faults
// are reported at once. A serviceAccountKey takes the place of the bundle's.
func ParseSecrets(bundle, serviceAccountKey secret.Value, now time.Time) (*Secrets, error) {
	parsed := &secrets.Bundle{}
	// What yaml says of a mistake quotes the value.
	if err := yaml.Unmarshal(bundle.Bytes(), parsed); err != nil {
		return nil, errors.New("talos.secrets: not the YAML that talosctl gen secrets writes")
	}
	parsed.Clock = secrets.NewFixedClock(now.Add(-backdate))
	if err := parsed.Validate(); err != nil {
		return nil, faults("talos.secrets", err)
	}
	return withServiceAccountKey(&Secrets{bundle: parsed}, serviceAccountKey)
}

func withServiceAccountKey(s *Secrets, key secret.Value) (*Secrets, error) {
	if key.IsEmpty() {
		return s, nil
	}
	pem := &talosx509.PEMEncodedKey{Key: append([]byte(nil), key.Bytes()...)}
	parsed, err := pem.GetKey()
	if err != nil {
		return nil, errors.New("talos.serviceAccountKey: not the PEM of a private key")
	}
	if _, isEd25519 := parsed.(*talosx509.Ed25519Key); isEd25519 {
		return nil, errors.New("talos.serviceAccountKey: an Ed25519 key; Kubernetes signs tokens with RSA and ECDSA keys alone")
	}
	s.bundle.Certs.K8sServiceAccount = pem
	return s, nil
}

// faults makes one error of each that the library has put together.
func faults(of string, err error) error {
	var several interface {
		error
		WrappedErrors() []error
	}
	if !errors.As(err, &several) {
		return fmt.Errorf("%s: %w", of, err)
	}
	var all []error
	for _, one := range several.WrappedErrors() {
		all = append(all, faults(of, one))
	}
	return errors.Join(all...)
}

// Marshal is the bundle in the form that ParseSecrets and talosctl read.
func (s *Secrets) Marshal() (secret.Value, error) {
	data, err := yaml.Marshal(s.bundle)
	if err != nil {
		return secret.Value{}, errors.New("the cluster's secrets can't be written as YAML")
	}
	return secret.New(data), nil
}

// Format implements fmt.Formatter, for every verb and flag.
func (*Secrets) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, secret.Redacted) }

// MarshalText implements encoding.TextMarshaler; JSON, YAML and log encoders use it.
func (*Secrets) MarshalText() ([]byte, error) { return []byte(secret.Redacted), nil }

// credentials open Talos on the cluster's nodes, and on no other machine.
func (s *Secrets) credentials() (*tls.Config, error) {
	pair, err := s.bundle.GenerateTalosAPIClientCertificateWithTTL(role.MakeSet(role.Admin), credentialsFor+backdate)
	if err != nil {
		return nil, fmt.Errorf("making the client certificate for Talos: %w", err)
	}
	certificate, err := tls.X509KeyPair(pair.Crt, pair.Key)
	if err != nil {
		return nil, errors.New("the client certificate for Talos can't be used")
	}
	return &tls.Config{
		RootCAs:      s.authority(),
		Certificates: []tls.Certificate{certificate},
		MinVersion:   tls.VersionTLS13,
	}, nil
}

// authority that nodes' certificates are signed by.
func (s *Secrets) authority() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(s.bundle.Certs.OS.Crt)
	return pool
}

// Talosconfig is the file with which talosctl administers the cluster for a year.
func Talosconfig(cluster *spec.Cluster, s *Secrets) (secret.Value, error) {
	var endpoints []string
	for _, node := range cluster.Nodes {
		if node.Role == spec.ControlPlane {
			endpoints = append(endpoints, node.Address.Addr().String())
		}
	}
	input, err := generate.NewInput(cluster.Metadata.Name, cluster.Talos.Endpoint, "",
		generate.WithSecretsBundle(s.bundle), generate.WithEndpointList(endpoints))
	if err != nil {
		return secret.Value{}, fmt.Errorf("making the talosconfig: %w", err)
	}
	config, err := input.Talosconfig()
	if err != nil {
		return secret.Value{}, fmt.Errorf("making the talosconfig: %w", err)
	}
	data, err := config.Bytes()
	if err != nil {
		return secret.Value{}, errors.New("the talosconfig can't be written as YAML")
	}
	return secret.New(data), nil
}
