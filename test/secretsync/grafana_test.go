package secretsync_test

import (
	"context"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/login"
	"github.com/tazzo/rebirth/internal/secretsync/rollout"
	"github.com/tazzo/rebirth/test/operator"
)

// grafana is the case that most specs begin with: a running cluster with the user
// grafana, its export, and the import that mirrors it.
type grafana struct {
	cluster *operator.Cluster
	export  *v1alpha1.SecretExport
	imp     *v1alpha1.SecretImport
}

// grafanaSecret is the name of the user's Secret and of its mirror.
const grafanaSecret = "tazlab-db-pguser-grafana"

// mirroredGrafana returns once the mirror is there; an instance has to run.
func mirroredGrafana(ctx context.Context, edits ...func(*v1alpha1.SecretExport, *v1alpha1.SecretImport)) grafana {
	GinkgoHelper()
	g := grafana{cluster: newCluster("grafana"), export: anExport("grafana"), imp: anImport("grafana", restartAtOnce)}
	Expect(g.cluster.Create(ctx, false)).To(Succeed())
	Expect(g.cluster.Initdb(ctx)).To(Succeed())
	for _, edit := range edits {
		edit(g.export, g.imp)
	}
	create(ctx, g.export, g.imp)
	g.expectMirrored(ctx)
	return g
}

// expectMirrored waits until the mirror holds what the source holds.
func (g grafana) expectMirrored(ctx context.Context) {
	GinkgoHelper()
	Eventually(func(o Gomega) {
		o.Expect(ready(ctx, g.export)(o)).To(haveReason(metav1.ConditionTrue, v1alpha1.SucceededReason))
		o.Expect(ready(ctx, g.imp)(o)).To(haveReason(metav1.ConditionTrue, v1alpha1.SucceededReason))
		o.Expect(g.imp.Status.Source.Revision).To(Equal(g.export.Status.Revision))
		password, err := g.cluster.Password(ctx, "grafana")
		o.Expect(err).NotTo(HaveOccurred())
		o.Expect(secretNamed(ctx, g.imp.Status.Target.Name)(o).Data).To(HaveKeyWithValue("password", []byte(password)))
	}).Should(Succeed())
}

// restartAtOnce is for specs in which a restart need not keep its distance from
// the one before.
func restartAtOnce(imp *v1alpha1.SecretImport) {
	imp.Spec.Restart = v1alpha1.RestartSpec{Mode: v1alpha1.RestartModeAuto, MinInterval: &metav1.Duration{}}
}

// secretNamed reads a Secret of the consumers' namespace.
func secretNamed(ctx context.Context, name string) func(Gomega) *corev1.Secret {
	return func(g Gomega) *corev1.Secret {
		secret := &corev1.Secret{}
		g.Expect(admin.Get(ctx, client.ObjectKey{Namespace: consumerNamespace, Name: name}, secret)).To(Succeed())
		return secret
	}
}

// versionOf reads a Secret's resourceVersion, which any write changes.
func versionOf(ctx context.Context, name string) func(Gomega) string {
	return func(g Gomega) string { return secretNamed(ctx, name)(g).ResourceVersion }
}

// consumer creates a Deployment whose one process reads the Secret's password and
// started that long ago. No kubelet runs it: the spec writes what one would.
func consumer(ctx context.Context, name, secret string, ago time.Duration) *appsv1.Deployment {
	GinkgoHelper()
	optional, labels := true, map[string]string{"app": name}
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: consumerNamespace, Name: name},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{
					Name: "app", Image: "app",
					Env: []corev1.EnvVar{{Name: "PASSWORD", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
						LocalObjectReference: corev1.LocalObjectReference{Name: secret}, Key: "password", Optional: &optional,
					}}}},
				}}},
			},
		},
	}
	create(ctx, deployment)
	started := metav1.NewTime(metav1.Now().Add(-ago))
	Eventually(func(g Gomega) {
		var pods corev1.PodList
		g.Expect(admin.List(ctx, &pods, client.InNamespace(consumerNamespace), client.MatchingLabels(labels))).To(Succeed())
		g.Expect(pods.Items).To(HaveLen(1))
		pod := &pods.Items[0]
		pod.Status.Phase = corev1.PodRunning
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
			Name: "app", Image: "app", Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: started}},
		}}
		g.Expect(admin.Status().Update(ctx, pod)).To(Succeed())
	}).Should(Succeed())
	return deployment
}

// restartsOf counts the changes of a Deployment's pod template since it was created.
func restartsOf(ctx context.Context, deployment *appsv1.Deployment) func(Gomega) int64 {
	return func(g Gomega) int64 {
		g.Expect(admin.Get(ctx, client.ObjectKeyFromObject(deployment), deployment)).To(Succeed())
		return deployment.Generation - 1
	}
}

// stampFor is the moment that the Deployment's last restart for the import answers.
func stampFor(deployment *appsv1.Deployment, imp *v1alpha1.SecretImport) string {
	return deployment.Spec.Template.Annotations[rollout.AnnotationKey(imp.Name)]
}

// counted returns a login that counts, and the count.
func counted(next login.Func) (login.Func, func() int32) {
	count := &atomic.Int32{}
	return func(ctx context.Context, target login.Target) login.Result {
		count.Add(1)
		return next(ctx, target)
	}, count.Load
}

// update changes the live object as its owner does.
func update[T client.Object](ctx context.Context, obj T, edit func(T)) {
	GinkgoHelper()
	Expect(admin.Get(ctx, client.ObjectKeyFromObject(obj), obj)).To(Succeed())
	before := obj.DeepCopyObject().(T)
	edit(obj)
	Expect(admin.Patch(ctx, obj, client.MergeFrom(before))).To(Succeed())
}
