package secretsync_test

import (
	"context"
	"maps"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

// What docs/migration.md promises of a Secret that something else copied before.
var _ = Describe("A copy that was there before", func() {
	const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"
	adopts := func(imp *v1alpha1.SecretImport) {
		imp.Spec.Existing, imp.Spec.Target.Name = v1alpha1.ExistingAdopt, grafanaSecret
	}

	// copied makes a copy of the proven source, as a copier leaves it.
	copied := func(ctx context.Context, g grafana, meta metav1.ObjectMeta) *corev1.Secret {
		GinkgoHelper()
		source, err := g.cluster.Secret(ctx, "grafana")
		Expect(err).NotTo(HaveOccurred())
		meta.Namespace, meta.Name = consumerNamespace, grafanaSecret
		secret := &corev1.Secret{ObjectMeta: meta, Data: maps.Clone(source.Data)}
		create(ctx, secret)
		return secret
	}

	DescribeTable("is adopted as the same object with the same password, and no reader of it is restarted", func(ctx context.Context, meta metav1.ObjectMeta) {
		run(ctx, settings{})
		g := proven(ctx, adopts)
		before := copied(ctx, g, meta)
		reader := consumer(ctx, "reader", grafanaSecret, time.Minute)
		create(ctx, g.imp)
		g.expectMirrored(ctx)

		after := secretNamed(ctx, grafanaSecret)(Default)
		Expect(after.UID).To(Equal(before.UID))
		Expect(after.Data).To(And(HaveKey("ca.crt"), Not(HaveKey("verifier"))))
		Expect(after.Annotations).NotTo(HaveKey(lastApplied))
		Expect(condition(ctx, g.imp, v1alpha1.RestartedCondition)(Default)).To(haveReason(metav1.ConditionTrue, v1alpha1.NothingToRestartReason))
		Expect(restartsOf(ctx, reader)(Default)).To(BeZero())
	},
		Entry("from a script", metav1.ObjectMeta{Annotations: map[string]string{lastApplied: `{"data":{"password":"…"}}`}}),
		Entry("from reflector", metav1.ObjectMeta{Annotations: map[string]string{
			"reflector.v1.k8s.emberstack.com/reflects":      "tazlab-db/" + grafanaSecret,
			"reflector.v1.k8s.emberstack.com/auto-reflects": "True",
		}}),
		Entry("from kubernetes-replicator", metav1.ObjectMeta{
			Labels:      map[string]string{"postgres-operator.crunchydata.com/cluster": "tazlab-db", "postgres-operator.crunchydata.com/pguser": "grafana"},
			Annotations: map[string]string{"replicator.v1.mittwald.de/replicated-keys": "password"},
		}),
	)

	It("is adopted once Git's labels are off", func(ctx context.Context) {
		run(ctx, settings{})
		g := proven(ctx, adopts)
		inGit := copied(ctx, g, metav1.ObjectMeta{Labels: map[string]string{
			"kustomize.toolkit.fluxcd.io/name": "monitoring", "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
		}})
		create(ctx, g.imp)
		Eventually(ready(ctx, g.imp)).Should(haveReason(metav1.ConditionFalse, v1alpha1.ManagedByGitReason))

		update(ctx, inGit, func(s *corev1.Secret) { s.Labels = nil })
		g.expectMirrored(ctx)
		Expect(secretNamed(ctx, grafanaSecret)(Default).UID).To(Equal(inGit.UID))
	})
})
