package pgo

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

// Settlement says whether a user's Secret is meant to be used now.
type Settlement struct {
	Settled bool
	// Reason is one of the reasons of the Settled condition.
	Reason string
	// Message names the cluster, and what is awaited or the way out.
	Message string
	// Stalled: the course of a rebirth will not heal it, somebody must.
	Stalled bool
}

// Settled reports whether the cluster is in a state in which the Secret of user
// is meant to log in; if not, why. Only a login can prove more.
//
// A pause freezes the status but not the database: a cluster that was settled
// when it was paused stays settled. One that was not waits for its owner.
func Settled(c Cluster, user string) Settlement {
	if c.Deleting {
		return waiting(v1alpha1.ClusterDeletedReason,
			"%s is being deleted; waiting for it to be created again", c)
	}
	settlement := settled(c, user)
	switch {
	case !c.Paused:
		return settlement
	case settlement.Settled:
		settlement.Message = fmt.Sprintf("%s is paused, and was settled when PGO last looked", c)
		return settlement
	}
	return Settlement{
		Reason:  v1alpha1.ClusterPausedReason,
		Message: fmt.Sprintf("%s is paused, so PGO changes nothing: set spec.paused to false. When it was paused: %s", c, settlement.Message),
		Stalled: settlement.Stalled,
	}
}

// settled names the cause that explains the others first.
func settled(c Cluster, user string) Settlement {
	switch {
	case c.Shutdown:
		return waiting(v1alpha1.ClusterShutdownReason,
			"%s is shut down; waiting for spec.shutdown to be false", c)
	case c.Standby:
		return waiting(v1alpha1.StandbyReason,
			"%s is a standby, to which PGO applies no users; waiting for its promotion (spec.standby.enabled: false)", c)
	case !c.Users.Has(user):
		return unknownUser(c, user)
	case c.restoreFailed():
		return Settlement{Reason: v1alpha1.RestoreFailedReason, Stalled: true, Message: fmt.Sprintf(
			"restore %q of %s failed: %s. Read the log of its restore Job, mend the cause, then have PGO restore again",
			c.Restore.ID, c, c.DataInitialized.Message)}
	case !c.restored():
		return waiting(v1alpha1.RestoringReason, "waiting for restore %q of %s%s", c.WantedRestore, c, c.progress())
	}
	return started(c)
}

func started(c Cluster) Settlement {
	switch {
	case c.StartupInstance != "":
		return waiting(v1alpha1.ClusterStartingReason,
			"waiting for a primary of %s (instance %s starts first)", c, c.StartupInstance)
	case c.SystemIdentifier == "":
		return waiting(v1alpha1.ClusterStartingReason,
			"waiting for the database of %s to be initialized (status.patroni.systemIdentifier)", c)
	case c.ReadyReplicas < 1:
		return waiting(v1alpha1.ClusterStartingReason, "waiting for a ready instance of %s", c)
	case c.UsersRevision == "":
		return waiting(v1alpha1.UsersNotAppliedReason,
			"waiting for PGO to apply the users of %s to its database (status.usersRevision)", c)
	}
	return Settlement{Settled: true, Reason: v1alpha1.SourceSettledReason,
		Message: fmt.Sprintf("%s is up and its users are applied", c)}
}

func waiting(reason, format string, args ...any) Settlement {
	return Settlement{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

func unknownUser(c Cluster, user string) Settlement {
	known := "it has no users"
	if c.Users != "" {
		known = "its users are " + strings.ReplaceAll(string(c.Users), ",", ", ")
	}
	return Settlement{Reason: v1alpha1.UserUnknownReason, Stalled: true, Message: fmt.Sprintf(
		"user %q is not in spec.users of %s (%s): add the user there, or correct spec.source.postgresUser.user", user, c, known)}
}

// restored compares ids because the conditions can be stale True while a
// restore in place begins.
func (c Cluster) restored() bool {
	return c.WantedRestore == "" ||
		c.Restore.ID == c.WantedRestore && c.Restore.Finished && c.Restore.Succeeded >= 1 &&
			c.DataInitialized.Status == metav1.ConditionTrue && c.RestoreProgressing == Condition{}
}

// restoreFailed is about the restore that is wanted: a failure of an earlier one
// says nothing once another is asked for.
func (c Cluster) restoreFailed() bool {
	return c.WantedRestore != "" && c.Restore.ID == c.WantedRestore &&
		c.DataInitialized.Status == metav1.ConditionFalse && c.DataInitialized.Reason == restoreFailedReason
}

// progress quotes PGO where it says something.
func (c Cluster) progress() string {
	if c.RestoreProgressing.Message == "" {
		return ""
	}
	return ": " + c.RestoreProgressing.Message
}
