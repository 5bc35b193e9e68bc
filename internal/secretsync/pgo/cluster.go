package pgo

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/crunchydata/postgres-operator/pkg/apis/postgres-operator.crunchydata.com/v1beta1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// What PGO calls its conditions, reasons and annotations on the wire.
// PGBackRestoreProgressing is PGO's own spelling.
const (
	dataInitializedCondition    = "PostgresDataInitialized"
	restoreProgressingCondition = "PGBackRestoreProgressing"
	restoreFailedReason         = "PGBackRestRestoreFailed"
	restoreAnnotation           = "postgres-operator.crunchydata.com/pgbackrest-restore"
	bootstrapRestorePrefix      = "~pgo-bootstrap-"
)

// Cluster is what secret-sync knows of a PostgresCluster. Two of them can be
// compared with ==; equal ones lead to equal decisions, so that the many status
// updates that PGO makes for backups wake nobody.
type Cluster struct {
	Namespace, Name string
	UID             types.UID
	Deleting        bool

	// The spec.
	Paused, Shutdown, Standby bool
	Users                     Users
	// WantedRestore is the id of the restore that the spec asks for, "" for none.
	WantedRestore string
	// TLSSecret and TLSSecretCAKey are what CASecret returns; empty without a
	// spec.customTLSSecret.
	TLSSecret, TLSSecretCAKey string

	// The status. While the cluster is paused, PGO leaves it as it is.
	Restore            Restore
	DataInitialized    Condition
	RestoreProgressing Condition
	StartupInstance    string
	SystemIdentifier   string
	ReadyReplicas      int32
	UsersRevision      string
}

// Restore is the state of the last restore that PGO began.
type Restore struct {
	ID        string
	Finished  bool
	Succeeded int32
}

// Condition is a condition; the zero value is an absent one.
type Condition struct {
	Status          metav1.ConditionStatus
	Reason, Message string
}

// Users is the sorted names of a cluster's users, joined by commas: a value that
// can be compared. PGO's names hold no comma.
type Users string

// Has reports whether user is one of them.
func (u Users) Has(user string) bool {
	return user != "" && slices.Contains(strings.Split(string(u), ","), user)
}

// Project translates PGO's object.
func Project(cluster *PostgresCluster) Cluster {
	spec, status := &cluster.Spec, &cluster.Status
	projection := Cluster{
		Namespace: cluster.Namespace,
		Name:      cluster.Name,
		UID:       cluster.UID,
		Deleting:  !cluster.DeletionTimestamp.IsZero(),

		Paused:        spec.Paused != nil && *spec.Paused,
		Shutdown:      spec.Shutdown != nil && *spec.Shutdown,
		Standby:       spec.Standby != nil && spec.Standby.Enabled,
		Users:         users(cluster),
		WantedRestore: wantedRestore(cluster),

		DataInitialized:    condition(status.Conditions, dataInitializedCondition),
		RestoreProgressing: condition(status.Conditions, restoreProgressingCondition),
		StartupInstance:    status.StartupInstance,
		SystemIdentifier:   status.Patroni.SystemIdentifier,
		UsersRevision:      status.UsersRevision,
	}
	projection.TLSSecret, projection.TLSSecretCAKey = customTLS(spec)
	if status.PGBackRest != nil && status.PGBackRest.Restore != nil {
		restore := status.PGBackRest.Restore
		projection.Restore = Restore{ID: restore.ID, Finished: restore.Finished, Succeeded: restore.Succeeded}
	}
	for i := range status.InstanceSets {
		projection.ReadyReplicas += status.InstanceSets[i].ReadyReplicas
	}
	return projection
}

// users follows PGO's reconcilePostgresUserSecrets: a cluster without spec.users
// has one user of its own name, an empty list has none.
func users(cluster *PostgresCluster) Users {
	if cluster.Spec.Users == nil {
		return Users(cluster.Name)
	}
	names := make([]string, 0, len(cluster.Spec.Users))
	for i := range cluster.Spec.Users {
		names = append(names, string(cluster.Spec.Users[i].Name))
	}
	slices.Sort(names)
	return Users(strings.Join(names, ","))
}

// wantedRestore follows PGO's reconcileDataSource: a restore in place wins over
// the data source that a new cluster starts from. The annotation does not raise
// metadata.generation, so ids are the only thing to compare.
func wantedRestore(cluster *PostgresCluster) string {
	restore := cluster.Spec.Backups.PGBackRest.Restore
	id := cluster.Annotations[restoreAnnotation]
	if id != "" && restore != nil && restore.Enabled != nil && *restore.Enabled {
		return id
	}
	source := cluster.Spec.DataSource
	if source != nil && (source.PostgresCluster != nil || source.PGBackRest != nil) {
		return bootstrapRestorePrefix + cluster.Name
	}
	return ""
}

// customTLS finds the key that PGO mounts as ca.crt. A projection with items
// mounts only those, so one without ca.crt has no key for it.
func customTLS(spec *v1beta1.PostgresClusterSpec) (name, key string) {
	projection := spec.CustomTLSSecret
	switch {
	case projection == nil:
		return "", ""
	case len(projection.Items) == 0:
		return projection.Name, caKey
	}
	for _, item := range projection.Items {
		if item.Path == caKey {
			return projection.Name, item.Key
		}
	}
	return projection.Name, ""
}

func condition(conditions []metav1.Condition, kind string) Condition {
	found := meta.FindStatusCondition(conditions, kind)
	if found == nil {
		return Condition{}
	}
	return Condition{Status: found.Status, Reason: found.Reason, Message: found.Message}
}

// Database names the incarnation of the database: a rebirth (another UID) and a
// restore (another restore id) change it, a restart does not. It is short, not
// secret, and means something only while the cluster is settled: a restore
// changes it as soon as it begins.
func (c Cluster) Database() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{string(c.UID), c.Restore.ID, c.SystemIdentifier}, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// String is how messages name the cluster.
func (c Cluster) String() string { return Kind + " " + c.Namespace + "/" + c.Name }
