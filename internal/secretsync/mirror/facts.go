package mirror

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/externalsecret"
	"github.com/tazzo/rebirth/internal/secretsync/redact"
)

// Facts is everything that a decision rests on. Source, Target and External are
// read live, and only when NeedsSecrets says so.
type Facts struct {
	Now    time.Time
	Import *v1alpha1.SecretImport
	// Requested: somebody asked for a reconcile (reconcile.fluxcd.io/requestedAt).
	Requested bool
	// Namespace is the import's own.
	Namespace Namespace
	// Granted: the chart gives the right to write this namespace's Secrets.
	Granted bool
	// Rivals are the names of the other imports of this namespace with the same
	// target that came first.
	Rivals []string

	// Export is nil if there is none of that name.
	Export *v1alpha1.SecretExport
	// ExportNamespace is where the export is, or would be.
	ExportNamespace Namespace

	// SeenVersion is the target's resourceVersion in the informer's cache; empty if
	// it isn't there or the cache can't tell.
	SeenVersion string

	// Source is nil if the source Secret is gone.
	Source *Source
	// Target is the live Secret of the target's name, or nil.
	Target *Live
	// External is the ExternalSecret that the target is to be taken from; nil
	// when that is not asked for.
	External *externalsecret.External
}

// Source is the source Secret as it was read.
type Source struct {
	ResourceVersion string
	// ChangedAt is when the API server last saw the Secret change, in whole seconds.
	ChangedAt time.Time
	Type      corev1.SecretType
	Data      redact.Data
}

// Format keeps the data out of prints that would not ask Data, such as %s of a
// pointer within a struct.
func (Source) Format(s fmt.State, verb rune) { redact.Text("").Format(s, verb) }

// Live is a Secret that no print shows the data of.
type Live struct{ secret *corev1.Secret }

// NewLive wraps a Secret.
func NewLive(secret *corev1.Secret) *Live { return &Live{secret} }

// Secret returns the Secret.
func (l *Live) Secret() *corev1.Secret { return l.secret }

// Format keeps the data out of every print.
func (l *Live) Format(s fmt.State, verb rune) { redact.Text("").Format(s, verb) }

// TargetName is the name of the Secret that the import writes, or "" as long as
// it depends on an export that can't be seen.
func TargetName(imp *v1alpha1.SecretImport, export *v1alpha1.SecretExport) string {
	switch {
	case imp.Spec.Target.Name != "":
		return imp.Spec.Target.Name
	case pinned(imp) != "":
		return pinned(imp)
	case export != nil:
		return export.SecretName()
	case imp.Status.Target != nil:
		return imp.Status.Target.Name
	default:
		return ""
	}
}

// pinned is the name of the mirror that was written for this export; "" if none was.
// From then on the export's owner has no say in which Secret is written.
func pinned(imp *v1alpha1.SecretImport) string {
	s := imp.Status
	if s.Source == nil || s.Source.Export != exportName(imp) || s.Target == nil || s.Target.Generation == 0 {
		return ""
	}
	return s.Target.Name
}
