// Package revision names what an export has proven, without saying anything
// about its content: see docs/decisions.md, "A revision is a resourceVersion".
package revision

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// New names the source Secret at resourceVersion, handed on together with the
// certificate authority ca (PEM; empty if none is included). A CA is public, so
// a hash of it gives nothing away.
func New(resourceVersion, ca string) string {
	if ca == "" {
		return resourceVersion
	}
	sum := sha256.Sum256([]byte(ca))
	return resourceVersion + "." + hex.EncodeToString(sum[:4])
}

// Source returns the resourceVersion of the source Secret that revision names.
func Source(revision string) string {
	source, _, _ := strings.Cut(revision, ".")
	return source
}
