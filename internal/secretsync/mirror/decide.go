package mirror

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/outcome"
	"github.com/tazzo/rebirth/internal/secretsync/revision"
)

// Action is the one write that a plan asks for.
type Action int

// The actions.
const (
	// Leave the cluster as it is.
	Leave Action = iota
	// Create the mirror, where no Secret is.
	Create
	// Update the Secret to Plan.Mirror, at the resourceVersion that was read.
	Update
	// Delete the mirror, at the resourceVersion that was read.
	Delete
	// Freeze the ExternalSecret, then look again.
	Freeze
	// Thaw the ExternalSecret that was frozen before, then look again.
	Thaw
)

// Plan is what is to be done about an import.
type Plan struct {
	Action Action
	// Mirror is the Secret to write, or, with Leave, the one that is in order. Nil
	// with the other actions.
	Mirror *Live
	// Changed are the moments that Mirror carries.
	Changed Changed
	// Keep: the mirror is in order and nothing was read.
	Keep bool
	// Outcome becomes the conditions, apart from Restarted.
	Outcome outcome.Outcome
	// InOrder: once Action is done, the mirror holds the export's revision, and
	// restarts may be looked at.
	InOrder bool
	// Frozen replaces the status field of the frozen ExternalSecret; nil leaves it.
	Frozen *string
	// Forget: consent was withdrawn and the mirror is deleted.
	Forget bool
	// LookAgain is when waiting is over, if nothing happens before; zero is never.
	LookAgain time.Time
}

// refusal is why a mirror can't be written.
type refusal struct {
	class   outcome.Class
	reason  string
	message string
}

func waiting(reason, format string, args ...any) *refusal {
	return &refusal{outcome.Waiting, reason, fmt.Sprintf(format, args...)}
}

func stalled(reason, format string, args ...any) *refusal {
	return &refusal{outcome.Stalled, reason, fmt.Sprintf(format, args...)}
}

// NeedsSecrets reports whether the source, the target and the ExternalSecret have
// to be read. It is false for an import that may not have the source.
func NeedsSecrets(f Facts) bool {
	if refused(f) != nil {
		return false
	}
	answer, _ := consent(f)
	return answer == Exported && renamed(f) == nil && notHandedOn(f) == nil && !inOrder(f)
}

// NeedsTarget reports whether the target has to be read because it may have to be
// deleted: that the cache doesn't know it proves nothing. Consent has to be read live
// then, and asked for again: nothing brings a mirror back that an old cache deleted.
func NeedsTarget(f Facts) bool {
	answer, policy := consent(f)
	return refused(f) == nil && answer == Revoked && policy == v1alpha1.RevokeDelete && f.Import.Status.Target != nil && !f.Now.Before(deletionDue(f))
}

// Decide returns the plan.
func Decide(f Facts) Plan {
	if r := refused(f); r != nil {
		return notSynced(r)
	}
	switch answer, policy := consent(f); answer {
	case NotExported:
		return notExported(f)
	case Revoked:
		return revoked(f, policy)
	case Reborn:
		return allowed(notSynced(waiting(v1alpha1.ExportNotReadyReason, "namespace %s is being reborn: the mirror is kept until SecretExport %s is back",
			f.Import.Spec.From.Namespace, exportName(f.Import))))
	}
	return allowed(decideAllowed(f))
}

// refused finds what is wrong before any consent is asked for.
func refused(f Facts) *refusal {
	if err := Validate(f.Import); err != nil {
		reason := v1alpha1.InvalidSpecReason
		if strings.HasPrefix(err.Error(), "spec.target.template") {
			reason = v1alpha1.TemplateFailedReason
		}
		return stalled(reason, "%s", err)
	}
	if f.Namespace.Terminating {
		return waiting(v1alpha1.NamespaceDeletedReason, "namespace %s is being deleted", f.Import.Namespace)
	}
	if !f.Granted {
		return stalled(v1alpha1.NoRightsReason, "secret-sync has no right to write Secrets in namespace %s: add it to the chart's values, imports: [{namespace: %s}]",
			f.Import.Namespace, f.Import.Namespace)
	}
	if len(f.Rivals) > 0 {
		return stalled(v1alpha1.ImportConflictReason, "SecretImport %s/%s writes the same Secret: give one of the two another spec.target.name, or delete it", f.Import.Namespace, f.Rivals[0])
	}
	return nil
}

func decideAllowed(f Facts) Plan {
	if r := cmp.Or(renamed(f), notHandedOn(f)); r != nil {
		return notSynced(r)
	}
	if inOrder(f) {
		return Plan{Keep: true, InOrder: true, Outcome: mirrored(f)}
	}
	if name := toThaw(f.Import, TargetName(f.Import, f.Export)); name != "" {
		plan := notSynced(waiting(v1alpha1.ExternalSecretReleasedReason, "giving ExternalSecret %s back its own policies", name))
		plan.Action, plan.Frozen = Thaw, new(string)
		plan.Outcome.Absent = []string{v1alpha1.TakenOverCondition}
		return plan
	}
	if f.Source == nil || f.Source.ResourceVersion != revision.Source(f.Export.Status.Revision) {
		return notSynced(waiting(v1alpha1.ExportNotReadyReason, "the source changed since SecretExport %s proved it; the mirror is kept until it is proven again", exportName(f.Import)))
	}
	data, r := render(f.Import, exported(f.Export, f.Source.Data))
	if r != nil {
		return notSynced(r)
	}
	return write(f, data, secretType(f.Import, f.Source, data))
}

// renamed finds an export of a Secret whose name is not the mirror's, though the import
// leaves the name to it. Whoever may edit an export would otherwise choose, at
// any time, which Secret is written in the consumer's namespace.
func renamed(f Facts) *refusal {
	name, now := pinned(f.Import), f.Export.SecretName()
	if f.Import.Spec.Target.Name != "" || name == "" || name == now {
		return nil
	}
	return stalled(v1alpha1.ConflictReason, "SecretExport %s exports Secret %q, and this import's mirror is Secret %s/%s, which is kept as it is: set spec.target.name to %q to have it updated, or to another name to have another Secret",
		exportName(f.Import), now, f.Import.Namespace, name, name)
}

// notHandedOn finds why the export's revision can't be copied now.
func notHandedOn(f Facts) *refusal {
	e := f.Export
	if e.Status.ObservedGeneration == e.Generation && conditions.IsReady(e) && e.Status.Revision != "" {
		return nil
	}
	message := "it has not been looked at yet"
	switch {
	case e.Spec.Suspend:
		message = "it is suspended (its spec.suspend)"
	case e.Status.ObservedGeneration == e.Generation && conditions.Has(e, meta.ReadyCondition):
		message = conditions.GetMessage(e, meta.ReadyCondition)
	}
	kept := ""
	if f.Import.Status.Target != nil && f.Import.Status.Target.ResourceVersion != "" {
		kept = "; the mirror is kept as it is"
	}
	return waiting(v1alpha1.ExportNotReadyReason, "waiting for SecretExport %s: %s%s", exportName(f.Import), message, kept)
}

// inOrder reports whether nothing that the mirror depends on has changed since it
// was last seen to be right. What was found wrong since is looked at again.
func inOrder(f Facts) bool {
	s := f.Import.Status
	return !f.Requested && conditions.IsTrue(f.Import, v1alpha1.SyncedCondition) &&
		sameContent(f) && revision.Current(s.Target.ResourceVersion, f.SeenVersion) &&
		toThaw(f.Import, s.Target.Name) == ""
}

// sameContent reports whether the mirror that the status tells of held just what
// it is to hold now.
func sameContent(f Facts) bool {
	s := f.Import.Status
	return s.Source != nil && s.Target != nil &&
		s.Target.Generation == f.Import.Generation &&
		s.Source.Export == exportName(f.Import) &&
		s.Source.ExportUID == string(f.Export.UID) &&
		s.Source.ExportGeneration == f.Export.Generation &&
		s.Source.Revision == f.Export.Status.Revision &&
		s.Source.NamespaceUID == f.ExportNamespace.UID &&
		s.Target.Name == TargetName(f.Import, f.Export) &&
		s.Target.ResourceVersion != ""
}

func freezes(imp *v1alpha1.SecretImport) bool {
	return imp.Spec.Existing == v1alpha1.ExistingTakeOver && imp.Spec.ExternalSecret != nil && imp.Spec.ExternalSecret.Method == v1alpha1.TakeOverFreeze
}

// exportGrace is how long an import that is new, and was never served, waits for its
// export before it is Stalled. In a rebirth Flux applies both within half a minute, in
// either order, and would take an import that is Stalled for a failure.
const exportGrace = time.Minute

// notExported is the plan without consent. It depends on the import alone, so that it
// tells nothing of exports.
func notExported(f Facts) Plan {
	plan := notAllowed(v1alpha1.NotExportedReason, notExportedMessage(f.Import))
	if until := f.Import.CreationTimestamp.Add(exportGrace); f.Import.Status.Source == nil && f.Now.Before(until) {
		plan.Outcome.Class, plan.LookAgain = outcome.Waiting, until
	}
	return plan
}

// revoked is the plan after consent was withdrawn.
func revoked(f Facts, policy v1alpha1.RevokePolicy) Plan {
	message := notExportedMessage(f.Import)
	if policy != v1alpha1.RevokeDelete {
		return notAllowed(v1alpha1.RevokedReason, "consent was withdrawn; the mirror is retained as it is and no longer updated: "+message)
	}
	if due := deletionDue(f); f.Import.Status.Target != nil && f.Now.Before(due) {
		plan := notAllowed(v1alpha1.RevokedReason, fmt.Sprintf("consent was withdrawn; the mirror is deleted unless it is given again within %s: %s", deletedAfter, message))
		plan.LookAgain = due
		return plan
	}
	plan := notAllowed(v1alpha1.RevokedReason, "consent was withdrawn; the mirror is deleted: "+message)
	plan.Forget = true
	if f.Target != nil && ownedBy(f.Target.secret, f.Import) {
		plan.Action, plan.Mirror = Delete, f.Target
	}
	return plan
}

// deletedAfter is how long consent has to be withdrawn before a mirror is deleted: an
// export that is replaced is gone for a moment.
const deletedAfter = 10 * time.Second

// deletionDue is when that time is over. It begins with the report of the withdrawal.
func deletionDue(f Facts) time.Time {
	said := conditions.Get(f.Import, v1alpha1.AllowedCondition)
	if said == nil || said.Status != metav1.ConditionFalse || said.Reason != v1alpha1.RevokedReason {
		return f.Now.Add(deletedAfter)
	}
	return said.LastTransitionTime.Add(deletedAfter)
}

func notAllowed(reason, message string) Plan {
	return Plan{Outcome: outcome.Outcome{
		Class: outcome.Stalled, Reason: reason, Message: message,
		Conditions: []outcome.Condition{
			outcome.False(v1alpha1.AllowedCondition, reason, message),
			outcome.False(v1alpha1.SyncedCondition, reason, message),
		},
		Absent: []string{v1alpha1.RestartedCondition},
	}}
}

func notSynced(r *refusal) Plan {
	return Plan{Outcome: outcome.Outcome{
		Class: r.class, Reason: r.reason, Message: r.message,
		Conditions: []outcome.Condition{outcome.False(v1alpha1.SyncedCondition, r.reason, r.message)},
	}}
}

func allowed(plan Plan) Plan {
	plan.Outcome.Conditions = append(plan.Outcome.Conditions,
		outcome.True(v1alpha1.AllowedCondition, v1alpha1.ExportedReason, "the export names this namespace"))
	return plan
}

// mirrored is the outcome once the mirror is in order.
func mirrored(f Facts) outcome.Outcome {
	message := fmt.Sprintf("Secret %s/%s holds what SecretExport %s exports", f.Import.Namespace, TargetName(f.Import, f.Export), exportName(f.Import))
	return outcome.Outcome{
		Class: outcome.Ready, Reason: v1alpha1.SucceededReason, Message: message,
		Conditions: []outcome.Condition{outcome.True(v1alpha1.SyncedCondition, v1alpha1.MirroredReason, message)},
	}
}
