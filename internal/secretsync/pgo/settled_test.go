package pgo_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/pgo"
)

func restoring(reason string) pgo.Condition {
	return pgo.Condition{Status: "True", Reason: reason, Message: "removing runners"}
}

func failed() pgo.Condition {
	return pgo.Condition{Status: "False", Reason: "PGBackRestRestoreFailed", Message: "pgBackRest restore failed"}
}

func isSettled() types.GomegaMatcher {
	return And(HaveField("Settled", true), HaveField("Stalled", false),
		HaveField("Reason", v1alpha1.SourceSettledReason), HaveField("Message", ContainSubstring("tazlab-db/tazlab-db")))
}

func isWaiting(reason, message string) types.GomegaMatcher {
	return And(HaveField("Settled", false), HaveField("Stalled", false), HaveField("Reason", reason),
		HaveField("Message", And(ContainSubstring(message), ContainSubstring("PostgresCluster tazlab-db/tazlab-db"))))
}

func isStalled(reason, message string) types.GomegaMatcher {
	return And(HaveField("Settled", false), HaveField("Stalled", true), HaveField("Reason", reason),
		HaveField("Message", And(ContainSubstring(message), ContainSubstring("PostgresCluster tazlab-db/tazlab-db"))))
}

var _ = Describe("Settled", func() {
	It("holds for a fresh cluster, whose PostgresDataInitialized never appears (S19)", func() {
		Expect(pgo.Settled(pgo.Project(decode(fresh)), "grafana")).To(isSettled())
	})

	It("holds for a reborn cluster that is up", func() {
		Expect(pgo.Settled(reborn(), "grafana")).To(isSettled())
	})

	It("holds if PGO put a lost condition back", func() {
		cluster := reborn()
		cluster.DataInitialized.Reason = "ClusterAlreadyBootstrapped"
		Expect(pgo.Settled(cluster, "grafana")).To(isSettled())
	})

	It("holds for a cluster that was settled when it was paused, and says so", func() {
		cluster := reborn()
		cluster.Paused = true
		Expect(pgo.Settled(cluster, "grafana")).To(And(isSettled(), HaveField("Message", ContainSubstring("is paused"))))
	})

	It("shows the cause of a failed restore (S18)", func() {
		cluster := reborn()
		cluster.DataInitialized = failed()
		cluster.RestoreProgressing = restoring("ReadyForRestore") // PGO leaves it True
		cluster.Restore.Succeeded = 0
		cluster.SystemIdentifier = ""
		Expect(pgo.Settled(cluster, "grafana")).To(isStalled(v1alpha1.RestoreFailedReason, "pgBackRest restore failed"))
	})

	DescribeTable("waits",
		func(change func(*pgo.Cluster), reason, message string) {
			cluster := reborn()
			change(&cluster)
			Expect(pgo.Settled(cluster, "grafana")).To(isWaiting(reason, message))
		},
		Entry("for a cluster that is being deleted", func(c *pgo.Cluster) { c.Deleting = true },
			v1alpha1.ClusterDeletedReason, "created again"),
		Entry("for one that is shut down", func(c *pgo.Cluster) { c.Shutdown, c.StartupInstance = true, "a-1" },
			v1alpha1.ClusterShutdownReason, "spec.shutdown"),
		Entry("for a standby's promotion", func(c *pgo.Cluster) { c.Standby, c.UsersRevision = true, "" },
			v1alpha1.StandbyReason, "spec.standby.enabled"),
		Entry("for a restore that PGO has not begun", func(c *pgo.Cluster) { c.WantedRestore = "two" },
			v1alpha1.RestoringReason, `"two"`),
		Entry("for another restore after a failed one", func(c *pgo.Cluster) { c.WantedRestore, c.DataInitialized = "two", failed() },
			v1alpha1.RestoringReason, `"two"`),
		Entry("for a restore whose Job runs", func(c *pgo.Cluster) { c.Restore.Finished = false },
			v1alpha1.RestoringReason, "~pgo-bootstrap-tazlab-db"),
		Entry("for a restore whose Job succeeded not once", func(c *pgo.Cluster) { c.Restore.Succeeded = 0 },
			v1alpha1.RestoringReason, "~pgo-bootstrap-tazlab-db"),
		Entry("for PostgresDataInitialized to appear", func(c *pgo.Cluster) { c.DataInitialized = pgo.Condition{} },
			v1alpha1.RestoringReason, "~pgo-bootstrap-tazlab-db"),
		Entry("for PGBackRestoreProgressing to go", func(c *pgo.Cluster) { c.RestoreProgressing = restoring("RestoreInPlaceRequested") },
			v1alpha1.RestoringReason, "removing runners"),
		Entry("for a primary", func(c *pgo.Cluster) { c.StartupInstance = "a-1" },
			v1alpha1.ClusterStartingReason, "a-1"),
		Entry("for an initialized database", func(c *pgo.Cluster) { c.SystemIdentifier = "" },
			v1alpha1.ClusterStartingReason, "systemIdentifier"),
		Entry("for a ready instance", func(c *pgo.Cluster) { c.ReadyReplicas = 0 },
			v1alpha1.ClusterStartingReason, "ready instance"),
		Entry("for the users to be applied", func(c *pgo.Cluster) { c.UsersRevision = "" },
			v1alpha1.UsersNotAppliedReason, "usersRevision"),
		Entry("for a pause to end, and says what it keeps from happening",
			func(c *pgo.Cluster) { c.Paused, c.WantedRestore = true, "two" },
			v1alpha1.ClusterPausedReason, `restore "two"`),
		Entry("for a new life rather than for a deleted cluster's pause", func(c *pgo.Cluster) { c.Deleting, c.Paused = true, true },
			v1alpha1.ClusterDeletedReason, "created again"),
	)

	DescribeTable("is stalled by a user that the cluster doesn't have",
		func(users pgo.Users, message string) {
			cluster := reborn()
			cluster.Users = users
			Expect(pgo.Settled(cluster, "grafna")).To(isStalled(v1alpha1.UserUnknownReason, message))
		},
		Entry("and names those that it has", pgo.Users("backend,grafana"), "its users are backend, grafana"),
		Entry("and says that it has none", pgo.Users(""), "it has no users"),
	)

	It("is stalled in a paused cluster by what an end of the pause would not heal", func() {
		cluster := reborn()
		cluster.Paused = true
		Expect(pgo.Settled(cluster, "grafna")).To(isStalled(v1alpha1.ClusterPausedReason, `user "grafna" is not in spec.users`))
	})
})

// The orders of events are those seen on PGO 5.4 with a real restore.
var _ = Describe("the course of events", func() {
	It("of a bootstrap restore settles at its end only", func() {
		cluster := reborn()
		cluster.Restore = pgo.Restore{}
		cluster.DataInitialized = pgo.Condition{}
		cluster.SystemIdentifier, cluster.UsersRevision, cluster.ReadyReplicas = "", "", 0
		expect := func(reason string) {
			GinkgoHelper()
			Expect(pgo.Settled(cluster, "grafana")).To(isWaiting(reason, ""))
		}
		expect(v1alpha1.RestoringReason)
		cluster.RestoreProgressing = restoring("ReadyForRestore")
		cluster.Restore.ID, cluster.StartupInstance = cluster.WantedRestore, "a-1"
		expect(v1alpha1.RestoringReason)
		cluster.Restore.Finished, cluster.Restore.Succeeded = true, 1
		cluster.DataInitialized = reborn().DataInitialized
		cluster.RestoreProgressing = pgo.Condition{}
		expect(v1alpha1.ClusterStartingReason) // the Secret is there, its password not
		cluster.StartupInstance, cluster.SystemIdentifier = "", "7000"
		expect(v1alpha1.ClusterStartingReason)
		cluster.ReadyReplicas = 1
		expect(v1alpha1.UsersNotAppliedReason)
		cluster.UsersRevision = "r1"
		Expect(pgo.Settled(cluster, "grafana")).To(isSettled())
	})

	It("of a restore in place never settles on its stale conditions, and ends in another database", func() {
		cluster := reborn()
		before := cluster.Database()
		expect := func(reason string) {
			GinkgoHelper()
			Expect(pgo.Settled(cluster, "grafana")).To(isWaiting(reason, ""))
		}
		cluster.WantedRestore = "one"
		expect(v1alpha1.RestoringReason)
		cluster.Restore = pgo.Restore{ID: "one"}
		cluster.RestoreProgressing, cluster.StartupInstance = restoring("RestoreInPlaceRequested"), "a-1"
		expect(v1alpha1.RestoringReason) // PostgresDataInitialized is still True
		cluster.RestoreProgressing, cluster.DataInitialized, cluster.SystemIdentifier = restoring("ReadyForRestore"), pgo.Condition{}, ""
		expect(v1alpha1.RestoringReason)
		cluster.Restore.Finished, cluster.Restore.Succeeded = true, 1
		cluster.DataInitialized, cluster.RestoreProgressing = reborn().DataInitialized, pgo.Condition{}
		expect(v1alpha1.ClusterStartingReason) // usersRevision is stale from here on
		cluster.StartupInstance, cluster.SystemIdentifier = "", "7000"
		Expect(pgo.Settled(cluster, "grafana")).To(isSettled())
		Expect(cluster.Database()).NotTo(Equal(before))
	})
})
