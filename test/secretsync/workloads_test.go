package secretsync_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// aDeployment has one pod with one container, which reads the key "password" of
// the Secret. The control plane makes its ReplicaSets and pods; what a kubelet
// would report of them is written by start and report.
func aDeployment(name, secret string, edits ...func(*appsv1.Deployment)) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: consumerNamespace, Name: name},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{
					Name: "app", Image: "app",
					Env: []corev1.EnvVar{{Name: "PASSWORD", ValueFrom: &corev1.EnvVarSource{
						SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: secret}, Key: "password"},
					}}},
				}}},
			},
		},
	}
	for _, edit := range edits {
		edit(d)
	}
	return d
}

// deploy creates the Deployment and reports its pod as running.
func deploy(ctx context.Context, d *appsv1.Deployment) *corev1.Pod {
	GinkgoHelper()
	create(ctx, d)
	return start(ctx, d)
}

// start reports the Deployment's newest pod as running and ready from now on.
func start(ctx context.Context, d *appsv1.Deployment) *corev1.Pod {
	GinkgoHelper()
	pod := newPod(ctx, d)
	report(ctx, pod, started(time.Now()), corev1.ContainerState{})
	return pod
}

// newPod waits for the Deployment's pod that no kubelet has reported anything of.
func newPod(ctx context.Context, d *appsv1.Deployment) *corev1.Pod {
	GinkgoHelper()
	var found *corev1.Pod
	Eventually(func(g Gomega) {
		var list corev1.PodList
		g.Expect(admin.List(ctx, &list, client.InNamespace(d.Namespace), client.MatchingLabels(d.Spec.Selector.MatchLabels))).To(Succeed())
		found = nil
		for i := range list.Items {
			if pod := &list.Items[i]; pod.DeletionTimestamp == nil && len(pod.Status.ContainerStatuses) == 0 {
				found = pod
			}
		}
		g.Expect(found).NotTo(BeNil(), "a pod of Deployment %s that has not been started", d.Name)
	}).Should(Succeed())
	return found
}

// report writes what a kubelet says of the pod's containers. Init containers are
// reported as done before a container that runs.
func report(ctx context.Context, pod *corev1.Pod, state, last corev1.ContainerState) {
	GinkgoHelper()
	before := pod.DeepCopy()
	pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses = nil, nil
	for _, c := range pod.Spec.InitContainers {
		done := &corev1.ContainerStateTerminated{Reason: "Completed", StartedAt: metav1.Now(), FinishedAt: metav1.Now()}
		pod.Status.InitContainerStatuses = append(pod.Status.InitContainerStatuses,
			corev1.ContainerStatus{Name: c.Name, Image: c.Image, State: corev1.ContainerState{Terminated: done}})
	}
	ready := state.Running != nil
	for _, c := range pod.Spec.Containers {
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses,
			corev1.ContainerStatus{Name: c.Name, Image: c.Image, State: state, LastTerminationState: last, Ready: ready})
	}
	condition := corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: metav1.Now()}
	pod.Status.Phase = corev1.PodPending
	if ready {
		pod.Status.Phase, condition.Status = corev1.PodRunning, corev1.ConditionTrue
	}
	pod.Status.Conditions = []corev1.PodCondition{condition}
	Expect(admin.Status().Patch(ctx, pod, client.MergeFrom(before))).To(Succeed())
}

func started(at time.Time) corev1.ContainerState {
	return corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(at)}}
}

func waits(reason string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}
}

func crashed(at time.Time) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: 1, Reason: "Error", StartedAt: metav1.NewTime(at), FinishedAt: metav1.NewTime(at),
	}}
}

// bind gives the pod a node, as a scheduler does. Only a kubelet could end such a
// pod, so the spec's end deletes it by force.
func bind(ctx context.Context, pod *corev1.Pod) {
	GinkgoHelper()
	binding := &corev1.Binding{Target: corev1.ObjectReference{Kind: "Node", Name: "node-1"}}
	Expect(admin.SubResource("binding").Create(ctx, pod, binding)).To(Succeed())
	Expect(admin.Get(ctx, client.ObjectKeyFromObject(pod), pod)).To(Succeed())
	DeferCleanup(func(ctx context.Context) {
		Expect(client.IgnoreNotFound(admin.Delete(ctx, pod, client.GracePeriodSeconds(0)))).To(Succeed())
	})
}

// replicaSets returns a function that counts the ReplicaSets of the Deployment: one
// more than its rollouts.
func replicaSets(ctx context.Context, d *appsv1.Deployment) func(Gomega) int {
	return func(g Gomega) int {
		var list appsv1.ReplicaSetList
		g.Expect(admin.List(ctx, &list, client.InNamespace(d.Namespace), client.MatchingLabels(d.Spec.Selector.MatchLabels))).To(Succeed())
		return len(list.Items)
	}
}
