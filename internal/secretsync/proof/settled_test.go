package proof_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/outcome"
	"github.com/tazzo/rebirth/internal/secretsync/pgo"
	"github.com/tazzo/rebirth/internal/secretsync/proof"
	"github.com/tazzo/rebirth/internal/secretsync/redact"
)

var _ = Describe("What stands in the way of a proof", func() {
	waiting, stalled := outcome.Waiting, outcome.Stalled

	expectBlocked := func(f proof.Facts, class outcome.Class, reason string, words []string) {
		GinkgoHelper()
		Expect(proof.LoginDue(f)).To(BeFalse())
		plan := proof.Decide(f)
		expectPending(plan, class, reason, words...)
		Expect(plan.Verification).To(BeNil(), "the proof is dropped")
		if reason == v1alpha1.CRDMissingReason {
			Expect(plan.RequeueAfter).To(Equal(5*time.Second), "no event tells that it came")
		} else {
			Expect(plan.RequeueAfter).To(BeZero())
		}
		Expect(condition(plan, v1alpha1.SettledCondition)).To(Equal(outcome.False(v1alpha1.SettledCondition, reason, plan.Outcome.Message)))
		Expect(verified(plan).Status).To(Equal(metav1.ConditionUnknown))
	}

	DescribeTable("is found before the Secret is read",
		func(class outcome.Class, reason string, words []string, edits ...func(*proof.Facts)) {
			f := facts(edits...)
			f.Source, f.CA = nil, nil
			Expect(proof.NeedsSource(f)).To(BeFalse())
			expectBlocked(f, class, reason, words)
		},
		Entry("an export to its own namespace", stalled, v1alpha1.InvalidSpecReason, []string{"spec.to[1].namespace", "tazlab-db", sourceName[len("tazlab-db/"):]},
			func(f *proof.Facts) {
				f.Export.Spec.To = []v1alpha1.ExportDestination{{Namespace: "monitoring"}, {Namespace: "tazlab-db"}}
			}),
		Entry("a selector that can't be parsed", stalled, v1alpha1.InvalidSpecReason, []string{"spec.to[0].namespaceSelector"},
			func(f *proof.Facts) {
				f.Export.Spec.To = []v1alpha1.ExportDestination{{NamespaceSelector: &metav1.LabelSelector{
					MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Contains"}}}}}
			}),
		Entry("no right", stalled, v1alpha1.NoRightsReason, []string{"Secret " + sourceName, "exports: [{namespace: tazlab-db}]"},
			func(f *proof.Facts) { f.Granted = false }),
		Entry("no right, of any Secret", stalled, v1alpha1.NoRightsReason, []string{"Secret tazlab-db/tls"}, ofSecret, func(f *proof.Facts) { f.Granted = false }),
		Entry("PGO's CRD or the Role is not there (S7)", waiting, v1alpha1.CRDMissingReason, []string{"namespace tazlab-db", "CRD", "Role"},
			func(f *proof.Facts) { f.ClusterKnown, f.Cluster = false, nil }),
		Entry("no cluster (S7)", waiting, v1alpha1.ClusterMissingReason, []string{"PostgresCluster tazlab-db/tazlab-db"}, func(f *proof.Facts) { f.Cluster = nil }),
		Entry("a cluster that is going", waiting, v1alpha1.ClusterDeletedReason, nil, cluster(func(c *pgo.Cluster) { c.Deleting = true })),
		Entry("a cluster that is shut down", waiting, v1alpha1.ClusterShutdownReason, nil, cluster(func(c *pgo.Cluster) { c.Shutdown = true })),
		Entry("a cluster that starts", waiting, v1alpha1.ClusterStartingReason, nil, cluster(func(c *pgo.Cluster) { c.ReadyReplicas = 0 })),
		Entry("users that are not applied", waiting, v1alpha1.UsersNotAppliedReason, nil, cluster(func(c *pgo.Cluster) { c.UsersRevision = "" })),
		Entry("a user that PGO doesn't know", stalled, v1alpha1.UserUnknownReason, []string{"spec.users", "backend"}, cluster(func(c *pgo.Cluster) { c.Users = "backend" })),
		Entry("a restore under way", waiting, v1alpha1.RestoringReason, []string{"restore-1"}, cluster(func(c *pgo.Cluster) { c.WantedRestore = "restore-1" })),
		Entry("a restore that failed (S18)", stalled, v1alpha1.RestoreFailedReason, []string{"restore-1", "out of space"}, cluster(func(c *pgo.Cluster) {
			c.WantedRestore, c.Restore.ID = "restore-1", "restore-1"
			c.DataInitialized = pgo.Condition{Status: metav1.ConditionFalse, Reason: "PGBackRestRestoreFailed", Message: "out of space"}
		})),
	)

	DescribeTable("is found in what was read",
		func(class outcome.Class, reason string, words []string, edits ...func(*proof.Facts)) {
			f := facts(edits...)
			Expect(proof.NeedsSource(f)).To(BeTrue())
			expectBlocked(f, class, reason, words)
		},
		Entry("no Secret", waiting, v1alpha1.SourceMissingReason, []string{"Secret " + sourceName, "kept"}, func(f *proof.Facts) { f.Source = nil }),
		Entry("a key that is not there yet", waiting, v1alpha1.SourceIncompleteReason, []string{"password"}, content("password", "")),
		Entry("a decoy", stalled, v1alpha1.SourceNotOwnedReason, []string{sourceName, "no controller owns it", "PostgresCluster tazlab-db/tazlab-db", "delete"},
			func(f *proof.Facts) { f.Source.NotOwned = "no controller owns it" }),
		Entry("the Secret of a former life, which goes by itself", waiting, v1alpha1.SourceNotOwnedReason, []string{sourceName, "earlier", "waiting for PGO"},
			func(f *proof.Facts) {
				f.Source.NotOwned, f.Source.Orphaned = "its controller is an earlier PostgresCluster", true
			}),
		Entry("a ServiceAccount's token", stalled, v1alpha1.SourceTypeReason, []string{"tazlab-db/tls", "kubernetes.io/service-account-token"},
			ofSecret, func(f *proof.Facts) { f.Source.Type = corev1.SecretTypeServiceAccountToken }),
		Entry("a bootstrap token", stalled, v1alpha1.SourceTypeReason, []string{"bootstrap.kubernetes.io/token"},
			func(f *proof.Facts) { f.Source.Type = corev1.SecretTypeBootstrapToken }),
		Entry("an empty Secret", waiting, v1alpha1.SourceIncompleteReason, []string{"tazlab-db/tls", "empty", "kept"},
			ofSecret, func(f *proof.Facts) { f.Source.Data = redact.Data{} }),
		Entry("no certificate yet", waiting, v1alpha1.CAMissingReason, []string{`"ca.crt"`, "Secret tazlab-db/tazlab-db-cluster-cert", "includeCA: false"},
			func(f *proof.Facts) { f.CA = nil }),
		Entry("no right to the certificate", stalled, v1alpha1.NoRightsReason, []string{"tazlab-db-cluster-cert", "exports[].secrets", "includeCA: false"},
			func(f *proof.Facts) { f.CA, f.CAGranted = nil, false }),
		Entry("a custom TLS Secret without a CA", stalled, v1alpha1.CAMissingReason, []string{"spec.customTLSSecret", "PostgresCluster tazlab-db/tazlab-db", "ca.crt", "includeCA: false"},
			func(f *proof.Facts) { f.CA = nil }, cluster(func(c *pgo.Cluster) { c.TLSSecret, c.TLSSecretCAKey = "own", "" })),
	)

	It("is not a certificate that nobody wants", func() {
		e := export(func(f *proof.Facts) { f.CA, f.CAGranted, f.Export.Spec.IncludeCA = nil, false, new(bool) })
		plan := e.at(0, succeeded)
		expectPublished(plan, "100", v1alpha1.LoginSucceededReason, metav1.ConditionTrue)
		Expect(plan.Publish.CA).To(BeEmpty())
		Expect(plan.Publish.Revision).To(Equal("100"))
	})

	It("is not a paused cluster that was settled", func() {
		expectPublished(export(cluster(func(c *pgo.Cluster) { c.Paused = true })).at(0, succeeded), "100", v1alpha1.LoginSucceededReason, metav1.ConditionTrue)
	})

	It("is not a fresh cluster without PostgresDataInitialized (S19)", func() {
		e := export(cluster(func(c *pgo.Cluster) { c.DataInitialized = pgo.Condition{} }))
		expectPublished(e.at(0, succeeded), "100", v1alpha1.LoginSucceededReason, metav1.ConditionTrue)
	})

	It("drops a proof, so that the source is proven anew", func() {
		e := export()
		e.at(0, succeeded)
		e.at(10, succeeded, cluster(func(c *pgo.Cluster) { c.Shutdown = true }))
		Expect(e.Export.Status.Verification).To(BeNil())
		Expect(e.Export.Status.Revision).NotTo(BeEmpty(), "what was published stays known")
		expectPublished(e.at(20, succeeded, cluster(func(c *pgo.Cluster) { c.Shutdown = false })), "100", v1alpha1.LoginSucceededReason, metav1.ConditionTrue)
		Expect(e.logins).To(Equal(2))
	})
})
