package proof

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/outcome"
	"github.com/tazzo/rebirth/internal/secretsync/login"
	"github.com/tazzo/rebirth/internal/secretsync/redact"
	"github.com/tazzo/rebirth/internal/secretsync/revision"
	"github.com/tazzo/rebirth/internal/secretsync/verifier"
)

// Plan is what is to be done about an export.
type Plan struct {
	// Keep: nothing changed and nothing was read; the status stays.
	Keep bool
	// Outcome becomes the conditions.
	Outcome outcome.Outcome
	// Verification replaces the status' one; nil drops it, so that the next time
	// the source is settled it is proven anew.
	Verification *v1alpha1.VerificationStatus
	// Publish is what imports may copy from now on; nil leaves what is published.
	Publish *Published
	// Repair asks PGO to set the Secret's password again; nil does not.
	Repair *v1alpha1.RepairStatus
	// RequeueAfter is when to look again although nothing happened; 0 is never.
	RequeueAfter time.Duration
}

// Published is what an export hands on.
type Published struct {
	Revision          string
	CA                string
	CAResourceVersion string
}

// NeedsSource reports whether the source Secret has to be read.
func NeedsSource(f Facts) bool { return unsettled(f) == nil && !resting(f) }

// LoginDue reports whether a login has to be tried, once the source is read.
func LoginDue(f Facts) bool {
	return f.Export.Spec.Source.PostgresUser != nil && f.Export.Spec.Verify != v1alpha1.VerifyOff &&
		NeedsSource(f) && incomplete(f) == nil && !resting(asRead(f)) && !provenSource(f) && offline(f) != verifier.Mismatch
}

// Decide returns the plan.
func Decide(f Facts) Plan {
	if o := unsettled(f); o != nil {
		return blocked(o)
	}
	if resting(f) {
		return Plan{Keep: true, RequeueAfter: untilNext(f)}
	}
	if o := incomplete(f); o != nil {
		return blocked(o)
	}
	if resting(asRead(f)) {
		return Plan{Keep: true, RequeueAfter: untilNext(f)}
	}
	return prove(f)
}

// resting reports whether everything is as it was when the present status was
// written, and no attempt is due.
func resting(f Facts) bool {
	s := f.Export.Status
	if s.Verification == nil || s.ObservedGeneration != f.Export.Generation || f.Requested {
		return false
	}
	if !revision.Current(s.Verification.Revision, f.SeenVersion) || s.Verification.Database != database(f) {
		return false
	}
	if s.CA != "" && (!f.Export.IncludesCA() || !revision.Current(s.CAResourceVersion, f.SeenCAVersion)) {
		return false
	}
	return final(s.Verification.Result) || untilNext(f) > 0 && s.Verification.UsersRevision == usersRevision(f)
}

// final reports whether a result needs no further attempt.
func final(result string) bool {
	switch result {
	case v1alpha1.LoginSucceededReason, v1alpha1.VerifyOffReason, v1alpha1.NotApplicableReason:
		return true
	default:
		return false
	}
}

// Due is the record of attempts with another attempt due now, for when nobody knows
// whether the last result still holds. Of a final one nothing is left.
func Due(v *v1alpha1.VerificationStatus) *v1alpha1.VerificationStatus {
	if v == nil || final(v.Result) {
		return nil
	}
	due := v.DeepCopy()
	due.LastAttempt = due.Since
	return due
}

func untilNext(f Facts) time.Duration {
	v := f.Export.Status.Verification
	if final(v.Result) {
		return 0
	}
	if v.LastAttempt.After(f.Now) {
		return 0 // a clock went backwards
	}
	next := v.LastAttempt.Add(delay(v.Attempts, v.LastAttempt.Sub(v.Since.Time)))
	return max(next.Sub(f.Now), 0)
}

// blocked is the plan while something stands in the way: the proof is dropped, so
// that the source is proven anew once nothing does.
func blocked(o *obstacle) Plan {
	plan := Plan{Outcome: outcome.Outcome{
		Class: o.class, Reason: o.reason, Message: o.message,
		Conditions: []outcome.Condition{
			outcome.False(v1alpha1.SettledCondition, o.reason, o.message),
			outcome.Unknown(v1alpha1.VerifiedCondition, v1alpha1.WaitingReason, "proven once the source is settled"),
		},
	}}
	if o.reason == v1alpha1.CRDMissingReason {
		plan.RequeueAfter = crdMissingRetry
	}
	return plan
}

// prove judges the source that was read.
func prove(f Facts) Plan {
	switch {
	case f.Export.Spec.Source.PostgresUser == nil:
		return publish(f, v1alpha1.NotApplicableReason, metav1.ConditionUnknown, "a Secret that is not a PostgreSQL user's is handed on as it is")
	case offline(f) == verifier.Mismatch:
		return refused(f, v1alpha1.VerifierMismatchReason,
			fmt.Sprintf("the password in Secret %s does not match the verifier beside it, so it can never log in: somebody set password and left verifier", secretName(f)))
	case f.Export.Spec.Verify == v1alpha1.VerifyOff:
		return publish(f, v1alpha1.VerifyOffReason, metav1.ConditionUnknown, "no login is tried (spec.verify: Off)")
	case provenSource(f):
		return publish(f, v1alpha1.LoginSucceededReason, metav1.ConditionTrue, loginMessage(f))
	}
	return judge(f)
}

// judge turns the result of a login into a plan.
func judge(f Facts) Plan {
	switch f.Login.Outcome {
	case login.Succeeded:
		return publish(f, v1alpha1.LoginSucceededReason, metav1.ConditionTrue, loginMessage(f))
	case login.PasswordRefused:
		return refused(f, v1alpha1.PasswordRefusedReason,
			fmt.Sprintf("the database refuses the password in Secret %s (%s)", secretName(f), f.Login.Message))
	case login.Refused:
		return unproven(f, v1alpha1.LoginRefusedReason)
	default:
		return unproven(f, v1alpha1.UnreachableReason)
	}
}

// unproven is the plan when the database could not be asked.
func unproven(f Facts, reason string) Plan {
	v := attempt(f, reason)
	age := f.Now.Sub(v.Since.Time)
	if f.Export.Spec.Verify != v1alpha1.VerifyRequired && age >= bestEffortFor {
		plan := publish(f, reason, metav1.ConditionUnknown,
			fmt.Sprintf("handed on unproven after %s (spec.verify: BestEffort): %s", bestEffortFor, f.Login.Message))
		plan.Verification, plan.RequeueAfter = v, delay(v.Attempts, age)
		return plan
	}
	message := fmt.Sprintf("waiting for a login with Secret %s: %s", secretName(f), f.Login.Message)
	return pending(f, v, outcome.Waiting, outcome.Unknown(v1alpha1.VerifiedCondition, reason, message))
}

// refused is the plan when the password is wrong. It always blocks.
func refused(f Facts, reason, message string) Plan {
	v := attempt(f, reason)
	if v.RefusedSince == nil {
		now := metav1.NewTime(f.Now)
		v.RefusedSince = &now
	}
	final := f.Now.Sub(v.RefusedSince.Time) >= refusalIsFinalAfter || reason == v1alpha1.VerifierMismatchReason
	if !final || len(f.Source.Data["verifier"]) == 0 {
		return pending(f, v, outcome.Waiting, outcome.False(v1alpha1.VerifiedCondition, reason, message+"; trying again"))
	}
	return repair(f, v, reason, message)
}

// repair has PGO set the password again, if that is asked for and was not just done.
func repair(f Facts, v *v1alpha1.VerificationStatus, reason, message string) Plan {
	if f.Export.Spec.Repair != v1alpha1.RepairReapplyVerifier {
		return pending(f, v, outcome.Stalled, outcome.False(v1alpha1.VerifiedCondition, reason, message+
			"; after an in-place restore that is so for ever: set spec.repair: ReapplyVerifier, or empty the key verifier of that Secret, and PGO sets the password again"))
	}
	if last := f.Export.Status.Repair; last != nil && last.Database == database(f) && f.Now.Sub(last.Time.Time) < repairAgainAfter {
		return pending(f, v, outcome.Stalled, outcome.False(v1alpha1.VerifiedCondition, v1alpha1.RepairFailedReason, message+
			fmt.Sprintf("; PGO was last asked to set it again at %s, and is not asked twice in an hour: look at PGO's log", last.Time.UTC().Format(time.RFC3339))))
	}
	plan := pending(f, v, outcome.Waiting, outcome.False(v1alpha1.VerifiedCondition, v1alpha1.RepairingReason, message+
		"; emptied the key verifier, so that PGO sets the password again (spec.repair: ReapplyVerifier)"))
	plan.Repair = &v1alpha1.RepairStatus{Revision: f.Source.ResourceVersion, Database: database(f), Time: metav1.NewTime(f.Now)}
	return plan
}

// pending is the plan while a proof is open: what was published stays, and
// because the export is not ready no import copies anything.
func pending(f Facts, v *v1alpha1.VerificationStatus, class outcome.Class, verified outcome.Condition) Plan {
	return Plan{
		Outcome: outcome.Outcome{
			Class: class, Reason: verified.Reason, Message: verified.Message,
			Conditions: []outcome.Condition{settledCondition(), verified},
		},
		Verification: v,
		RequeueAfter: delay(v.Attempts, f.Now.Sub(v.Since.Time)),
	}
}

// publish is the plan when imports may copy the source.
func publish(f Facts, reason string, status metav1.ConditionStatus, message string) Plan {
	p := &Published{}
	if f.CA != nil && f.Export.IncludesCA() {
		p.CA, p.CAResourceVersion = f.CA.PEM, f.CA.ResourceVersion
	}
	p.Revision = revision.New(f.Source.ResourceVersion, p.CA)
	v := attempt(f, reason)
	if provenSource(f) {
		v = f.Export.Status.Verification.DeepCopy()
	}
	return Plan{
		Outcome: outcome.Outcome{
			Class: outcome.Ready, Reason: v1alpha1.SucceededReason,
			Message: fmt.Sprintf("Secret %s may be mirrored: %s", secretName(f), message),
			Conditions: []outcome.Condition{settledCondition(),
				{Type: v1alpha1.VerifiedCondition, Status: status, Reason: reason, Message: message}},
		},
		Verification: v,
		Publish:      p,
	}
}

// attempt continues the record of attempts for the present source and database,
// or begins a new one: also after a result that was final, and when a clock went
// backwards.
func attempt(f Facts, result string) *v1alpha1.VerificationStatus {
	now := metav1.NewTime(f.Now)
	v := &v1alpha1.VerificationStatus{Revision: f.Source.ResourceVersion, Database: database(f), Since: now}
	old := f.Export.Status.Verification
	if old != nil && old.Revision == v.Revision && old.Database == v.Database && !final(old.Result) && !old.LastAttempt.After(f.Now) {
		v.Since, v.Attempts = old.Since, old.Attempts
		if result == v1alpha1.PasswordRefusedReason || result == v1alpha1.VerifierMismatchReason {
			v.RefusedSince = old.RefusedSince
		}
	}
	v.Result, v.LastAttempt, v.UsersRevision = result, now, usersRevision(f)
	v.Attempts++
	return v
}

// provenSource is proven for the source that was read just now.
func provenSource(f Facts) bool { return !f.Requested && proven(asRead(f)) }

// asRead has the versions of what was read in place of those of the informers'
// cache, which can be behind, or not working.
func asRead(f Facts) Facts {
	f.SeenVersion, f.SeenCAVersion = f.Source.ResourceVersion, ""
	if f.CA != nil {
		f.SeenCAVersion = f.CA.ResourceVersion
	}
	return f
}

func offline(f Facts) verifier.Verdict {
	return verifier.Check(string(f.Source.Data["verifier"]), string(f.Source.Data["user"]), redact.Text(f.Source.Data["password"])).Verdict
}

func settledCondition() outcome.Condition {
	return outcome.True(v1alpha1.SettledCondition, v1alpha1.SourceSettledReason, "the source is settled")
}

func secretName(f Facts) string { return f.Export.Namespace + "/" + f.Export.SecretName() }

func loginMessage(f Facts) string {
	if f.Login != nil && f.Login.Message != "" {
		return f.Login.Message
	}
	return "a login with its password succeeded"
}
