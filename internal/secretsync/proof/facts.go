package proof

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/login"
	"github.com/tazzo/rebirth/internal/secretsync/pgo"
	"github.com/tazzo/rebirth/internal/secretsync/redact"
)

// Facts is everything that a decision rests on.
type Facts struct {
	Now    time.Time
	Export *v1alpha1.SecretExport
	// Requested: somebody asked for a reconcile (reconcile.fluxcd.io/requestedAt).
	Requested bool
	// Granted: the chart gives the right to read the source Secret.
	Granted bool
	// CAGranted: the same for the Secret that holds the CA.
	CAGranted bool

	// ClusterKnown is false while PGO's CRD is not served, or its informer has not
	// yet seen the namespace.
	ClusterKnown bool
	// Cluster is nil if there is none of that name, or the source is a Secret.
	Cluster *pgo.Cluster

	// SeenVersion and SeenCAVersion are resourceVersions in the informers' cache;
	// empty if the object isn't there or the cache can't tell.
	SeenVersion   string
	SeenCAVersion string

	// Source is the live source Secret, or nil. Read only when NeedsSource says so.
	Source *Source
	// CA is what was read of the CA's Secret; nil if it is gone or has no such key.
	CA *CA

	// Login is the result of the login that LoginDue asked for.
	Login *login.Result
}

// Source is the source Secret as it was read.
type Source struct {
	ResourceVersion string
	Type            corev1.SecretType
	Data            redact.Data
	// NotOwned says why the Secret is not the cluster's own; empty if it is.
	NotOwned string
	// Orphaned: it is that of a cluster of the same name in a former life, and the
	// garbage collector is about to remove it.
	Orphaned bool
}

// Format keeps the data out of prints that would not ask Data, such as %s of a
// pointer within a struct.
func (Source) Format(s fmt.State, verb rune) { redact.Text("").Format(s, verb) }

// CA is a certificate authority as it was read.
type CA struct {
	ResourceVersion string
	// PEM holds certificates only.
	PEM string
}
