//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

const (
	database   = "tazlab-db"
	consumer   = "monitoring"
	userSecret = "tazlab-db-pguser-grafana"
)

// sourcePassword is PGO's, in the database's namespace.
func sourcePassword(ctx context.Context, g Gomega) string {
	GinkgoHelper()
	return password(read(ctx, g, &corev1.Secret{}, key(database, userSecret)))
}

// mirroredPassword is Grafana's, in its own namespace.
func mirroredPassword(ctx context.Context, g Gomega) string {
	GinkgoHelper()
	return password(read(ctx, g, &corev1.Secret{}, key(consumer, userSecret)))
}

// password is registered as one that must not be found anywhere else.
func password(secret *corev1.Secret) string {
	value := string(secret.Data["password"])
	if value != "" {
		world.Hide(value)
	}
	return value
}

// expectMirrored waits until the mirror holds the password that PGO's Secret has, and
// secret-sync and Grafana are content. It returns the password.
func expectMirrored(ctx context.Context, formerPassword string) string {
	GinkgoHelper()
	var current string
	Eventually(ctx, func(g Gomega) {
		current = sourcePassword(ctx, g)
		g.Expect(current).NotTo(BeEmpty())
		same := current == formerPassword
		g.Expect(same).To(BeFalse(), "PGO's Secret still has the former password")
		mirrored := mirroredPassword(ctx, g) == current
		g.Expect(mirrored).To(BeTrue(), "the mirror has another password than PGO's Secret")
		export := read(ctx, g, &v1alpha1.SecretExport{}, key(database, "grafana"))
		g.Expect(meta.IsStatusConditionTrue(export.Status.Conditions, "Verified")).To(BeTrue(), "%v", export.Status.Conditions)
		imported := read(ctx, g, &v1alpha1.SecretImport{}, key(consumer, "grafana-db"))
		g.Expect(meta.IsStatusConditionTrue(imported.Status.Conditions, "Ready")).To(BeTrue(), "%v", imported.Status.Conditions)
	}).WithTimeout(patience).Should(Succeed())
	expectAvailable(ctx, consumer, "grafana")
	return current
}

// primary is the pod whose database can be written.
func primary(ctx context.Context, g Gomega) string {
	GinkgoHelper()
	var pods corev1.PodList
	g.Expect(world.Client.List(ctx, &pods, client.InNamespace(database), client.MatchingLabels{
		"postgres-operator.crunchydata.com/cluster": database, "postgres-operator.crunchydata.com/role": "master"})).To(Succeed())
	g.Expect(pods.Items).To(HaveLen(1))
	return pods.Items[0].Name
}

// query runs SQL as superuser on the primary and returns what it prints.
func query(ctx context.Context, g Gomega, name, sql string) string {
	GinkgoHelper()
	out, err := world.Cluster.Kubectl(ctx, "--namespace", database, "exec", primary(ctx, g), "--container", "database", "--",
		"psql", "--no-psqlrc", "--tuples-only", "--no-align", "--dbname", name, "--command", sql)
	g.Expect(err).NotTo(HaveOccurred())
	return strings.TrimSpace(out)
}

// starts counts Grafana's starts as its database remembers them.
func starts(ctx context.Context) int {
	GinkgoHelper()
	count, err := strconv.Atoi(query(ctx, Default, "grafana", "SELECT count(*) FROM grafana.startup"))
	Expect(err).NotTo(HaveOccurred())
	return count
}

// expectBackedUp waits for a full backup in the bucket, and has the log of all that
// was written until now archived there, too.
func expectBackedUp(ctx context.Context) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		backup := meta.FindStatusCondition(conditions(ctx, g, postgresClusterKind, key(database, database)), "PGBackRestReplicaCreate")
		g.Expect(backup).NotTo(BeNil())
		g.Expect(backup.Status).To(Equal(metav1.ConditionTrue), backup.Message)
	}).WithTimeout(patience).Should(Succeed())
	archive(ctx)
}

// archive waits until the write-ahead log up to now is in the bucket.
func archive(ctx context.Context) {
	GinkgoHelper()
	segment := query(ctx, Default, "postgres", "SELECT pg_walfile_name(pg_switch_wal())")
	Eventually(ctx, func(g Gomega) {
		archived := query(ctx, g, "postgres", "SELECT last_archived_wal FROM pg_stat_archiver")
		g.Expect(archived >= segment).To(BeTrue(), "archived up to %s, wanted %s", archived, segment)
	}).WithTimeout(patience).Should(Succeed())
}

// rotate has PGO make a new password, as an administrator does.
func rotate(ctx context.Context) {
	GinkgoHelper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: database, Name: userSecret}}
	patch := client.RawPatch(types.JSONPatchType, []byte(`[{"op": "remove", "path": "/data/password"}, {"op": "remove", "path": "/data/verifier"}]`))
	Expect(world.Client.Patch(ctx, secret, patch)).To(Succeed())
}

// reconcileNow tells Flux to look at the source now.
func reconcileNow(ctx context.Context) {
	GinkgoHelper()
	repository := &unstructured.Unstructured{}
	repository.SetAPIVersion("source.toolkit.fluxcd.io/v1")
	repository.SetKind("GitRepository")
	repository.SetNamespace("flux-system")
	repository.SetName("flux-system")
	patch := fmt.Sprintf(`{"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": %q}}}`, GinkgoT().Name()+strconv.FormatInt(now().UnixNano(), 10))
	Expect(world.Client.Patch(ctx, repository, client.RawPatch(types.MergePatchType, []byte(patch)))).To(Succeed())
}
