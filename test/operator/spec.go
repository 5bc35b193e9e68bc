package operator

import (
	"context"

	"github.com/crunchydata/postgres-operator/pkg/apis/postgres-operator.crunchydata.com/v1beta1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/internal/secretsync/pgo"
)

// RestoreAnnotation asks PGO for an in-place restore; its value is the restore's id.
const RestoreAnnotation = "postgres-operator.crunchydata.com/pgbackrest-restore"

// Create creates the PostgresCluster, as a user or Flux does. With fromBackup its
// spec.dataSource has PGO restore it before its first start.
func (c *Cluster) Create(ctx context.Context, fromBackup bool) error {
	volume := corev1.PersistentVolumeClaimSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
	}
	s3 := v1beta1.PGBackRestRepo{Name: "repo1", S3: &v1beta1.RepoS3{Bucket: "backups", Endpoint: "s3.example.com", Region: "home"}}
	obj := &pgo.PostgresCluster{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.Namespace, Name: c.Name},
		Spec: v1beta1.PostgresClusterSpec{
			PostgresVersion: 15,
			InstanceSets:    []v1beta1.PostgresInstanceSetSpec{{Name: "instance1", DataVolumeClaimSpec: volume}},
			Backups:         v1beta1.Backups{PGBackRest: v1beta1.PGBackRestArchive{Repos: []v1beta1.PGBackRestRepo{s3}}},
			Users:           []v1beta1.PostgresUserSpec{},
		},
	}
	for _, user := range c.Users {
		obj.Spec.Users = append(obj.Spec.Users, v1beta1.PostgresUserSpec{
			Name: v1beta1.PostgresIdentifier(user), Databases: []v1beta1.PostgresIdentifier{v1beta1.PostgresIdentifier(user)},
		})
	}
	if fromBackup {
		obj.Spec.DataSource = &v1beta1.DataSource{PGBackRest: &v1beta1.PGBackRestDataSource{Stanza: "db", Repo: s3}}
	}
	return c.operator.client.Create(ctx, obj)
}

// Delete deletes the PostgresCluster; the garbage collector takes its Secrets.
func (c *Cluster) Delete(ctx context.Context) error {
	obj := &pgo.PostgresCluster{ObjectMeta: metav1.ObjectMeta{Namespace: c.Namespace, Name: c.Name}}
	return client.IgnoreNotFound(c.operator.client.Delete(ctx, obj))
}

// Edit changes the PostgresCluster as a user does.
func (c *Cluster) Edit(ctx context.Context, edit func(*pgo.PostgresCluster)) error {
	before, err := c.get(ctx)
	if err != nil {
		return err
	}
	after := before.DeepCopy()
	edit(after)
	return c.operator.client.Patch(ctx, after, client.MergeFrom(before))
}

// RequestInPlaceRestore asks for a restore of the running cluster, as a user does.
func (c *Cluster) RequestInPlaceRestore(ctx context.Context, id string) error {
	return c.Edit(ctx, func(obj *pgo.PostgresCluster) {
		enabled := true
		obj.Spec.Backups.PGBackRest.Restore = &v1beta1.PGBackRestRestore{
			Enabled: &enabled, PostgresClusterDataSource: &v1beta1.PostgresClusterDataSource{RepoName: "repo1"},
		}
		if obj.Annotations == nil {
			obj.Annotations = map[string]string{}
		}
		obj.Annotations[RestoreAnnotation] = id
	})
}
