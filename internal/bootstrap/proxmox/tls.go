package proxmox

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// trust says whom the API's certificate must come from: the authorities in ca (PEM),
// the one leaf whose SHA-256 is fingerprint, both, or, with neither, the system's.
func trust(ca, fingerprint string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	var caErr, pinErr error
	if ca != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(ca)) {
			caErr = errors.New("proxmox.ca holds no PEM certificate: it is /etc/pve/pve-root-ca.pem of a host")
		}
	}
	pin, err := hex.DecodeString(strings.ReplaceAll(fingerprint, ":", ""))
	if fingerprint != "" && (err != nil || len(pin) != sha256.Size) {
		pinErr = errors.New("proxmox.fingerprint is not the SHA-256 of a certificate: 32 bytes in hex, as Proxmox shows it (pvenode cert info)")
	}
	if err := errors.Join(caErr, pinErr); err != nil || fingerprint == "" {
		return config, err
	}
	// The pinned leaf is the trust; without a CA there is no chain to verify.
	config.InsecureSkipVerify = ca == ""
	config.VerifyConnection = func(state tls.ConnectionState) error {
		seen := sha256.Sum256(state.PeerCertificates[0].Raw)
		if string(seen[:]) != string(pin) {
			return &fingerprintError{seen: showFingerprint(seen[:]), want: showFingerprint(pin)}
		}
		return nil
	}
	return config, nil
}

// fingerprintError is a certificate that is not the pinned one.
type fingerprintError struct{ seen, want string }

func (e *fingerprintError) Error() string {
	return fmt.Sprintf("the certificate's fingerprint is %s, and proxmox.fingerprint is %s: if the certificate was renewed, take its new fingerprint from the host itself (pvenode cert info)", e.seen, e.want)
}

func showFingerprint(sum []byte) string {
	var parts []string
	for _, b := range sum {
		parts = append(parts, fmt.Sprintf("%02X", b))
	}
	return strings.Join(parts, ":")
}
