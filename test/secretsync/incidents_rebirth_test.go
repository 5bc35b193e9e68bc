package secretsync_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

// life is a database, its export and import, and a Grafana that runs on them.
type life struct {
	grafana
	app *appsv1.Deployment
}

// dayZero brings everything up: the mirror is there and Grafana runs on it.
func dayZero(ctx context.Context, edits ...func(*v1alpha1.SecretExport, *v1alpha1.SecretImport)) life {
	GinkgoHelper()
	l := life{grafana: mirroredGrafana(ctx, edits...), app: aDeployment("grafana", grafanaSecret)}
	deploy(ctx, l.app)
	return l
}

func (l life) password(ctx context.Context) string {
	GinkgoHelper()
	password, err := l.cluster.Password(ctx, "grafana")
	Expect(err).NotTo(HaveOccurred())
	return password
}

// backup is what the database knows now.
func (l life) backup(ctx context.Context) map[string]string {
	GinkgoHelper()
	verifiers, err := l.cluster.Verifiers(ctx)
	Expect(err).NotTo(HaveOccurred())
	return verifiers
}

// raze deletes the database, as a rebirth does, and waits until that is seen.
func (l life) raze(ctx context.Context) {
	GinkgoHelper()
	Expect(l.cluster.Delete(ctx)).To(Succeed())
	Eventually(func() error { _, err := l.cluster.Secret(ctx, "grafana"); return err }).ShouldNot(Succeed())
	Eventually(ready(ctx, l.export)).Should(haveReason(metav1.ConditionFalse, v1alpha1.ClusterMissingReason))
}

// converged waits until the mirror holds the Secret's password, and logs in with it.
func (l life) converged(ctx context.Context) {
	GinkgoHelper()
	l.expectMirrored(ctx)
	data := secretNamed(ctx, grafanaSecret)(Default).Data
	Expect(database.Login(ctx, string(data["user"]), string(data["password"]), string(data["dbname"]))).To(Succeed())
}

// restarted waits for the rollout that answers the mirror's last change, the n-th of
// this life, brings it to its end, and sees that no other follows.
func (l life) restarted(ctx context.Context, n int) {
	GinkgoHelper()
	Eventually(replicaSets(ctx, l.app)).Should(Equal(1 + n))
	start(ctx, l.app)
	Eventually(handled(ctx, l.imp)).Should(BeTrue())
	Expect(condition(ctx, l.imp, v1alpha1.RestartedCondition)(Default)).To(HaveField("Status", metav1.ConditionTrue))
	Consistently(replicaSets(ctx, l.app)).Should(Equal(1 + n))
	Expect(restartsOf(ctx, l.app)(Default)).To(BeEquivalentTo(n))
	Expect(stampFor(l.app, l.imp)).To(Equal(l.imp.Status.Target.ChangedAt.UTC().Format(time.RFC3339)))
}

// handled returns a function that tells whether every process was looked at since
// the mirror's last change.
func handled(ctx context.Context, imp *v1alpha1.SecretImport) func(Gomega) bool {
	return func(g Gomega) bool {
		g.Expect(admin.Get(ctx, client.ObjectKeyFromObject(imp), imp)).To(Succeed())
		s := imp.Status
		return s.Target != nil && s.Target.ChangedAt != nil && s.Restart != nil && s.Restart.HandledUpTo.Equal(s.Target.ChangedAt)
	}
}

var _ = Describe("A rebirth", func() {
	It("replaces the password of a former life, restarts Grafana once, and Grafana logs in (S1)", func(ctx context.Context) {
		run(ctx, settings{})
		l := dayZero(ctx)
		old := l.password(ctx)
		backup := l.backup(ctx)
		before := versionOf(ctx, grafanaSecret)(Default)

		By("the database is razed")
		l.raze(ctx)

		By("PGO restores it")
		Expect(l.cluster.Create(ctx, true)).To(Succeed())
		Expect(l.cluster.BeginBootstrapRestore(ctx)).To(Succeed())
		Eventually(ready(ctx, l.export)).Should(haveReason(metav1.ConditionFalse, v1alpha1.RestoringReason))
		Expect(l.cluster.WriteSecrets(ctx)).To(Succeed())
		Expect(l.password(ctx)).NotTo(Equal(old))
		Expect(l.cluster.FinishRestoreJob(ctx)).To(Succeed())

		By("for a moment the old password logs in, and the Secret's is refused")
		Expect(l.cluster.RestoreVerifiers(ctx, backup)).To(Succeed())
		Expect(l.cluster.Up(ctx, "users-1")).To(Succeed())
		Expect(database.Login(ctx, "grafana", old, "grafana")).To(Succeed())
		Eventually(condition(ctx, l.export, v1alpha1.VerifiedCondition)).Should(haveReason(metav1.ConditionFalse, v1alpha1.PasswordRefusedReason))
		Expect(l.export).To(beWaiting())
		Expect(versionOf(ctx, grafanaSecret)(Default)).To(Equal(before))

		By("PGO applies the users")
		Expect(l.cluster.ApplyUsers(ctx)).To(Succeed())
		l.converged(ctx)
		l.restarted(ctx, 1)
	})

	It("keeps and flags the mirror while the source is gone, then updates it (S15)", func(ctx context.Context) {
		run(ctx, settings{})
		l := dayZero(ctx)
		backup := l.backup(ctx)
		before := versionOf(ctx, grafanaSecret)(Default)

		l.raze(ctx)
		Eventually(ready(ctx, l.imp)).Should(And(
			haveReason(metav1.ConditionFalse, v1alpha1.ExportNotReadyReason),
			HaveField("Message", ContainSubstring("the mirror is kept as it is")),
		))
		Expect(l.imp).To(beWaiting())
		Consistently(versionOf(ctx, grafanaSecret)).Should(Equal(before))
		Expect(restartsOf(ctx, l.app)(Default)).To(BeZero())

		Expect(l.cluster.Create(ctx, true)).To(Succeed())
		Expect(l.cluster.BootstrapRestore(ctx, backup)).To(Succeed())
		l.converged(ctx)
		l.restarted(ctx, 1)
	})

	It("changes nothing when the restore fails, and shows the cause (S18)", func(ctx context.Context) {
		run(ctx, settings{})
		l := dayZero(ctx)
		before := versionOf(ctx, grafanaSecret)(Default)
		l.raze(ctx)

		Expect(l.cluster.Create(ctx, true)).To(Succeed())
		Expect(l.cluster.BeginBootstrapRestore(ctx)).To(Succeed())
		Expect(l.cluster.FailRestoreJob(ctx)).To(Succeed())

		cause := And(HaveField("Status", metav1.ConditionFalse), HaveField("Message", ContainSubstring(`restore "~pgo-bootstrap-tazlab-db" of PostgresCluster tazlab-db/tazlab-db failed`)))
		Eventually(condition(ctx, l.export, v1alpha1.SettledCondition)).Should(And(haveReason(metav1.ConditionFalse, v1alpha1.RestoreFailedReason), cause))
		Expect(l.export).To(beStalled())
		Eventually(ready(ctx, l.imp)).Should(cause)
		Consistently(versionOf(ctx, grafanaSecret)).Should(Equal(before))
		Expect(restartsOf(ctx, l.app)(Default)).To(BeZero())
	})
})

var _ = Describe("A rotation", func() {
	It("reaches the mirror and restarts Grafana once", func(ctx context.Context) {
		run(ctx, settings{})
		l := dayZero(ctx)
		for rotation := 1; rotation <= 2; rotation++ {
			Expect(l.cluster.Rotate(ctx, "grafana")).To(Succeed())
			l.converged(ctx)
			l.restarted(ctx, rotation)
		}
	})
})
