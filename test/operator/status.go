package operator

import (
	"context"

	"github.com/crunchydata/postgres-operator/pkg/apis/postgres-operator.crunchydata.com/v1beta1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/internal/secretsync/pgo"
)

// PGO's condition types, in its own spelling.
const (
	DataInitialized    = "PostgresDataInitialized"
	RestoreProgressing = "PGBackRestoreProgressing"
)

// Report writes the status as PGO does: one merge patch without a lock.
func (c *Cluster) Report(ctx context.Context, edit func(*v1beta1.PostgresClusterStatus)) error {
	before, err := c.get(ctx)
	if err != nil {
		return err
	}
	after := before.DeepCopy()
	after.Status.ObservedGeneration = after.Generation
	edit(&after.Status)
	return c.operator.client.Status().Patch(ctx, after, client.MergeFrom(before))
}

// BeginBootstrapRestore: the restore Job starts. No pguser Secret exists yet.
func (c *Cluster) BeginBootstrapRestore(ctx context.Context) error {
	return c.Report(ctx, func(s *v1beta1.PostgresClusterStatus) {
		s.StartupInstance, s.StartupInstanceSet = c.Name+"-instance1-abcd", "instance1"
		s.PGBackRest = &v1beta1.PGBackRestStatus{Restore: &v1beta1.PGBackRestJobStatus{ID: "~pgo-bootstrap-" + c.Name}}
		set(s, RestoreProgressing, metav1.ConditionTrue, "ReadyForRestore")
	})
}

// FinishRestoreJob: the restore Job has succeeded. Before a bootstrap restore's
// DataInitialized, PGO writes the Secrets: see WriteSecrets.
func (c *Cluster) FinishRestoreJob(ctx context.Context) error {
	return c.Report(ctx, func(s *v1beta1.PostgresClusterStatus) {
		s.PGBackRest.Restore.Finished, s.PGBackRest.Restore.Succeeded = true, 1
		set(s, DataInitialized, metav1.ConditionTrue, "PGBackRestRestoreComplete")
		meta.RemoveStatusCondition(&s.Conditions, RestoreProgressing)
	})
}

// FailRestoreJob: the restore Job has failed. Progressing stays True.
func (c *Cluster) FailRestoreJob(ctx context.Context) error {
	return c.Report(ctx, func(s *v1beta1.PostgresClusterStatus) {
		s.PGBackRest.Restore.Finished, s.PGBackRest.Restore.Failed = true, 1
		set(s, DataInitialized, metav1.ConditionFalse, "PGBackRestRestoreFailed")
	})
}

// BeginInPlaceRestore: PGO has seen the request and stops the instances.
// DataInitialized is still what it was.
func (c *Cluster) BeginInPlaceRestore(ctx context.Context) error {
	obj, err := c.get(ctx)
	if err != nil {
		return err
	}
	return c.Report(ctx, func(s *v1beta1.PostgresClusterStatus) {
		s.StartupInstance, s.StartupInstanceSet = c.Name+"-instance1-abcd", "instance1"
		s.PGBackRest = &v1beta1.PGBackRestStatus{Restore: &v1beta1.PGBackRestJobStatus{ID: obj.Annotations[RestoreAnnotation]}}
		set(s, RestoreProgressing, metav1.ConditionTrue, "RestoreInPlaceRequested")
	})
}

// ReadyForInPlaceRestore: everything is stopped and the Job runs.
func (c *Cluster) ReadyForInPlaceRestore(ctx context.Context) error {
	return c.Report(ctx, func(s *v1beta1.PostgresClusterStatus) {
		s.Patroni.SystemIdentifier = ""
		s.InstanceSets = nil
		set(s, RestoreProgressing, metav1.ConditionTrue, "ReadyForRestore")
		meta.RemoveStatusCondition(&s.Conditions, DataInitialized)
	})
}

// Up: a primary runs. With usersRevision the roles were applied just before; empty
// leaves what is there, as after an in-place restore.
func (c *Cluster) Up(ctx context.Context, usersRevision string) error {
	return c.Report(ctx, func(s *v1beta1.PostgresClusterStatus) {
		s.StartupInstance, s.StartupInstanceSet = "", ""
		s.Patroni.SystemIdentifier = "7300000000000000001"
		s.DatabaseRevision = "d"
		s.InstanceSets = []v1beta1.PostgresInstanceSetStatus{{Name: "instance1", Replicas: 1, ReadyReplicas: 1, UpdatedReplicas: 1}}
		if usersRevision != "" {
			s.UsersRevision = usersRevision
		}
	})
}

// Ready sets the number of instances that are ready, as in a failover.
func (c *Cluster) Ready(ctx context.Context, replicas int32) error {
	return c.Report(ctx, func(s *v1beta1.PostgresClusterStatus) { s.InstanceSets[0].ReadyReplicas = replicas })
}

func set(s *v1beta1.PostgresClusterStatus, kind string, status metav1.ConditionStatus, reason string) {
	meta.SetStatusCondition(&s.Conditions, metav1.Condition{Type: kind, Status: status, Reason: reason, Message: reason, ObservedGeneration: s.ObservedGeneration})
}

// UID returns the PostgresCluster's UID.
func (c *Cluster) owner(ctx context.Context) (*metav1.OwnerReference, error) {
	obj, err := c.get(ctx)
	if err != nil {
		return nil, err
	}
	return metav1.NewControllerRef(obj, pgo.GroupVersionKind), nil
}
