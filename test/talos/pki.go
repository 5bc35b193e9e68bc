package talos

import (
	"context"
	"crypto/tls"
	stdx509 "crypto/x509"
	"errors"
	"net"
	"strconv"
	"time"

	"github.com/siderolabs/crypto/x509"
	"github.com/siderolabs/talos/pkg/machinery/api/security"
	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/constants"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// serverOptions are those of the certificate that the API shows.
func serverOptions(l *life, names []string, commonName string) []x509.Option {
	addresses := []net.IP{l.machine.options.Address.AsSlice(), net.IPv4(127, 0, 0, 1)}
	dns := []string{l.machine.options.Name}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			addresses = append(addresses, ip)
		} else {
			dns = append(dns, name)
		}
	}
	return []x509.Option{
		x509.IPAddresses(addresses), x509.DNSNames(dns), x509.CommonName(commonName),
		x509.NotAfter(time.Now().Add(x509.DefaultCertificateValidityDuration)),
		x509.KeyUsage(stdx509.KeyUsageDigitalSignature),
		x509.ExtKeyUsage([]stdx509.ExtKeyUsage{stdx509.ExtKeyUsageServerAuth}),
	}
}

// maintenanceTLS shows a certificate of an authority that lives as long as this boot,
// and asks for none.
func (l *life) maintenanceTLS() (*tls.Config, error) {
	authority, err := x509.NewSelfSignedCertificateAuthority()
	if err != nil {
		return nil, err
	}
	pair, err := x509.NewKeyPair(authority, serverOptions(l, nil, constants.MaintenanceServiceCommonName)...)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		Certificates: []tls.Certificate{*pair.Certificate},
		ClientAuth:   tls.NoClientCert, MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"},
	}, nil
}

// configuredTLS shows a certificate of the cluster's authority, and asks for one. A
// control plane signs its own; a worker asks control planes until one signs it.
func (l *life) configuredTLS(active config.Provider) (*tls.Config, error) {
	var certificate tls.Certificate
	var err error
	if active.Machine().Type() == machine.TypeControlPlane {
		certificate, err = l.ownCertificate(active)
	} else {
		certificate, err = l.askForCertificate(active)
	}
	if err != nil {
		return nil, err
	}
	clients := stdx509.NewCertPool()
	for _, authority := range active.Machine().Security().AcceptedCAs() {
		clients.AppendCertsFromPEM(authority.Crt)
	}
	clients.AppendCertsFromPEM(active.Machine().Security().IssuingCA().Crt)
	return &tls.Config{
		Certificates: []tls.Certificate{certificate},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: clients,
		VerifyPeerCertificate: clientAuthAlone,
		MinVersion:            tls.VersionTLS13, NextProtos: []string{"h2"}, SessionTicketsDisabled: true,
	}, nil
}

func (l *life) ownCertificate(active config.Provider) (tls.Certificate, error) {
	authority, err := x509.NewCertificateAuthorityFromCertificateAndKey(active.Machine().Security().IssuingCA())
	if err != nil {
		return tls.Certificate{}, err
	}
	pair, err := x509.NewKeyPair(authority, serverOptions(l, active.Machine().Security().CertSANs(), l.machine.options.Name)...)
	if err != nil {
		return tls.Certificate{}, err
	}
	return *pair.Certificate, nil
}

// askForCertificate asks until a control plane has signed, or the machine dies.
func (l *life) askForCertificate(active config.Provider) (tls.Certificate, error) {
	authority, err := active.Machine().Security().IssuingCA().GetCert()
	if err != nil {
		return tls.Certificate{}, err
	}
	request, identity, err := x509.NewCSRAndIdentityFromCA(authority, serverOptions(l, active.Machine().Security().CertSANs(), l.machine.options.Name)...)
	if err != nil {
		return tls.Certificate{}, err
	}
	for {
		for _, address := range l.controlPlanes() {
			signed, err := askTrustd(l.ctx, net.JoinHostPort(address.String(), strconv.Itoa(constants.TrustdPort)), active, request.X509CertificateRequestPEM)
			if err == nil {
				return tls.X509KeyPair(signed, identity.Key)
			}
		}
		if !l.pause(patience) {
			return tls.Certificate{}, l.ctx.Err()
		}
	}
}

// askTrustd asks one control plane to sign.
func askTrustd(ctx context.Context, endpoint string, active config.Provider, request []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	roots := stdx509.NewCertPool()
	roots.AppendCertsFromPEM(active.Machine().Security().IssuingCA().Crt)
	conn, err := grpc.NewClient(endpoint,
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13})),
		grpc.WithPerRPCCredentials(token(active.Machine().Security().Token())))
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	answer, err := security.NewSecurityServiceClient(conn).Certificate(ctx, &security.CertificateRequest{Csr: request})
	if err != nil {
		return nil, err
	}
	return answer.GetCrt(), nil
}

// clientAuthAlone refuses certificates that are for more than clients.
func clientAuthAlone(_ [][]byte, chains [][]*stdx509.Certificate) error {
	if len(chains) == 0 {
		return errors.New("no verified chains")
	}
	for _, c := range chains[0] {
		if !c.IsCA && (len(c.ExtKeyUsage) != 1 || c.ExtKeyUsage[0] != stdx509.ExtKeyUsageClientAuth) {
			return errors.New("certificate is missing the client auth extended key usage")
		}
	}
	return nil
}

// token is what a worker shows trustd.
type token string

func (t token) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"token": string(t)}, nil
}

func (token) RequireTransportSecurity() bool { return true }
