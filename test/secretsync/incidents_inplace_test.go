package secretsync_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

var _ = Describe("A restore in place, to a moment before a rotation", func() {
	// restore rotates the password and takes the database, and nothing else, back.
	restore := func(ctx context.Context, l life) {
		GinkgoHelper()
		backup := l.backup(ctx)
		Expect(l.cluster.Rotate(ctx, "grafana")).To(Succeed())
		l.converged(ctx)
		l.restarted(ctx, 1)
		Expect(l.cluster.InPlaceRestore(ctx, "before-the-rotation", backup)).To(Succeed())
		Eventually(condition(ctx, l.export, v1alpha1.VerifiedCondition)).Should(haveReason(metav1.ConditionFalse, v1alpha1.PasswordRefusedReason))
		Expect(l.export).To(beWaiting())
	}

	It("is told after ten seconds of refusals with the way out, which heals it", func(ctx context.Context) {
		run(ctx, settings{})
		l := dayZero(ctx)
		restore(ctx, l)
		before := versionOf(ctx, grafanaSecret)(Default)

		Eventually(ready(ctx, l.export)).WithTimeout(30 * time.Second).Should(And(
			haveReason(metav1.ConditionFalse, v1alpha1.PasswordRefusedReason),
			HaveField("Message", And(
				ContainSubstring("Secret tazlab-db/tazlab-db-pguser-grafana"),
				ContainSubstring("set spec.repair: ReapplyVerifier"),
				ContainSubstring("empty the key verifier"),
			)),
		))
		Eventually(func(g Gomega) { ready(ctx, l.export)(g); g.Expect(l.export).To(beStalled()) }).WithTimeout(30 * time.Second).Should(Succeed())
		Expect(l.export.Status.Verification.LastAttempt.Sub(l.export.Status.Verification.RefusedSince.Time)).To(BeNumerically(">=", 10*time.Second))
		Expect(versionOf(ctx, grafanaSecret)(Default)).To(Equal(before))

		Expect(l.cluster.EditSecret(ctx, "grafana", func(data map[string][]byte) { data["verifier"] = nil })).To(Succeed())
		Expect(l.cluster.React(ctx, "grafana")).To(BeTrue())
		l.converged(ctx)
		Consistently(restartsOf(ctx, l.app)).Should(BeEquivalentTo(1), "the password is the same: nothing to restart")
	})

	It("is healed by spec.repair: ReapplyVerifier", func(ctx context.Context) {
		run(ctx, settings{})
		l := dayZero(ctx, func(e *v1alpha1.SecretExport, _ *v1alpha1.SecretImport) {
			e.Spec.Repair = v1alpha1.RepairReapplyVerifier
		})
		restore(ctx, l)
		password := l.password(ctx)

		Eventually(func() (bool, error) { return l.cluster.React(ctx, "grafana") }).WithTimeout(30 * time.Second).Should(BeTrue())

		l.converged(ctx)
		Expect(l.password(ctx)).To(Equal(password))
		Expect(l.export.Status.Repair).NotTo(BeNil())
		Consistently(restartsOf(ctx, l.app)).Should(BeEquivalentTo(1), "the password is the same: nothing to restart")
	})
})
