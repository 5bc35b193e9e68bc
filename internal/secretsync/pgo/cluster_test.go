package pgo_test

import (
	"fmt"
	"math/rand"

	"github.com/crunchydata/postgres-operator/pkg/apis/postgres-operator.crunchydata.com/v1beta1"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/randfill"

	"github.com/tazzo/rebirth/internal/secretsync/pgo"
)

var _ = Describe("Project", func() {
	It("reads a cluster that was initialized empty", func() {
		Expect(pgo.Project(decode(fresh))).To(Equal(pgo.Cluster{
			Namespace: "tazlab-db", Name: "tazlab-db", UID: "u1",
			Users:            "backend,grafana",
			SystemIdentifier: "7000", ReadyReplicas: 3, UsersRevision: "r1",
		}))
	})

	It("reads a deletion, a pause, a shutdown and a standby", func() {
		cluster := pgo.Project(decode(`{"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"},
			"spec": {"paused": true, "shutdown": true, "standby": {"enabled": true}}}`))
		Expect(cluster.Deleting).To(BeTrue())
		Expect(cluster.Paused).To(BeTrue())
		Expect(cluster.Shutdown).To(BeTrue())
		Expect(cluster.Standby).To(BeTrue())
	})

	DescribeTable("knows the users",
		func(spec string, user string, known bool) {
			cluster := pgo.Project(decode(fmt.Sprintf(`{"metadata": {"name": "tazlab-db"}, "spec": {%s}}`, spec)))
			Expect(cluster.Users.Has(user)).To(Equal(known))
		},
		Entry("without spec.users, one of the cluster's name", ``, "tazlab-db", true),
		Entry("without spec.users, no other", ``, "grafana", false),
		Entry("with an empty list, none", `"users": []`, "tazlab-db", false),
		Entry("with a list, those", `"users": [{"name": "a"}, {"name": "b"}]`, "b", true),
		Entry("with a list, no part of a name", `"users": [{"name": "abc"}]`, "ab", false),
		Entry("with a list, not the cluster's name", `"users": [{"name": "a"}]`, "tazlab-db", false),
		Entry("never one without a name", `"users": []`, "", false),
	)

	DescribeTable("knows the wanted restore",
		func(annotation, spec, wanted string) {
			Expect(pgo.Project(decode(fmt.Sprintf(`{"metadata": {"name": "db", "annotations": {
				"postgres-operator.crunchydata.com/pgbackrest-restore": %q}}, "spec": {%s}}`, annotation, spec))).
				WantedRestore).To(Equal(wanted))
		},
		Entry("none", "", ``, ""),
		Entry("an annotation alone asks for none", "one", ``, ""),
		Entry("nor with a restore that is not enabled", "one", `"backups": {"pgbackrest": {"restore": {"enabled": false}}}`, ""),
		Entry("nor an empty annotation", "", `"backups": {"pgbackrest": {"restore": {"enabled": true}}}`, ""),
		Entry("a restore in place", "one", `"backups": {"pgbackrest": {"restore": {"enabled": true}}}`, "one"),
		Entry("a restore in place before a data source", "one",
			`"dataSource": {"pgbackrest": {}}, "backups": {"pgbackrest": {"restore": {"enabled": true}}}`, "one"),
		Entry("a bootstrap from backups", "", `"dataSource": {"pgbackrest": {}}`, "~pgo-bootstrap-db"),
		Entry("a bootstrap from another cluster", "", `"dataSource": {"postgresCluster": {"repoName": "repo1"}}`, "~pgo-bootstrap-db"),
		Entry("existing volumes are no restore", "", `"dataSource": {"volumes": {}}`, ""),
	)

	It("does not change when only a backup's status does", func() {
		cluster := decode(fresh)
		before := pgo.Project(cluster)
		cluster.ResourceVersion = "8"
		cluster.Status.PGBackRest = &v1beta1.PGBackRestStatus{
			ScheduledBackups: []v1beta1.PGBackRestScheduledBackupStatus{{CronJobName: "full"}},
		}
		Expect(pgo.Project(cluster) == before).To(BeTrue())
	})
})

var _ = Describe("Strip", func() {
	It("keeps whatever Project reads, for clusters of any shape", func() {
		for seed := range int64(500) {
			cluster := pgo.NewCluster()
			filler(seed).Fill(cluster)
			enrich(cluster, seed)
			before := pgo.Project(cluster)

			stripped, err := pgo.Strip(cluster)
			Expect(err).NotTo(HaveOccurred())
			Expect(pgo.Project(stripped.(*pgo.PostgresCluster))).To(Equal(before), "seed %d", seed)

			again, err := pgo.Strip(stripped)
			Expect(err).NotTo(HaveOccurred())
			Expect(again).To(Equal(stripped), "seed %d", seed)
		}
	})

	It("drops the rest, and keeps the resourceVersion", func() {
		stripped, err := pgo.Strip(decode(fresh))
		Expect(err).NotTo(HaveOccurred())
		cluster := stripped.(*pgo.PostgresCluster)
		Expect(cluster.ManagedFields).To(BeEmpty())
		Expect(cluster.Labels).To(BeEmpty())
		Expect(cluster.Annotations).To(BeEmpty())
		Expect(cluster.Spec.InstanceSets).To(BeEmpty())
		Expect(cluster.Status.Conditions).To(BeEmpty())
		Expect(cluster.ResourceVersion).To(Equal("7"))
		Expect(cluster.Kind).To(Equal(pgo.Kind))
	})

	It("passes other objects", func() {
		tombstone := cache.DeletedFinalStateUnknown{Key: "a/b"}
		Expect(pgo.Strip(tombstone)).To(Equal(tombstone))
	})
})

var _ = Describe("Database", func() {
	It("is short and says the same each time", func() {
		Expect(reborn().Database()).To(HaveLen(16))
		Expect(reborn().Database()).To(Equal(reborn().Database()))
	})

	DescribeTable("is another one after",
		func(change func(*pgo.Cluster)) {
			cluster := reborn()
			change(&cluster)
			Expect(cluster.Database()).NotTo(Equal(reborn().Database()))
		},
		Entry("a rebirth", func(c *pgo.Cluster) { c.UID = "u2" }),
		Entry("a restore in place", func(c *pgo.Cluster) { c.Restore.ID = "one" }),
		Entry("a new initdb", func(c *pgo.Cluster) { c.SystemIdentifier = "7001" }),
	)

	DescribeTable("is the same after",
		func(change func(*pgo.Cluster)) {
			cluster := reborn()
			change(&cluster)
			Expect(cluster.Database()).To(Equal(reborn().Database()))
		},
		Entry("a restart", func(c *pgo.Cluster) { c.ReadyReplicas = 0 }),
		Entry("a rotation", func(c *pgo.Cluster) { c.UsersRevision = "r2" }),
		Entry("a pause", func(c *pgo.Cluster) { c.Paused = true }),
	)
})

var _ = Describe("the scheme", func() {
	It("knows the cluster and its list", func() {
		scheme := runtime.NewScheme()
		Expect(pgo.AddToScheme(scheme)).To(Succeed())
		Expect(scheme.Recognizes(pgo.GroupVersionKind)).To(BeTrue())
		Expect(scheme.Recognizes(pgo.NewClusterList().GroupVersionKind())).To(BeTrue())
		Expect(pgo.NewCluster().GroupVersionKind()).To(Equal(pgo.GroupVersionKind))
	})
})

// filler fills anything in an object, except what only the decoder can make.
func filler(seed int64) *randfill.Filler {
	return randfill.NewWithSeed(seed).NilChance(.3).NumElements(0, 2).MaxDepth(12).Funcs(
		func(*v1beta1.SchemalessObject, randfill.Continue) {},
		func(*metav1.FieldsV1, randfill.Continue) {},
		func(*intstr.IntOrString, randfill.Continue) {},
	)
}

// enrich adds what chance would hardly hit: the annotation and the conditions.
func enrich(cluster *pgo.PostgresCluster, seed int64) {
	source := rand.New(rand.NewSource(seed))
	if source.Intn(2) == 0 {
		metav1.SetMetaDataAnnotation(&cluster.ObjectMeta, "postgres-operator.crunchydata.com/pgbackrest-restore", "one")
	}
	for _, kind := range []string{"PostgresDataInitialized", "PGBackRestoreProgressing"} {
		if source.Intn(2) == 0 {
			cluster.Status.Conditions = append(cluster.Status.Conditions,
				metav1.Condition{Type: kind, Status: metav1.ConditionTrue, Reason: "R", Message: "m"})
		}
	}
}
