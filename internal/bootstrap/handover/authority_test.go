package handover

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

// authority signs client certificates, as Talos' Kubernetes CA does.
type authority struct {
	file string
	cert *x509.Certificate
	key  crypto.Signer
}

func newKey() ([]byte, crypto.Signer) {
	encoded, err := keyutil.MakeEllipticPrivateKeyPEM()
	ExpectWithOffset(1, err).NotTo(HaveOccurred())
	key, err := keyutil.ParsePrivateKeyPEM(encoded)
	ExpectWithOffset(1, err).NotTo(HaveOccurred())
	return encoded, key.(crypto.Signer)
}

func newAuthority() authority {
	dir, err := os.MkdirTemp("", "handover")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(os.RemoveAll, dir)
	a := authority{file: filepath.Join(dir, "ca.crt")}
	_, a.key = newKey()
	a.cert, err = cert.NewSelfSignedCACert(cert.Config{CommonName: "kubernetes"}, a.key)
	Expect(err).NotTo(HaveOccurred())
	encoded, err := cert.EncodeCertificates(a.cert)
	Expect(err).NotTo(HaveOccurred())
	Expect(os.WriteFile(a.file, encoded, 0o600)).To(Succeed())
	return a
}

// admin is a client certificate and its key for a member of system:masters, in PEM.
func (a authority) admin() (certificate, key []byte) {
	key, signer := newKey()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour),
		Subject:     pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(nil, template, a.cert, signer.Public(), a.key)
	ExpectWithOffset(1, err).NotTo(HaveOccurred())
	signed, err := x509.ParseCertificate(der)
	ExpectWithOffset(1, err).NotTo(HaveOccurred())
	certificate, err = cert.EncodeCertificates(signed)
	ExpectWithOffset(1, err).NotTo(HaveOccurred())
	return certificate, key
}
