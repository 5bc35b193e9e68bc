package rollout

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

const (
	maxAnnotationName = 63  // the API server's limit on the part after the slash
	maxFieldOwner     = 128 // the API server's limit on a field manager
)

// AnnotationKey is the annotation on a pod template that names the moment which
// the last restart for this import answers.
func AnnotationKey(importName string) string {
	return v1alpha1.RestartedAnnotationPrefix + shorten(importName, maxAnnotationName)
}

// FieldOwner is the field manager that an import's restarts are applied with.
// Each import has its own: server-side apply takes away what a manager applied
// before and leaves out now, so two imports must not share one.
func FieldOwner(importName string) string {
	return shorten(v1alpha1.ManagedByValue+"/"+importName, maxFieldOwner)
}

// shorten keeps a name that fits, and ends a longer one in a hash of the whole.
func shorten(name string, limit int) string {
	if len(name) <= limit {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	suffix := "-" + hex.EncodeToString(sum[:5])
	return name[:limit-len(suffix)] + suffix
}

// stampOf reads an import's stamp; zero if there is none. One that can't be read
// counts as none: the next restart writes it anew.
func stampOf(annotations map[string]string, importName string) time.Time {
	return parseStamp(annotations[AnnotationKey(importName)])
}

// newestStamp is the newest stamp of any import; zero if there is none.
func newestStamp(annotations map[string]string) time.Time {
	var newest time.Time
	for key, value := range annotations {
		if !strings.HasPrefix(key, v1alpha1.RestartedAnnotationPrefix) {
			continue
		}
		if at := parseStamp(value); at.After(newest) {
			newest = at
		}
	}
	return newest
}

// lacksStamp reports whether the template has a newer stamp of any import than
// the pod: the pod was made from an older template.
func lacksStamp(pod, template map[string]string) bool {
	for key, value := range template {
		if strings.HasPrefix(key, v1alpha1.RestartedAnnotationPrefix) && parseStamp(value).After(parseStamp(pod[key])) {
			return true
		}
	}
	return false
}

func parseStamp(value string) time.Time {
	at, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

func formatStamp(at time.Time) string { return at.UTC().Format(time.RFC3339) }
