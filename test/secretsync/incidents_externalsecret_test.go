package secretsync_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/externalsecret"
)

// takesOver has the import take the Secret from the ExternalSecret of its name.
func takesOver(method v1alpha1.TakeOverMethod) func(*v1alpha1.SecretImport) {
	return func(imp *v1alpha1.SecretImport) {
		imp.Spec.Existing, imp.Spec.Target.Name = v1alpha1.ExistingTakeOver, grafanaSecret
		imp.Spec.ExternalSecret = &v1alpha1.ExternalSecretReference{Method: method}
	}
}

// proven is a database whose export is ready, and an import that nobody created yet.
func proven(ctx context.Context, edits ...func(*v1alpha1.SecretImport)) grafana {
	GinkgoHelper()
	g := grafana{cluster: newCluster("grafana"), export: anExport("grafana"), imp: anImport("grafana", append(edits, restartAtOnce)...)}
	Expect(g.cluster.Create(ctx, false)).To(Succeed())
	Expect(g.cluster.Initdb(ctx)).To(Succeed())
	create(ctx, g.export)
	Eventually(ready(ctx, g.export)).Should(haveReason(metav1.ConditionTrue, v1alpha1.SucceededReason))
	return g
}

// staysOurs plays ten rounds of Flux and External Secrets, a changed value at the
// provider included.
func (g grafana) staysOurs(ctx context.Context, s *seed) {
	GinkgoHelper()
	password, err := g.cluster.Password(ctx, "grafana")
	Expect(err).NotTo(HaveOccurred())
	for round := range 10 {
		s.provider = canaryPassword("")
		s.fluxApplies(ctx)
		Expect(s.externalSecretsReconciles(ctx)).To(BeFalse(), "round %d", round)
		Expect(s.ready(ctx)).To(Equal("True"), "round %d", round)
		mirror := secretNamed(ctx, s.name)(Default)
		Expect(mirror.Data).To(HaveKeyWithValue("password", []byte(password)), "round %d", round)
		Expect(mirror.OwnerReferences).To(ConsistOf(HaveField("UID", g.imp.UID)), "round %d", round)
	}
	Eventually(ready(ctx, g.imp)).Should(haveReason(metav1.ConditionTrue, v1alpha1.SucceededReason))
	Consistently(versionOf(ctx, s.name)).Should(Equal(versionOf(ctx, s.name)(Default)))
}

var _ = Describe("A Secret that an ExternalSecret of Flux's owns", func() {
	It("is refused with a way out, and without a loop of writes (S2)", func(ctx context.Context) {
		run(ctx, settings{})
		s, g := seeded(ctx, grafanaSecret), proven(ctx)
		before := versionOf(ctx, grafanaSecret)(Default)
		create(ctx, g.imp)
		Eventually(ready(ctx, g.imp)).Should(And(
			haveReason(metav1.ConditionFalse, v1alpha1.ConflictReason),
			HaveField("Message", And(
				ContainSubstring("Secret monitoring/tazlab-db-pguser-grafana belongs to ExternalSecret monitoring/tazlab-db-pguser-grafana"),
				ContainSubstring("set spec.existing: TakeOver"),
				ContainSubstring("creationPolicy: Orphan and refreshPolicy: CreatedOnce"),
			)),
		))
		Expect(g.imp).To(beStalled())
		said := g.imp.ResourceVersion
		Consistently(func(o Gomega) {
			o.Expect(versionOf(ctx, grafanaSecret)(o)).To(Equal(before))
			ready(ctx, g.imp)(o)
			o.Expect(g.imp.ResourceVersion).To(Equal(said))
		}).Should(Succeed())
		Expect(s.ready(ctx)).To(Equal("True"))
	})

	It("is taken over once Git has the ExternalSecret cooperate, and not won back (S2)", func(ctx context.Context) {
		run(ctx, settings{})
		s, g := seeded(ctx, grafanaSecret), proven(ctx, takesOver(v1alpha1.TakeOverCooperate))
		before := versionOf(ctx, grafanaSecret)(Default)
		create(ctx, g.imp)
		Eventually(ready(ctx, g.imp)).Should(And(
			haveReason(metav1.ConditionFalse, v1alpha1.ExternalSecretNotSeedReason),
			HaveField("Message", ContainSubstring("spec.target.creationPolicy to Orphan (it is Owner) and spec.refreshPolicy to CreatedOnce (it is Periodic)")),
		))
		Consistently(versionOf(ctx, grafanaSecret)).Should(Equal(before))

		By("Git cooperates")
		s.creation, s.refresh = externalsecret.QuietCreationPolicy, externalsecret.QuietRefreshPolicy
		s.fluxApplies(ctx)
		Expect(s.externalSecretsReconciles(ctx)).To(BeFalse())
		Eventually(condition(ctx, g.imp, v1alpha1.TakenOverCondition)).WithTimeout(45 * time.Second).Should(haveReason(metav1.ConditionTrue, v1alpha1.TakenOverReason))
		g.expectMirrored(ctx)
		mirror := secretNamed(ctx, grafanaSecret)(Default)
		Expect(mirror.Labels).NotTo(Or(HaveKey(createdByLabel), HaveKey("kustomize.toolkit.fluxcd.io/name")))
		Expect(mirror.Annotations).NotTo(HaveKey(hashAnnotation))
		g.staysOurs(ctx, s)
	})

	It("is frozen and taken over where that is asked for, not won back, and given back (S2)", func(ctx context.Context) {
		run(ctx, settings{})
		s, g := seeded(ctx, grafanaSecret), proven(ctx, takesOver(v1alpha1.TakeOverFreeze))
		create(ctx, g.imp)
		Eventually(condition(ctx, g.imp, v1alpha1.TakenOverCondition)).Should(haveReason(metav1.ConditionTrue, v1alpha1.ExternalSecretFrozenReason))
		Expect(g.imp.Status.FrozenExternalSecret).To(Equal(s.name))
		g.expectMirrored(ctx)
		g.staysOurs(ctx, s)
		Expect(s.policies(ctx)).To(Equal([]string{"Orphan", "CreatedOnce"}))

		By("undone")
		update(ctx, g.imp, func(imp *v1alpha1.SecretImport) {
			imp.Spec.Existing, imp.Spec.ExternalSecret = v1alpha1.ExistingRefuse, nil
		})
		Eventually(func() []string { return s.policies(ctx) }).Should(Equal([]string{"Owner", "Periodic"}))
		Expect(s.live(ctx).GetAnnotations()).NotTo(Or(HaveKey(v1alpha1.FrozenAnnotation), HaveKey("kustomize.toolkit.fluxcd.io/reconcile")))
		Eventually(func(o Gomega) {
			ready(ctx, g.imp)(o)
			o.Expect(g.imp.Status.FrozenExternalSecret).To(BeEmpty())
		}).Should(Succeed())
	})

	It("is put right at once when a re-created ExternalSecret overwrites it, and what started meanwhile is restarted (S2)", func(ctx context.Context) {
		run(ctx, settings{})
		s, g := seeded(ctx, grafanaSecret), proven(ctx, takesOver(v1alpha1.TakeOverCooperate))
		s.creation, s.refresh = externalsecret.QuietCreationPolicy, externalsecret.QuietRefreshPolicy
		s.fluxApplies(ctx)
		create(ctx, g.imp)
		g.expectMirrored(ctx)
		app := aDeployment("grafana", grafanaSecret)
		create(ctx, app)
		pod := newPod(ctx, app)
		bind(ctx, pod)
		right := secretNamed(ctx, grafanaSecret)(Default).Data

		By("Flux prunes the ExternalSecret and creates it anew")
		remove(ctx, s.key())
		Consistently(versionOf(ctx, grafanaSecret)).WithTimeout(time.Second).Should(Equal(versionOf(ctx, grafanaSecret)(Default)))
		s.fluxApplies(ctx)
		Expect(s.externalSecretsReconciles(ctx)).To(BeTrue())
		between := time.Now()
		Eventually(func(o Gomega) map[string][]byte { return secretNamed(ctx, grafanaSecret)(o).Data }).
			WithTimeout(2 * time.Second).Should(Equal(right))
		report(ctx, pod, started(between), corev1.ContainerState{})
		Eventually(restartsOf(ctx, app)).Should(BeEquivalentTo(1))
		start(ctx, app)
		Eventually(handled(ctx, g.imp)).Should(BeTrue())
		Expect(stampFor(app, g.imp)).NotTo(BeEmpty())
		g.staysOurs(ctx, s)
		Expect(restartsOf(ctx, app)(Default)).To(BeEquivalentTo(1))
	})
})
