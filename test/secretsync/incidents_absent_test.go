package secretsync_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/test/controlplane"
	"github.com/tazzo/rebirth/test/operator"
)

// emptyControlPlane has the chart and nothing else: neither PGO nor External
// Secrets is installed. Until the spec's end it stands in for the suite's.
func emptyControlPlane(ctx context.Context) *controlplane.ControlPlane {
	GinkgoHelper()
	bare, err := controlplane.Start(ctx, controlplane.Options{
		Progress:  GinkgoWriter,
		Manifests: [][]byte{namespaces(releaseNamespace, databaseNamespace, consumerNamespace), renderChart(ctx, chartValues())},
	})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(bare.Stop)
	usual, usualPlayed := admin, played
	DeferCleanup(func() { admin, played = usual, usualPlayed })
	admin, err = client.New(bare.AdminConfig(), client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	played, err = operator.New(bare.AdminConfig(), database)
	Expect(err).NotTo(HaveOccurred())
	played.NewPassword = canaryPassword
	return bare
}

var _ = Describe("Where something is not there yet", func() {
	It("waits for PGO's CRD, for the cluster and for its Secret, and converges when they appear (S7)", func(ctx context.Context) {
		bare := emptyControlPlane(ctx)
		config, err := bare.ServiceAccountConfig(ctx, releaseNamespace, "secret-sync")
		Expect(err).NotTo(HaveOccurred())
		alive := run(ctx, settings{config: config})
		g := grafana{cluster: played.Cluster(databaseNamespace, "tazlab-db", "grafana"), export: anExport("grafana"), imp: anImport("grafana")}
		DeferCleanup(func(ctx context.Context) { Expect(database.DropRole(ctx, "grafana")).To(Succeed()) })
		Expect(admin.Create(ctx, g.export)).To(Succeed())
		Expect(admin.Create(ctx, g.imp)).To(Succeed())

		waitsFor := func(reason string) {
			GinkgoHelper()
			Eventually(ready(ctx, g.export)).Should(haveReason(metav1.ConditionFalse, reason))
			Expect(g.export).To(beWaiting())
			Eventually(ready(ctx, g.imp)).Should(haveReason(metav1.ConditionFalse, v1alpha1.ExportNotReadyReason))
			Expect(g.imp).To(beWaiting())
			Consistently(alive.done).WithTimeout(time.Second).ShouldNot(Receive(), "the instance ended")
		}
		waitsFor(v1alpha1.CRDMissingReason)

		By("PGO is installed")
		crds, err := controlplane.PGOCRDs(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(bare.ApplyYAML(ctx, crds)).To(Succeed())
		waitsFor(v1alpha1.ClusterMissingReason)

		By("the cluster is created")
		Expect(g.cluster.Create(ctx, false)).To(Succeed())
		waitsFor(v1alpha1.ClusterStartingReason)
		Expect(g.cluster.Up(ctx, "users-1")).To(Succeed())
		waitsFor(v1alpha1.SourceMissingReason)

		By("PGO writes the Secret")
		Expect(g.cluster.Initdb(ctx)).To(Succeed())
		g.expectMirrored(ctx)
	})
})
