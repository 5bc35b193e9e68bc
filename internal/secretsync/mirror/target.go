package mirror

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/outcome"
	"github.com/tazzo/rebirth/internal/secretsync/externalsecret"
	"github.com/tazzo/rebirth/internal/secretsync/redact"
)

// write returns the plan that makes the target hold data, or why it may not.
func write(f Facts, data redact.Data, created corev1.SecretType) Plan {
	name := TargetName(f.Import, f.Export)
	answer := externalsecret.Answer{Kind: externalsecret.Absent}
	if f.External != nil {
		answer = externalsecret.Decide(*f.External, method(f.Import), name)
	}
	taken := ""
	if f.Target != nil {
		var r *refusal
		if taken, r = mayTake(f, f.Target.secret); r != nil {
			return notSynced(r)
		}
	}
	switch {
	case answer.Kind == externalsecret.NeedsFreeze:
		plan := notSynced(waiting(v1alpha1.ExternalSecretFrozenReason, "freezing ExternalSecret %s/%s before its Secret is taken", f.Import.Namespace, f.External.Name))
		plan.Action, plan.Frozen = Freeze, &f.External.Name
		return plan
	case !answer.Takeable():
		return notSynced(stalled(v1alpha1.ExternalSecretNotSeedReason, "%s", answer.Message))
	case f.Target == nil:
		return takenOver(put(f, Create, newMirror(f, name, data, created)), f, answer, taken)
	}
	return takenOver(update(f, data), f, answer, taken)
}

// takenOver adds to the plan from whom the Secret is taken, and which
// ExternalSecret is frozen for it.
func takenOver(plan Plan, f Facts, answer externalsecret.Answer, taken string) Plan {
	reason := v1alpha1.TakenOverReason
	if answer.Kind == externalsecret.Frozen {
		taken = answer.Message
		if freezes(f.Import) {
			reason, plan.Frozen = v1alpha1.ExternalSecretFrozenReason, &f.External.Name
		}
	}
	if taken != "" && plan.InOrder {
		plan.Outcome.Conditions = append(plan.Outcome.Conditions, outcome.True(v1alpha1.TakenOverCondition, reason, taken))
	}
	return plan
}

// mayTake says why the live Secret may not be written; if it may, taken tells
// from whom it is taken, "" if it is the import's already.
func mayTake(f Facts, live *corev1.Secret) (taken string, r *refusal) {
	name := live.Namespace + "/" + live.Name
	if git, ok := externalsecret.InGit(live); ok {
		return "", stalled(v1alpha1.ManagedByGitReason, "Secret %s is applied from Git (%s), which would win it back: remove it there, or choose another spec.target.name", name, git.Text)
	}
	if ownedBy(live, f.Import) {
		return "", nil
	}
	policy := f.Import.Spec.Existing
	owner := externalsecret.OwnerOf(live)
	switch owner.Kind {
	case externalsecret.ByController:
		if owner.Reference.Kind == v1alpha1.SecretImportKind {
			return "", stalled(v1alpha1.ImportConflictReason, "Secret %s is the mirror of SecretImport %s: choose another spec.target.name, or delete that import", name, owner.Name)
		}
		return "", stalled(v1alpha1.ConflictReason, "Secret %s belongs to %s, which would write it again: choose another spec.target.name", name, owner.Text)
	case externalsecret.ByExternalSecret:
		if policy != v1alpha1.ExistingTakeOver {
			return "", stalled(v1alpha1.ConflictReason, "Secret %s belongs to %s: to take it over set spec.existing: TakeOver, and in Git the ExternalSecret's creationPolicy: Orphan and refreshPolicy: CreatedOnce; or choose another spec.target.name", name, owner.Text)
		}
		if owner.Name != "" && owner.Name != f.External.Name {
			return "", stalled(v1alpha1.ConflictReason, "Secret %s belongs to %s, and spec.externalSecret names %q: correct spec.externalSecret.name", name, owner.Text, f.External.Name)
		}
		return "taken over from " + owner.Text, unnamed(f.Import, name)
	case externalsecret.ByGit:
		return "", stalled(v1alpha1.ManagedByGitReason, "Secret %s is applied from Git (%s), which would win it back: remove it there, or choose another spec.target.name", name, owner.Text)
	}
	if policy == v1alpha1.ExistingRefuse || policy == "" {
		return "", stalled(v1alpha1.ConflictReason, "Secret %s exists and is not this import's: set spec.existing: Adopt and spec.target.name to take it, delete it, or choose another spec.target.name", name)
	}
	return "adopted a Secret that nobody owned", unnamed(f.Import, name)
}

// unnamed refuses what the API server has refused only since it knows the rule: to take
// a Secret that the export's owner has chosen.
func unnamed(imp *v1alpha1.SecretImport, secret string) *refusal {
	if imp.Spec.Target.Name != "" {
		return nil
	}
	return stalled(v1alpha1.ConflictReason, "Secret %s is not this import's, and spec.existing: %s needs spec.target.name: set it, or the export's owner would choose which Secret is taken", secret, imp.Spec.Existing)
}

// ownedBy reports whether the import controls the Secret. An import of the same
// name with another UID is the same import of a former life.
func ownedBy(secret *corev1.Secret, imp *v1alpha1.SecretImport) bool {
	owner := metav1.GetControllerOf(secret)
	return owner != nil && owner.APIVersion == v1alpha1.GroupVersion.String() && owner.Kind == v1alpha1.SecretImportKind && owner.Name == imp.Name
}

func newMirror(f Facts, name string, data redact.Data, secretType corev1.SecretType) *corev1.Secret {
	secret := &corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Namespace: f.Import.Namespace, Name: name},
		Type:       secretType,
	}
	moment, last := beforeNow(f.Now), lastChange(f.Import, name)
	switch {
	case sameContent(f):
		// Somebody deleted it. What processes read then is what they would read now.
		moment = last
	case !moment.After(last):
		moment = last.Add(time.Second) // what is not newer counts as handled
	}
	dress(secret, f.Import, data, created(data, moment))
	return secret
}

// lastChange is when the mirror of that name last changed, as far as is known.
func lastChange(imp *v1alpha1.SecretImport, name string) time.Time {
	if t := imp.Status.Target; t != nil && t.Name == name && t.ChangedAt != nil {
		return t.ChangedAt.Time
	}
	return time.Time{}
}

func update(f Facts, data redact.Data) Plan {
	live := f.Target.secret
	after := live.DeepCopy()
	externalsecret.Release(after)
	dress(after, f.Import, data, updated(ReadChanged(live.Annotations), live, data, f.Now))
	if equality.Semantic.DeepEqual(live, after) {
		return put(f, Leave, live)
	}
	if live.Immutable != nil && *live.Immutable {
		return notSynced(stalled(v1alpha1.ImmutableReason, "Secret %s/%s is immutable: delete it, and it will be written anew", live.Namespace, live.Name))
	}
	return put(f, Update, after)
}

// dress gives the Secret the content, the owner and the marks of the import's
// mirror. Labels, annotations and owners of others stay.
func dress(secret *corev1.Secret, imp *v1alpha1.SecretImport, data redact.Data, changed Changed) {
	secret.Data = data
	if secret.Labels == nil {
		secret.Labels = map[string]string{}
	}
	secret.Labels[v1alpha1.ManagedByLabel] = v1alpha1.ManagedByValue
	if secret.Annotations == nil {
		secret.Annotations = map[string]string{}
	}
	secret.Annotations[v1alpha1.SourceAnnotation] = exportName(imp)
	if moments := changed.annotation(); moments != "" {
		secret.Annotations[v1alpha1.ChangedAnnotation] = moments
	} else {
		delete(secret.Annotations, v1alpha1.ChangedAnnotation)
	}
	owners := secret.OwnerReferences[:0:0]
	for _, owner := range secret.OwnerReferences {
		if owner.Controller == nil || !*owner.Controller {
			owners = append(owners, owner)
		}
	}
	secret.OwnerReferences = append(owners, *metav1.NewControllerRef(imp, v1alpha1.GroupVersion.WithKind(v1alpha1.SecretImportKind)))
}

func put(f Facts, action Action, secret *corev1.Secret) Plan {
	return Plan{
		Action:  action,
		Mirror:  NewLive(secret),
		Changed: ReadChanged(secret.Annotations),
		InOrder: true,
		Outcome: mirrored(f),
	}
}

func method(imp *v1alpha1.SecretImport) v1alpha1.TakeOverMethod {
	if freezes(imp) {
		return v1alpha1.TakeOverFreeze
	}
	return v1alpha1.TakeOverCooperate
}

// ExternalSecretName is the ExternalSecret that the target is taken over from, or
// given back to; "" if there is none.
func ExternalSecretName(imp *v1alpha1.SecretImport, target string) string {
	if name := toThaw(imp, target); name != "" {
		return name
	}
	return takenFrom(imp, target)
}

// toThaw is the ExternalSecret that was frozen for this import, and is no longer
// meant to be; "" if there is none.
func toThaw(imp *v1alpha1.SecretImport, target string) string {
	name := imp.Status.FrozenExternalSecret
	if freezes(imp) && name == takenFrom(imp, target) {
		return ""
	}
	return name
}

func takenFrom(imp *v1alpha1.SecretImport, target string) string {
	switch {
	case imp.Spec.Existing != v1alpha1.ExistingTakeOver:
		return ""
	case imp.Spec.ExternalSecret != nil && imp.Spec.ExternalSecret.Name != "":
		return imp.Spec.ExternalSecret.Name
	default:
		return target
	}
}
