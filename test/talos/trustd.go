package talos

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	stdx509 "crypto/x509"
	"encoding/pem"

	"github.com/siderolabs/crypto/x509"
	"github.com/siderolabs/talos/pkg/machinery/api/security"
	"github.com/siderolabs/talos/pkg/machinery/constants"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// trustd signs the certificates of workers that know the cluster's token.
type trustd struct {
	security.UnimplementedSecurityServiceServer
	life *life
}

// Certificate implements security.SecurityServiceServer.
func (t trustd) Certificate(ctx context.Context, in *security.CertificateRequest) (*security.CertificateResponse, error) {
	active := t.life.configs.get()
	if active == nil {
		return nil, status.Error(codes.Unavailable, "no configuration")
	}
	if err := checkToken(ctx, active.Machine().Security().Token()); err != nil {
		return nil, err
	}
	if block, _ := pem.Decode(in.GetCsr()); block == nil {
		return nil, status.Error(codes.InvalidArgument, "failed to decode CSR")
	}
	authority := active.Machine().Security().IssuingCA()
	signed, err := x509.NewCertificateFromCSRBytes(authority.Crt, authority.Key, in.GetCsr(),
		x509.KeyUsage(stdx509.KeyUsageDigitalSignature),
		x509.ExtKeyUsage([]stdx509.ExtKeyUsage{stdx509.ExtKeyUsageServerAuth}))
	if err != nil {
		return nil, status.Errorf(codes.Internal, "failed to sign CSR: %s", err)
	}
	return &security.CertificateResponse{Ca: authority.Crt, Crt: signed.X509CertificatePEM}, nil
}

func checkToken(ctx context.Context, want string) error {
	values := metadata.ValueFromIncomingContext(ctx, "token")
	if len(values) == 0 {
		return status.Error(codes.Unauthenticated, "missing token")
	}
	if subtle.ConstantTimeCompare([]byte(values[0]), []byte(want)) != 1 {
		return status.Error(codes.Unauthenticated, "invalid token")
	}
	return nil
}

// serveTrustd serves it for as long as the machine lives.
func (l *life) serveTrustd() {
	config, err := l.configuredTLS(l.configs.get())
	if err != nil {
		return
	}
	config.ClientAuth, config.VerifyPeerCertificate = tls.NoClientCert, nil
	stop := l.listen(constants.TrustdPort, config, func(s *grpc.Server) {
		security.RegisterSecurityServiceServer(s, trustd{life: l})
	})
	<-l.ctx.Done()
	stop()
}
