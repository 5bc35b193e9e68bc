package proof

import (
	"encoding/pem"
	"strings"
)

// Certificates returns the certificates of a PEM file and nothing else that may
// stand in it; a private key least of all.
func Certificates(data []byte) string {
	var out strings.Builder
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			out.Write(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes}))
		}
	}
	return out.String()
}
