// Package revision names what an export has proven, without saying anything
// about its content: see docs/decisions.md, "A revision is a resourceVersion".
package revision

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"k8s.io/apimachinery/pkg/util/resourceversion"
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

// Current reports whether what was noted at resourceVersion noted still holds for
// an object that a cache shows at seen. A cache may lag behind our own write and
// show an older version; a newer one means that somebody wrote since. Versions of
// one resource can be compared since Kubernetes 1.35 (KEP-5504), and never did
// anything but grow before.
func Current(noted, seen string) bool {
	if noted == "" || seen == "" {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(seen, noted)
	if err != nil {
		return seen == noted
	}
	return order <= 0
}
