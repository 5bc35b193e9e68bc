package pgo

import (
	"github.com/crunchydata/postgres-operator/pkg/apis/postgres-operator.crunchydata.com/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Strip is a cache's transform function: it keeps of a PostgresCluster what
// Project reads, and the resourceVersion. Other objects pass unchanged, among
// them the tombstones of a cache.
func Strip(obj any) (any, error) {
	cluster, ok := obj.(*PostgresCluster)
	if !ok {
		return obj, nil
	}
	return &PostgresCluster{
		TypeMeta:   cluster.TypeMeta,
		ObjectMeta: stripMeta(cluster),
		Spec:       stripSpec(&cluster.Spec),
		Status:     stripStatus(&cluster.Status),
	}, nil
}

func stripMeta(cluster *PostgresCluster) metav1.ObjectMeta {
	stripped := metav1.ObjectMeta{
		Namespace:         cluster.Namespace,
		Name:              cluster.Name,
		UID:               cluster.UID,
		ResourceVersion:   cluster.ResourceVersion,
		DeletionTimestamp: cluster.DeletionTimestamp,
	}
	if id, ok := cluster.Annotations[restoreAnnotation]; ok {
		stripped.Annotations = map[string]string{restoreAnnotation: id}
	}
	return stripped
}

func stripSpec(spec *v1beta1.PostgresClusterSpec) v1beta1.PostgresClusterSpec {
	stripped := v1beta1.PostgresClusterSpec{
		Paused:          spec.Paused,
		Shutdown:        spec.Shutdown,
		CustomTLSSecret: spec.CustomTLSSecret,
	}
	if spec.Standby != nil {
		stripped.Standby = &v1beta1.PostgresStandbySpec{Enabled: spec.Standby.Enabled}
	}
	if spec.Users != nil { // an empty list is not the same as none
		stripped.Users = make([]v1beta1.PostgresUserSpec, len(spec.Users))
		for i := range spec.Users {
			stripped.Users[i].Name = spec.Users[i].Name
		}
	}
	if restore := spec.Backups.PGBackRest.Restore; restore != nil {
		stripped.Backups.PGBackRest.Restore = &v1beta1.PGBackRestRestore{Enabled: restore.Enabled}
	}
	if source := spec.DataSource; source != nil {
		stripped.DataSource = &v1beta1.DataSource{}
		if source.PostgresCluster != nil {
			stripped.DataSource.PostgresCluster = &v1beta1.PostgresClusterDataSource{}
		}
		if source.PGBackRest != nil {
			stripped.DataSource.PGBackRest = &v1beta1.PGBackRestDataSource{}
		}
	}
	return stripped
}

func stripStatus(status *v1beta1.PostgresClusterStatus) v1beta1.PostgresClusterStatus {
	stripped := v1beta1.PostgresClusterStatus{
		Patroni:         v1beta1.PatroniStatus{SystemIdentifier: status.Patroni.SystemIdentifier},
		StartupInstance: status.StartupInstance,
		UsersRevision:   status.UsersRevision,
	}
	for i := range status.InstanceSets {
		stripped.InstanceSets = append(stripped.InstanceSets,
			v1beta1.PostgresInstanceSetStatus{ReadyReplicas: status.InstanceSets[i].ReadyReplicas})
	}
	if status.PGBackRest != nil && status.PGBackRest.Restore != nil {
		restore := status.PGBackRest.Restore
		stripped.PGBackRest = &v1beta1.PGBackRestStatus{Restore: &v1beta1.PGBackRestJobStatus{
			ID: restore.ID, Finished: restore.Finished, Succeeded: restore.Succeeded,
		}}
	}
	for _, c := range status.Conditions {
		if c.Type == dataInitializedCondition || c.Type == restoreProgressingCondition {
			stripped.Conditions = append(stripped.Conditions,
				metav1.Condition{Type: c.Type, Status: c.Status, Reason: c.Reason, Message: c.Message})
		}
	}
	return stripped
}
