//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/test/e2e/timeline"
)

// patience is for what takes minutes when it works: it says what stuck, not how fast
// it should be.
const patience = 6 * time.Minute

func now() time.Time { return time.Now() }

const (
	nodes      = 3
	brokenNode = "rebirth-worker2"
)

var nodeNames = []string{"rebirth-control-plane", "rebirth-worker", brokenNode}

var everything = []string{"flux-system", "namespaces", "readiness-gate", "secret-sync", "storage", "external-secrets", "secret-store", "pgo", "tazlab-db", "monitoring"}

var _ = Describe("A cluster that Flux builds from Git", Ordered, ContinueOnFailure, func() {
	var first, second, third string // passwords of the three lives
	var fourth string               // after a rotation
	var beforeRotation string       // a moment, as PostgreSQL writes it
	var remembered int              // starts of Grafana that the database remembers

	It("stays behind a shut gate while one node's overlay is broken, although every pod is Ready; the node is named (R1, R2, R17)", func(ctx SpecContext) {
		bringUp(ctx)
		// Nothing but DaemonSets runs there meanwhile.
		_, err := world.Cluster.Kubectl(ctx, "cordon", brokenNode)
		Expect(err).NotTo(HaveOccurred())
		cutOverlay(ctx, brokenNode)
		expectNodesReady(ctx, nodes)
		Expect(world.Push(ctx)).To(Succeed())
		Expect(world.HandOver(ctx)).To(Succeed())

		expectOnlyFailing(ctx, brokenNode)
		expectPodsReady(ctx, "kube-system", "readiness-gate")
		expectHeldBack(ctx)
		Consistently(ctx, func(g Gomega) {
			g.Expect(getGate(ctx, g).Status.Open).To(BeFalse())
			g.Expect(absent(ctx, &corev1.ConfigMap{}, key("flux-system", "network-ready"))).To(BeTrue())
		}).WithTimeout(time.Minute).Should(Succeed())
		expectOnlyFailing(ctx, brokenNode)
		expectHeldBack(ctx)
	}, SpecTimeout(10*time.Minute))

	It("goes on by itself once every node carries traffic (R12)", func(ctx SpecContext) {
		mendOverlay(ctx, brokenNode)
		_, err := world.Cluster.Kubectl(ctx, "uncordon", brokenNode)
		Expect(err).NotTo(HaveOccurred())
		expectOpen(ctx, nodes)
		expectReady(ctx, "readiness-gate", "secret-sync", "pgo", "secret-store")
	}, SpecTimeout(10*time.Minute))

	It("takes Grafana's Secret over from the ExternalSecret with a password that the database proves, and Grafana runs (S1, S2)", func(ctx SpecContext) {
		first = expectMirrored(ctx, world.Repository.DayZeroPassword)
		Eventually(ctx, func(g Gomega) {
			imported := read(ctx, g, &v1alpha1.SecretImport{}, key(consumer, "grafana-db"))
			g.Expect(meta.IsStatusConditionTrue(imported.Status.Conditions, "TakenOver")).To(BeTrue(), "%v", imported.Status.Conditions)
			seeded := meta.FindStatusCondition(conditions(ctx, g, externalSecretKind, key(consumer, userSecret)), "Ready")
			g.Expect(seeded).NotTo(BeNil())
			g.Expect(string(seeded.Status)).To(Equal("True"), seeded.Message)
		}).Should(Succeed())
		expectReady(ctx, everything...)
	}, SpecTimeout(10*time.Minute))

	It("is backed up in S3", func(ctx SpecContext) {
		expectBackedUp(ctx)
		remembered = starts(ctx)
		Expect(remembered).To(BeNumerically(">=", 1))
	}, SpecTimeout(10*time.Minute))

	It("is reborn with its data and a new password after it was deleted, with nobody touching it", func(ctx SpecContext) {
		world.Repository.DataSource = true
		Expect(world.Push(ctx)).To(Succeed())
		raze(ctx)
		second = expectReborn(ctx, first)
		reportTimeline(ctx, "timeline")
		Expect(starts(ctx)).To(BeNumerically(">", remembered), "rows from before the rebirth, and Grafana's new start")
	}, SpecTimeout(15*time.Minute))

	It("is reborn a second time in a row, while controllers' pods are deleted at random", func(ctx SpecContext) {
		expectBackedUp(ctx)
		remembered = starts(ctx)
		raze(ctx)
		disturbance := disturb(ctx)
		third = expectReborn(ctx, second)
		reportTimeline(ctx, "timeline-disturbed")
		Eventually(ctx, disturbance.Lost).WithTimeout(patience).Should(HaveLen(len(controllers)), "each of them lost a pod")
		expectReady(ctx, everything...)
		Expect(starts(ctx)).To(BeNumerically(">", remembered))
	}, SpecTimeout(20*time.Minute))

	It("follows a rotation with one rollout, after which Grafana logs in", func(ctx SpecContext) {
		disturb(ctx)
		beforeRotation = query(ctx, Default, "postgres", "SELECT now()")
		archive(ctx)
		rollout := read(ctx, Default, &appsv1.Deployment{}, key(consumer, "grafana")).Generation
		rotate(ctx)
		fourth = expectMirrored(ctx, third)
		archive(ctx)
		Expect(read(ctx, Default, &appsv1.Deployment{}, key(consumer, "grafana")).Generation).To(Equal(rollout + 1))
	}, SpecTimeout(10*time.Minute))

	It("finds out by the failing login that an in-place restore brought an old password back, and has it repaired", func(ctx SpecContext) {
		disturb(ctx)
		world.Repository.Restore, world.Repository.RestoreID = beforeRotation, "before-the-rotation"
		Expect(world.Push(ctx)).To(Succeed())
		reconcileNow(ctx)
		Eventually(ctx, func(g Gomega) {
			export := read(ctx, g, &v1alpha1.SecretExport{}, key(database, "grafana"))
			g.Expect(export.Status.Conditions).To(ContainElement(SatisfyAll(
				HaveField("Type", "Verified"), HaveField("Status", metav1.ConditionFalse), HaveField("Reason", v1alpha1.PasswordRefusedReason))), "%v", export.Status.Conditions)
		}).WithTimeout(patience).Should(Succeed())

		world.Repository.Repair = true
		Expect(world.Push(ctx)).To(Succeed())
		reconcileNow(ctx)
		kept := expectMirrored(ctx, third) == fourth
		Expect(kept).To(BeTrue(), "the repair keeps the Secret's password")
	}, SpecTimeout(15*time.Minute))

	consumerSpecs()
	gateSpecs()

	It("has left no secret in a log, an event, another object or a node's file (S24)", func(ctx SpecContext) {
		plant(ctx)
		Expect(world.FindLeaks(ctx)).To(beOnlyThePlanted())
	}, SpecTimeout(10*time.Minute))
})

// raze destroys the cluster and makes a new one, up to the hand-over. What comes after
// comes by itself.
func raze(ctx context.Context) {
	GinkgoHelper()
	Expect(world.FindLeaks(ctx)).To(BeEmpty(), "this life's logs are gone with it")
	Expect(world.Cluster.Delete(ctx)).To(Succeed())
	bringUp(ctx)
	Expect(world.HandOver(ctx)).To(Succeed())
}

// expectReborn waits until everything is there again, and the database's data with it.
func expectReborn(ctx context.Context, formerPassword string) string {
	GinkgoHelper()
	expectOpen(ctx, nodes)
	password := expectMirrored(ctx, formerPassword)
	restored := meta.FindStatusCondition(conditions(ctx, Default, postgresClusterKind, key(database, database)), "PostgresDataInitialized")
	Expect(restored).NotTo(BeNil())
	Expect(restored.Reason).To(Equal("PGBackRestRestoreComplete"))
	expectReady(ctx, everything...)
	return password
}

// reportTimeline shows when what happened in this life, and draws it into the reports'
// folder.
func reportTimeline(ctx context.Context, name string) {
	GinkgoHelper()
	line, err := timeline.Collect(ctx, world.Client, timeline.Consumer{Namespace: consumer, Name: "grafana"})
	Expect(err).NotTo(HaveOccurred())
	var table strings.Builder
	Expect(line.WriteTable(&table)).To(Succeed())
	AddReportEntry(name, table.String(), ReportEntryVisibilityAlways)
	chart, err := os.Create(filepath.Join(environment("E2E_OUT"), name+".svg"))
	Expect(err).NotTo(HaveOccurred())
	defer chart.Close()
	Expect(line.WriteSVG(chart, fmt.Sprintf("A rebirth in kind on %d cores, from the API server's start", runtime.NumCPU()))).To(Succeed())
}
