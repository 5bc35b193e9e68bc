package secretsync_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

var _ = Describe("A consumer's process", func() {
	It("that waits for its Secret starts when the mirror is created, with no right of its own and no restart (S8)", func(ctx context.Context) {
		app := aDeployment("grafana", grafanaSecret)
		create(ctx, app)
		pod := newPod(ctx, app)
		report(ctx, pod, waits("CreateContainerConfigError"), corev1.ContainerState{})
		run(ctx, settings{})
		g := mirroredGrafana(ctx)

		report(ctx, pod, started(time.Now()), corev1.ContainerState{}) // the kubelet finds the Secret
		Eventually(handled(ctx, g.imp)).Should(BeTrue())
		Expect(condition(ctx, g.imp, v1alpha1.RestartedCondition)(Default)).To(haveReason(metav1.ConditionTrue, v1alpha1.NothingToRestartReason))
		Consistently(restartsOf(ctx, app)).Should(BeZero())
		Expect(mayReadSecrets(ctx, "default")).To(BeFalse())
	})

	It("that Reloader restarts as well is warned of, and left to Reloader when the annotation says so (S9)", func(ctx context.Context) {
		run(ctx, settings{})
		reloader := func(d *appsv1.Deployment) { d.Annotations = map[string]string{"reloader.stakater.com/auto": "true"} }
		left := func(d *appsv1.Deployment) { d.Annotations[v1alpha1.RestartAnnotation] = v1alpha1.RestartNever }
		both, one := aDeployment("both", grafanaSecret, reloader), aDeployment("one", grafanaSecret, reloader, left)
		g := mirroredGrafana(ctx)
		deploy(ctx, both)
		deploy(ctx, one)

		Expect(g.cluster.Rotate(ctx, "grafana")).To(Succeed())
		g.expectMirrored(ctx)
		Eventually(condition(ctx, g.imp, v1alpha1.RestartedCondition)).Should(And(
			haveReason(metav1.ConditionTrue, v1alpha1.RestartedReason),
			HaveField("Message", And(
				ContainSubstring("Reloader may restart Deployment/both a second time (annotation reloader.stakater.com/auto): set the annotation rebirth.tazlab.net/restart: Never on it"),
				ContainSubstring("Deployment/one holds an older value and is left alone"),
			)),
		))

		By("Reloader restarts the one that is left to it")
		update(ctx, one, func(d *appsv1.Deployment) {
			d.Spec.Template.Annotations = map[string]string{"reloader.stakater.com/last-reloaded-from": "{}"}
		})
		start(ctx, one)
		Consistently(restartsOf(ctx, one)).Should(BeEquivalentTo(1))
		Expect(stampFor(one, g.imp)).To(BeEmpty())
		Expect(restartsOf(ctx, both)(Default)).To(BeEquivalentTo(1))
		Expect(stampFor(both, g.imp)).NotTo(BeEmpty())
	})

	It("of a listed workload that doesn't exist is named with the nearest match, and heals by itself (S12)", func(ctx context.Context) {
		run(ctx, settings{})
		existing := aDeployment("multica-backend", "another-secret")
		create(ctx, existing)
		g := mirroredGrafana(ctx, func(_ *v1alpha1.SecretExport, imp *v1alpha1.SecretImport) {
			imp.Spec.Restart = v1alpha1.RestartSpec{
				Mode: v1alpha1.RestartModeListed, MinInterval: &metav1.Duration{},
				Workloads: []v1alpha1.WorkloadReference{{Kind: "Deployment", Name: "multica-backend"}},
			}
		})
		update(ctx, g.imp, func(imp *v1alpha1.SecretImport) { imp.Spec.Restart.Workloads[0].Name = "backend" })
		missing := And(
			haveReason(metav1.ConditionFalse, v1alpha1.WorkloadMissingReason),
			HaveField("Message", And(ContainSubstring("Deployment/backend"), ContainSubstring("Deployment/multica-backend"))),
		)
		Eventually(ready(ctx, g.imp)).Should(missing)

		Expect(g.cluster.Rotate(ctx, "grafana")).To(Succeed())
		password, err := g.cluster.Password(ctx, "grafana")
		Expect(err).NotTo(HaveOccurred())
		Eventually(mirrorOf(ctx, grafanaSecret)).Should(HaveKeyWithValue("password", password))
		Eventually(handled(ctx, g.imp)).Should(BeFalse())
		Consistently(condition(ctx, g.imp, v1alpha1.RestartedCondition)).Should(missing)
		Expect(g.imp).To(beStalled())
		Expect(condition(ctx, g.imp, v1alpha1.SyncedCondition)(Default)).To(haveReason(metav1.ConditionTrue, v1alpha1.MirroredReason))

		By("the workload is deployed")
		deploy(ctx, aDeployment("backend", grafanaSecret))
		Eventually(handled(ctx, g.imp)).WithTimeout(45 * time.Second).Should(BeTrue())
		Eventually(ready(ctx, g.imp)).Should(haveReason(metav1.ConditionTrue, v1alpha1.SucceededReason))
		Expect(restartsOf(ctx, existing)(Default)).To(BeZero(), "it isn't listed")
	})

	It("that crashes although the login works is not restarted again and again (S21)", func(ctx context.Context) {
		running := run(ctx, settings{})
		l := dayZero(ctx)
		Expect(l.cluster.Rotate(ctx, "grafana")).To(Succeed())
		l.converged(ctx)
		Eventually(replicaSets(ctx, l.app)).Should(Equal(2))
		crashing := newPod(ctx, l.app)
		for range 3 {
			report(ctx, crashing, waits("CrashLoopBackOff"), crashed(time.Now()))
			update(ctx, l.imp, requestReconcile)
			Eventually(func(g Gomega) {
				ready(ctx, l.imp)(g)
				g.Expect(l.imp.Status.LastHandledReconcileAt).To(Equal(l.imp.Annotations[requestedAt]))
			}).Should(Succeed())
		}
		running.stop()
		lookAgain(func() { run(ctx, settings{}) })
		Consistently(restartsOf(ctx, l.app)).Should(BeEquivalentTo(1))
		Expect(database.Login(ctx, "grafana", l.password(ctx), "grafana")).To(Succeed())
	})

	It("that starts with a volume from before the change is restarted, once it has started", func(ctx context.Context) {
		run(ctx, settings{})
		g, app := mirroredGrafana(ctx), aDeployment("grafana", grafanaSecret, mountsIt)
		create(ctx, app)
		pulling := newPod(ctx, app)
		bind(ctx, pulling)
		report(ctx, pulling, waits("ImagePullBackOff"), corev1.ContainerState{})

		Expect(g.cluster.Rotate(ctx, "grafana")).To(Succeed())
		g.expectMirrored(ctx)
		Eventually(condition(ctx, g.imp, v1alpha1.RestartedCondition)).Should(
			HaveField("Message", ContainSubstring("is restarted once it has started")))
		Expect(handled(ctx, g.imp)(Default)).To(BeFalse())

		report(ctx, pulling, started(time.Now().Add(5*time.Second)), corev1.ContainerState{})
		Eventually(restartsOf(ctx, app)).Should(BeEquivalentTo(1))
		start(ctx, app)
		Eventually(handled(ctx, g.imp)).Should(BeTrue())
		Consistently(restartsOf(ctx, app)).Should(BeEquivalentTo(1))
	})

	It("that waits for its volume starts when the mirror is created, and is not restarted (S8)", func(ctx context.Context) {
		app := aDeployment("grafana", grafanaSecret, mountsIt)
		create(ctx, app)
		pod := newPod(ctx, app)
		bind(ctx, pod)
		run(ctx, settings{})
		g := mirroredGrafana(ctx)

		report(ctx, pod, started(time.Now().Add(2*time.Second)), corev1.ContainerState{})
		Eventually(handled(ctx, g.imp)).Should(BeTrue())
		Consistently(restartsOf(ctx, app)).Should(BeZero())
	})

	It("that started just before the change, and whose kubelet says so late, is restarted all the same", func(ctx context.Context) {
		run(ctx, settings{})
		g, app := mirroredGrafana(ctx), aDeployment("grafana", grafanaSecret)
		create(ctx, app)
		late := newPod(ctx, app)
		bind(ctx, late)
		at := time.Now()

		Expect(g.cluster.Rotate(ctx, "grafana")).To(Succeed())
		g.expectMirrored(ctx)
		Eventually(condition(ctx, g.imp, v1alpha1.RestartedCondition)).Should(And(
			haveReason(metav1.ConditionTrue, v1alpha1.NothingToRestartReason),
			HaveField("Message", ContainSubstring("which its kubelet has not reported yet")),
		))
		Consistently(handled(ctx, g.imp)).Should(BeFalse())

		report(ctx, late, started(at), corev1.ContainerState{})
		Eventually(restartsOf(ctx, app)).Should(BeEquivalentTo(1))
		start(ctx, app)
		Eventually(handled(ctx, g.imp)).Should(BeTrue())
		Consistently(restartsOf(ctx, app)).Should(BeEquivalentTo(1))
	})
})

// mountsIt has the app read the Secret through a volume.
func mountsIt(d *appsv1.Deployment) {
	spec := &d.Spec.Template.Spec
	spec.Volumes = []corev1.Volume{{Name: "secret", VolumeSource: corev1.VolumeSource{
		Secret: &corev1.SecretVolumeSource{SecretName: spec.Containers[0].Env[0].ValueFrom.SecretKeyRef.Name},
	}}}
	spec.Containers[0].Env, spec.Containers[0].VolumeMounts = nil, []corev1.VolumeMount{{Name: "secret", MountPath: "/secret"}}
}

// requestedAt asks for a reconcile, as flux reconcile does.
const requestedAt = "reconcile.fluxcd.io/requestedAt"

func requestReconcile(imp *v1alpha1.SecretImport) {
	imp.Annotations = map[string]string{requestedAt: time.Now().Format(time.RFC3339Nano)}
}

// mayReadSecrets asks the API server what a consumer's ServiceAccount may do.
func mayReadSecrets(ctx context.Context, serviceAccount string) bool {
	GinkgoHelper()
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User:               "system:serviceaccount:" + consumerNamespace + ":" + serviceAccount,
		ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: consumerNamespace, Verb: "get", Resource: "secrets"},
	}}
	Expect(admin.Create(ctx, review, &client.CreateOptions{})).To(Succeed())
	return review.Status.Allowed
}
