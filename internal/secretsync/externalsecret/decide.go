// Package externalsecret takes a Secret over from External Secrets (ESO).
//
// The hazards: an ExternalSecret that still refreshes writes its provider's value
// over the mirror; one whose Secret was taken before it was quieted says Ready=False
// for ever, and holds up every Flux Kustomization that waits for it; and one that is
// deleted takes the Secret with it while its ownerReference is on. So the
// ExternalSecret is quieted first, and the Secret is released from it after.
//
// How ESO behaves is read from its pkg/controllers/externalsecret (v0.19 and
// newer). Only external-secrets.io/v1 is spoken, which ESO serves since v0.16.
package externalsecret

import (
	"fmt"
	"strings"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

// The policies with which an ExternalSecret seeds its Secret once and never writes
// it again: with Orphan, ESO calls any content valid; with CreatedOnce, it doesn't
// refresh what it calls valid.
const (
	QuietCreationPolicy = "Orphan"
	QuietRefreshPolicy  = "CreatedOnce"
)

// What holds where an ExternalSecret doesn't say.
const (
	defaultCreationPolicy = "Owner"
	defaultRefreshPolicy  = "Periodic"
)

// reconcileAnnotation keeps kustomize-controller from touching the live object.
const (
	reconcileAnnotation = "kustomize.toolkit.fluxcd.io/reconcile"
	reconcileDisabled   = "disabled"
)

// External is an ExternalSecret as it was last read.
type External struct {
	Namespace string
	Name      string
	// Served says that the API server has the kind in v1, Outdated that it has it in
	// v1beta1 only, Exists that the object is there.
	Served   bool
	Outdated bool
	Exists   bool

	UID             string
	ResourceVersion string
	Annotations     map[string]string

	// TargetName is spec.target.name, by default the ExternalSecret's own name.
	TargetName string
	// CreationPolicy is spec.target.creationPolicy and RefreshPolicy is
	// spec.refreshPolicy; "" where the object doesn't say.
	CreationPolicy string
	RefreshPolicy  string
	// Refreshed says that ESO has written the target once (status.refreshTime).
	// Until then even a quiet ExternalSecret has one write to come.
	Refreshed bool

	// hasTarget says that there is a spec.target to put the policy into.
	hasTarget bool
}

// Kind is what Decide found.
type Kind int

// Every answer that Decide can give.
const (
	// Absent: no such ExternalSecret, or ESO is not installed. Nothing writes.
	Absent Kind = iota
	// Quiet: it only seeds the Secret. The Secret can be taken.
	Quiet
	// Frozen: quiet because of Freeze. The Secret can be taken.
	Frozen
	// NeedsFreeze: call Freeze, then read and decide again.
	NeedsFreeze
	// NotCooperating: Git has to change it. Leave the Secret alone.
	NotCooperating
	// WrongTarget: it writes another Secret. Leave everything alone.
	WrongTarget
)

// Answer is what is to be done about an ExternalSecret.
type Answer struct {
	Kind Kind
	// Message is for conditions: it names the object, the field and the way out.
	Message string
}

// Takeable reports whether the Secret may be taken over now.
func (a Answer) Takeable() bool { return a.Kind == Absent || a.Kind == Quiet || a.Kind == Frozen }

// Decide says whether the Secret named targetName can be taken from e.
func Decide(e External, method v1alpha1.TakeOverMethod, targetName string) Answer {
	name := fmt.Sprintf("ExternalSecret %s/%s", e.Namespace, e.Name)
	switch {
	case e.Outdated && e.Exists:
		return Answer{NotCooperating, name + " can't be judged, as this External Secrets serves v1beta1 only: upgrade it to v0.16 or newer"}
	case !e.Served && !e.Exists:
		return Answer{Absent, name + " does not exist, nor does the API server have the kind: nothing to take over from"}
	case !e.Exists:
		return Answer{Absent, name + " does not exist: nothing to take over from"}
	case e.TargetName != targetName:
		return Answer{WrongTarget, fmt.Sprintf("%s writes Secret %q (spec.target.name), not %q: name the ExternalSecret that does in spec.externalSecret.name of the import",
			name, e.TargetName, targetName)}
	case e.quiet() && e.frozen() && e.shielded():
		return Answer{Frozen, fmt.Sprintf("%s is frozen and leaves the Secret alone%s; the way back is in its annotation %s%s",
			name, e.seedNote(), v1alpha1.FrozenAnnotation, thawNote(method))}
	case method == v1alpha1.TakeOverFreeze && (!e.quiet() || e.frozen()):
		return Answer{NeedsFreeze, fmt.Sprintf("%s still writes the Secret, so it has to be frozen first: that sets %s", name, strings.Join(e.unquiet(), " and "))}
	case e.quiet():
		return Answer{Quiet, name + " only seeds the Secret" + e.seedNote()}
	default:
		return Answer{NotCooperating, fmt.Sprintf("%s still writes the Secret: set %s in Git, or spec.externalSecret.method of the import to Freeze",
			name, strings.Join(e.unquiet(), " and "))}
	}
}

func (e External) quiet() bool {
	return e.CreationPolicy == QuietCreationPolicy && e.RefreshPolicy == QuietRefreshPolicy
}

func (e External) frozen() bool {
	_, frozen := e.Annotations[v1alpha1.FrozenAnnotation]
	return frozen
}

// shielded reports whether Flux leaves the live policies alone.
func (e External) shielded() bool { return e.Annotations[reconcileAnnotation] == reconcileDisabled }

// unquiet names what has to become different, and from what.
func (e External) unquiet() []string {
	var fields []string
	if e.CreationPolicy != QuietCreationPolicy {
		fields = append(fields, fmt.Sprintf("spec.target.creationPolicy to %s (it is %s)",
			QuietCreationPolicy, orDefault(e.CreationPolicy, defaultCreationPolicy)))
	}
	if e.RefreshPolicy != QuietRefreshPolicy {
		fields = append(fields, fmt.Sprintf("spec.refreshPolicy to %s (it is %s)",
			QuietRefreshPolicy, orDefault(e.RefreshPolicy, defaultRefreshPolicy)))
	}
	if len(fields) == 0 {
		fields = append(fields, fmt.Sprintf("annotation %s to %s", reconcileAnnotation, reconcileDisabled))
	}
	return fields
}

func (e External) seedNote() string {
	if e.Refreshed {
		return ""
	}
	return " (it has not written it yet, and will once)"
}

func thawNote(method v1alpha1.TakeOverMethod) string {
	if method == v1alpha1.TakeOverFreeze {
		return ""
	}
	return fmt.Sprintf(": once Git sets spec.target.creationPolicy %s and spec.refreshPolicy %s, remove that annotation and %s",
		QuietCreationPolicy, QuietRefreshPolicy, reconcileAnnotation)
}

func orDefault(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}
