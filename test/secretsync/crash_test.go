package secretsync_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/externalsecret"
)

// crash is what is interrupted.
type crash struct {
	settings settings
	// arrange makes the state before, with the instance that is going to be killed.
	arrange func()
	// act sets off the writes.
	act func()
	// converged is the state after, whatever happened in between.
	converged func(Gomega)
	// clean removes what arrange and act made.
	clean func()
}

// survives kills an instance before each of its writes in turn, until the whole
// needs no further write, and has a fresh instance go on each time.
func survives(ctx context.Context, build func(name string) crash) {
	GinkgoHelper()
	const most = 25
	for n := range most {
		By(fmt.Sprintf("killing it after %d writes", n))
		if !killed(ctx, build(fmt.Sprintf("grafana-%d", n)), n) {
			Expect(n).To(BeNumerically(">=", 2), "nothing was written, so nothing was interrupted")
			return
		}
	}
	Fail(fmt.Sprintf("still writing after %d writes", most))
}

// killed reports whether the instance came to its write n+1.
func killed(ctx context.Context, c crash, n int) bool {
	GinkgoHelper()
	log := &requests{}
	c.settings.wrap = log.wrap
	victim := run(ctx, c.settings)
	c.arrange()
	log.cutAfter(n)
	c.act()
	Eventually(func(g Gomega) {
		if !log.isCut() {
			c.converged(g)
		}
	}).Should(Succeed())
	victim.stop()

	c.settings.wrap = nil
	successor := run(ctx, c.settings)
	Eventually(c.converged).Should(Succeed())
	Consistently(c.converged).WithTimeout(time.Second).Should(Succeed())
	successor.stop()
	c.clean()
	return log.isCut()
}

var _ = Describe("A controller that is killed between any two writes", func() {
	It("goes on with a first mirror, and restarts once (rule 9)", func(ctx context.Context) {
		cluster := newCluster("grafana")
		Expect(cluster.Create(ctx, false)).To(Succeed())
		Expect(cluster.Initdb(ctx)).To(Succeed())
		survives(ctx, func(name string) crash {
			g, reader := named(name), &appsv1.Deployment{}
			g.cluster = cluster
			return crash{
				arrange:   func() { reader = consumer(ctx, name, name, time.Minute) },
				act:       func() { create(ctx, g.export, g.imp) },
				converged: func(o Gomega) { g.restartedOnce(ctx, o, reader) },
				clean:     func() { g.clean(ctx, reader) },
			}
		})
	})

	It("goes on with a rotation, and restarts once (rule 9)", func(ctx context.Context) {
		cluster := newCluster("grafana")
		Expect(cluster.Create(ctx, false)).To(Succeed())
		Expect(cluster.Initdb(ctx)).To(Succeed())
		survives(ctx, func(name string) crash {
			g, reader := named(name), &appsv1.Deployment{}
			g.cluster = cluster
			return crash{
				arrange: func() {
					create(ctx, g.export, g.imp)
					g.expectMirrored(ctx)
					// It started after the mirror was created, and before the rotation.
					reader = consumer(ctx, name, name, 0)
				},
				act:       func() { Expect(cluster.Rotate(ctx, "grafana")).To(Succeed()) },
				converged: func(o Gomega) { g.restartedOnce(ctx, o, reader) },
				clean:     func() { g.clean(ctx, reader) },
			}
		})
	})

	It("goes on with taking a Secret over from an ExternalSecret, and restarts once (rule 9)", func(ctx context.Context) {
		cluster := newCluster("grafana")
		Expect(cluster.Create(ctx, false)).To(Succeed())
		Expect(cluster.Initdb(ctx)).To(Succeed())
		survives(ctx, func(name string) crash {
			g, reader := named(name), &appsv1.Deployment{}
			g.cluster = cluster
			g.imp.Spec.Existing = v1alpha1.ExistingTakeOver
			g.imp.Spec.ExternalSecret = &v1alpha1.ExternalSecretReference{Method: v1alpha1.TakeOverFreeze}
			external := periodic(name)
			return crash{
				arrange: func() {
					create(ctx, external)
					create(ctx, writtenBy(external))
					reader = consumer(ctx, name, name, time.Minute)
				},
				act: func() { create(ctx, g.export, g.imp) },
				converged: func(o Gomega) {
					g.restartedOnce(ctx, o, reader)
					expectFrozen(ctx, o, external)
					o.Expect(condition(ctx, g.imp, v1alpha1.TakenOverCondition)(o)).To(haveReason(metav1.ConditionTrue, v1alpha1.ExternalSecretFrozenReason))
					o.Expect(g.imp.Status.FrozenExternalSecret).To(Equal(name))
					o.Expect(secretNamed(ctx, name)(o).OwnerReferences).To(ConsistOf(HaveField("Kind", v1alpha1.SecretImportKind)))
				},
				clean: func() { g.clean(ctx, reader, external) },
			}
		})
	})

	It("goes on with a repair, and restarts nothing (rule 9)", func(ctx context.Context) {
		cluster := newCluster("grafana")
		Expect(cluster.Create(ctx, false)).To(Succeed())
		Expect(cluster.Initdb(ctx)).To(Succeed())
		survives(ctx, func(name string) crash {
			g, reader, clock, mirrored := named(name), &appsv1.Deployment{}, &aheadClock{}, ""
			g.cluster = cluster
			g.export.Spec.Repair = v1alpha1.RepairReapplyVerifier
			return crash{
				settings: settings{clock: clock},
				arrange: func() {
					backup, err := cluster.Verifiers(ctx)
					Expect(err).NotTo(HaveOccurred())
					Expect(cluster.Rotate(ctx, "grafana")).To(Succeed())
					create(ctx, g.export, g.imp)
					g.expectMirrored(ctx)
					reader, mirrored = consumer(ctx, name, name, 0), versionOf(ctx, name)(Default)
					Expect(cluster.InPlaceRestore(ctx, name, backup)).To(Succeed())
					Eventually(condition(ctx, g.export, v1alpha1.VerifiedCondition)).Should(haveReason(metav1.ConditionFalse, v1alpha1.PasswordRefusedReason))
				},
				act: func() { clock.forward(11 * time.Second) }, // after ten seconds a refusal is final
				converged: func(o Gomega) {
					_, err := cluster.React(ctx, "grafana") // PGO answers an empty verifier at once
					o.Expect(err).NotTo(HaveOccurred())
					o.Expect(condition(ctx, g.export, v1alpha1.VerifiedCondition)(o)).To(haveReason(metav1.ConditionTrue, v1alpha1.LoginSucceededReason))
					o.Expect(ready(ctx, g.imp)(o)).To(haveReason(metav1.ConditionTrue, v1alpha1.SucceededReason))
					o.Expect(g.imp.Status.Source.Revision).To(Equal(g.export.Status.Revision))
					o.Expect(versionOf(ctx, name)(o)).To(Equal(mirrored), "the password stays, so the mirror does")
					o.Expect(restartsOf(ctx, reader)(o)).To(BeZero())
				},
				clean: func() { g.clean(ctx, reader) },
			}
		})
	})

	It("goes on with withdrawn consent, and restarts nothing (rule 9)", func(ctx context.Context) {
		cluster := newCluster("grafana")
		Expect(cluster.Create(ctx, false)).To(Succeed())
		Expect(cluster.Initdb(ctx)).To(Succeed())
		survives(ctx, func(name string) crash {
			g, reader, clock := named(name), &appsv1.Deployment{}, &aheadClock{}
			g.cluster = cluster
			g.export.Spec.OnRevoke = v1alpha1.RevokeDelete
			return crash{
				settings: settings{clock: clock},
				arrange: func() {
					create(ctx, g.export, g.imp)
					g.expectMirrored(ctx)
					reader = consumer(ctx, name, name, 0)
				},
				act: func() {
					clock.forward(11 * time.Second) // a mirror is deleted after ten
					update(ctx, g.export, func(e *v1alpha1.SecretExport) { e.Spec.To[0].Namespace = "elsewhere" })
				},
				converged: func(o Gomega) {
					err := admin.Get(ctx, client.ObjectKey{Namespace: consumerNamespace, Name: name}, &corev1.Secret{})
					o.Expect(apierrors.IsNotFound(err)).To(BeTrue(), "the mirror is still there")
					o.Expect(ready(ctx, g.imp)(o)).To(haveReason(metav1.ConditionFalse, v1alpha1.RevokedReason))
					o.Expect(g.imp.Status.Target).To(Or(BeNil(), HaveField("ResourceVersion", "")))
					o.Expect(ready(ctx, g.export)(o)).To(haveReason(metav1.ConditionTrue, v1alpha1.SucceededReason))
					o.Expect(g.export.Status.ObservedGeneration).To(Equal(g.export.Generation))
					o.Expect(restartsOf(ctx, reader)(o)).To(BeZero())
				},
				clean: func() { g.clean(ctx, reader) },
			}
		})
	})
})

// named returns the case with an export, an import and a mirror of that name.
func named(name string) grafana {
	rename := func(export *v1alpha1.SecretExport) { export.Name = name }
	target := func(imp *v1alpha1.SecretImport) { imp.Spec.Target.Name = name }
	return grafana{export: anExport("grafana", rename), imp: anImport(name, restartAtOnce, target)}
}

func (g grafana) clean(ctx context.Context, others ...client.Object) {
	GinkgoHelper()
	for _, obj := range append(others, g.imp, g.export) {
		remove(ctx, obj)
	}
}

// restartedOnce is the state after one change of the mirror's data.
func (g grafana) restartedOnce(ctx context.Context, o Gomega, reader *appsv1.Deployment) {
	password, err := g.cluster.Password(ctx, "grafana")
	o.Expect(err).NotTo(HaveOccurred())
	mirror := secretNamed(ctx, g.imp.Spec.Target.Name)(o)
	o.Expect(mirror.Data).To(HaveKeyWithValue("password", []byte(password)))
	o.Expect(ready(ctx, g.export)(o)).To(haveReason(metav1.ConditionTrue, v1alpha1.SucceededReason))
	o.Expect(ready(ctx, g.imp)(o)).To(haveReason(metav1.ConditionTrue, v1alpha1.SucceededReason))
	o.Expect(condition(ctx, g.imp, v1alpha1.RestartedCondition)(o).Status).To(Equal(metav1.ConditionTrue))
	o.Expect(g.imp.Status.Source.Revision).To(Equal(g.export.Status.Revision))
	o.Expect(g.imp.Status.Target.ResourceVersion).To(Equal(mirror.ResourceVersion))
	o.Expect(restartsOf(ctx, reader)(o)).To(BeEquivalentTo(1))
	o.Expect(mirror.Annotations[v1alpha1.ChangedAnnotation]).To(ContainSubstring(stampFor(reader, g.imp)))
	o.Expect(stampFor(reader, g.imp)).NotTo(BeEmpty())
	o.Expect(g.imp.Status.Restart).NotTo(BeNil())
	o.Expect(g.imp.Status.Restart.HandledUpTo).NotTo(BeNil())
	o.Expect(g.imp.Status.Restart.HandledUpTo.Equal(g.imp.Status.Target.ChangedAt)).To(BeTrue(), "not every process was looked at")
}

// periodic returns an ExternalSecret that writes its Secret again and again.
func periodic(name string) *unstructured.Unstructured {
	external := &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"namespace": consumerNamespace, "name": name},
		"spec": map[string]any{
			"refreshInterval": "1h",
			"secretStoreRef":  map[string]any{"name": "vault", "kind": "ClusterSecretStore"},
			"target":          map[string]any{"name": name, "creationPolicy": "Owner"},
			"data":            []any{map[string]any{"secretKey": "password", "remoteRef": map[string]any{"key": "grafana"}}},
		},
	}}
	external.SetGroupVersionKind(externalsecret.GroupVersionKind)
	return external
}

// writtenBy returns the Secret as External Secrets leaves it.
func writtenBy(external *unstructured.Unstructured) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: consumerNamespace, Name: external.GetName(),
			Labels:          map[string]string{"reconcile.external-secrets.io/created-by": "someone", "reconcile.external-secrets.io/managed": "true"},
			Annotations:     map[string]string{"reconcile.external-secrets.io/data-hash": "0"},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(external, externalsecret.GroupVersionKind)},
		},
		Data: map[string][]byte{"password": []byte(canaryPassword("grafana"))},
	}
}

func expectFrozen(ctx context.Context, o Gomega, external *unstructured.Unstructured) {
	o.Expect(admin.Get(ctx, client.ObjectKeyFromObject(external), external)).To(Succeed())
	policy, _, _ := unstructured.NestedString(external.Object, "spec", "target", "creationPolicy")
	refresh, _, _ := unstructured.NestedString(external.Object, "spec", "refreshPolicy")
	o.Expect([]string{policy, refresh}).To(Equal([]string{externalsecret.QuietCreationPolicy, externalsecret.QuietRefreshPolicy}))
	o.Expect(external.GetAnnotations()).To(HaveKey(v1alpha1.FrozenAnnotation))
}
