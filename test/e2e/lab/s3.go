package lab

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/tazzo/rebirth/test/process"
)

// S3 is the server of the backups, and the key to it.
type S3 struct {
	Address string // it listens on port 443
	Key     string
	Secret  string
}

// bucket of the backups, as the example names it.
const bucket = "tazlab-backups"

// startS3 starts the server with an empty bucket below the folder.
func startS3(ctx context.Context, program, dir string, s3 S3) (*process.Process, error) {
	buckets := filepath.Join(dir, "buckets")
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(buckets, bucket), 0o700); err != nil {
		return nil, err
	}
	if err := writeCertificate(dir, s3.Address); err != nil {
		return nil, err
	}
	server, err := process.Start(process.Command{
		Path: program,
		Args: []string{"--port=" + s3.Address + ":443", "--region=eu-south-1",
			"--cert=" + filepath.Join(dir, "tls.crt"), "--key=" + filepath.Join(dir, "tls.key"), "posix", buckets},
		Env:        []string{"ROOT_ACCESS_KEY=" + s3.Key, "ROOT_SECRET_KEY=" + s3.Secret},
		Log:        filepath.Join(dir, "versitygw.log"),
		LastSignal: syscall.SIGKILL,
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return server, server.Await(ctx, func(ctx context.Context) error {
		// Who it is does not matter here: only whether it listens.
		dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // see above
		conn, err := dialer.DialContext(ctx, "tcp", s3.Address+":443")
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// writeCertificate writes a self-signed certificate for the address.
func writeCertificate(dir, address string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "the lab's S3"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		IPAddresses:  []net.IP{net.ParseIP(address)},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	for name, block := range map[string]*pem.Block{
		"tls.crt": {Type: "CERTIFICATE", Bytes: certificate},
		"tls.key": {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			return fmt.Errorf("the S3 server's %s: %w", name, err)
		}
	}
	return nil
}
