package flux

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// SetDeploymentReady plays the kubelet for the pods of a Deployment: it has all of
// them run, ready or not, and returns when kube-controller-manager, which is real,
// has drawn its conclusions: the Deployment is wholly available, or not at all. Call
// it again after a rollout, which makes new pods.
func SetDeploymentReady(ctx context.Context, c client.Client, key client.ObjectKey, ready bool) error {
	deployment := &appsv1.Deployment{}
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		if err := c.Get(ctx, key, deployment); err != nil {
			return false, err
		}
		if err := playPods(ctx, c, deployment, ready); err != nil {
			return false, err
		}
		return concluded(deployment, ready), nil
	})
	if err != nil {
		return fmt.Errorf("deployment %s, of which %d pods are available: %w", key, deployment.Status.AvailableReplicas, err)
	}
	return nil
}

// concluded tells whether the Deployment's status is that of its newest template.
func concluded(deployment *appsv1.Deployment, ready bool) bool {
	status := deployment.Status
	if status.ObservedGeneration != deployment.Generation {
		return false
	}
	if !ready {
		return status.AvailableReplicas == 0
	}
	replicas := *deployment.Spec.Replicas
	return status.UpdatedReplicas == replicas && status.Replicas == replicas && status.AvailableReplicas == replicas
}

func playPods(ctx context.Context, c client.Client, deployment *appsv1.Deployment, ready bool) error {
	selector, err := metav1.LabelSelectorAsSelector(deployment.Spec.Selector)
	if err != nil {
		return err
	}
	pods := &corev1.PodList{}
	if err := c.List(ctx, pods, client.InNamespace(deployment.Namespace), client.MatchingLabelsSelector{Selector: selector}); err != nil {
		return err
	}
	for i := range pods.Items {
		pod := &pods.Items[i]
		if isReady(pod) == ready && pod.Status.Phase == corev1.PodRunning {
			continue
		}
		before := client.MergeFrom(pod.DeepCopy())
		run(pod, ready)
		if err := c.Status().Patch(ctx, pod, before); client.IgnoreNotFound(err) != nil {
			return err
		}
	}
	return nil
}

func isReady(pod *corev1.Pod) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// run writes the status that a kubelet gives to a pod whose containers run.
func run(pod *corev1.Pod, ready bool) {
	now := metav1.Now()
	condition := corev1.ConditionFalse
	if ready {
		condition = corev1.ConditionTrue
	}
	pod.Status.Phase = corev1.PodRunning
	pod.Status.Conditions = []corev1.PodCondition{
		{Type: corev1.PodInitialized, Status: corev1.ConditionTrue, LastTransitionTime: now},
		{Type: corev1.PodReady, Status: condition, LastTransitionTime: now},
		{Type: corev1.ContainersReady, Status: condition, LastTransitionTime: now},
	}
	pod.Status.ContainerStatuses = nil
	for _, container := range pod.Spec.Containers {
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: container.Name, Image: container.Image, Ready: ready, Started: new(true),
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}},
		})
	}
}
