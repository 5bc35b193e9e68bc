package kubelet

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

// DaemonPod returns the pod that kube-controller-manager makes of a DaemonSet for the
// node, once it is there, bound to the node: it plays the scheduler.
func DaemonPod(ctx context.Context, c client.Client, daemonSet client.ObjectKey, node string) (*corev1.Pod, error) {
	var pod *corev1.Pod
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		var err error
		pod, err = findPod(ctx, c, daemonSet, node)
		return pod != nil, err
	})
	if err != nil {
		return nil, fmt.Errorf("a pod of DaemonSet %s for node %s: %w", daemonSet, node, err)
	}
	if pod.Spec.NodeName == node {
		return pod, nil
	}
	binding := &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name},
		Target:     corev1.ObjectReference{Kind: "Node", Name: node},
	}
	if err := c.SubResource("binding").Create(ctx, pod, binding); err != nil {
		return nil, fmt.Errorf("bind pod %s/%s to node %s: %w", pod.Namespace, pod.Name, node, err)
	}
	return pod, c.Get(ctx, client.ObjectKeyFromObject(pod), pod)
}

// findPod returns nil as long as there is none.
func findPod(ctx context.Context, c client.Client, daemonSet client.ObjectKey, node string) (*corev1.Pod, error) {
	owner := &appsv1.DaemonSet{}
	if err := c.Get(ctx, daemonSet, owner); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	var pods corev1.PodList
	if err := c.List(ctx, &pods, client.InNamespace(daemonSet.Namespace)); err != nil {
		return nil, err
	}
	for i := range pods.Items {
		if pod := &pods.Items[i]; metav1.IsControlledBy(pod, owner) && pod.DeletionTimestamp == nil && meantFor(pod) == node {
			return pod, nil
		}
	}
	return nil, nil
}

// meantFor reads the node affinity that the DaemonSet controller gives its pods.
func meantFor(pod *corev1.Pod) string {
	if pod.Spec.NodeName != "" {
		return pod.Spec.NodeName
	}
	affinity := pod.Spec.Affinity
	if affinity == nil || affinity.NodeAffinity == nil || affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return ""
	}
	for _, term := range affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
		for _, field := range term.MatchFields {
			if field.Key == metav1.ObjectNameField && len(field.Values) == 1 {
				return field.Values[0]
			}
		}
	}
	return ""
}

// ReportRunning reports that the pod has its sandbox and that address, and that its
// containers run and are ready.
func ReportRunning(ctx context.Context, c client.Client, pod *corev1.Pod, address string) error {
	now := metav1.Now()
	return report(ctx, c, pod, func(status *corev1.PodStatus) {
		status.Phase, status.StartTime = corev1.PodRunning, &now
		status.PodIP, status.PodIPs = address, []corev1.PodIP{{IP: address}}
		status.Conditions = conditions(now, corev1.ConditionTrue)
		for _, container := range pod.Spec.Containers {
			status.ContainerStatuses = append(status.ContainerStatuses, corev1.ContainerStatus{
				Name: container.Name, Image: container.Image, Ready: true, Started: new(true),
				State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}},
			})
		}
	})
}

// ReportCrashing reports that the pod's containers end as soon as they are started.
func ReportCrashing(ctx context.Context, c client.Client, pod *corev1.Pod) error {
	now := metav1.Now()
	return report(ctx, c, pod, func(status *corev1.PodStatus) {
		status.Phase, status.StartTime = corev1.PodRunning, &now
		status.Conditions = conditions(now, corev1.ConditionFalse)
		for _, container := range pod.Spec.Containers {
			status.ContainerStatuses = append(status.ContainerStatuses, corev1.ContainerStatus{
				Name: container.Name, Image: container.Image, RestartCount: 3,
				State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
			})
		}
	})
}

// ReportNoSandbox reports, by an event, that the pod got no sandbox, and why.
func ReportNoSandbox(ctx context.Context, c client.Client, pod *corev1.Pod, why string) error {
	now := metav1.Now()
	return c.Create(ctx, &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: pod.Namespace, GenerateName: pod.Name + "-"},
		InvolvedObject: corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
		Type:           corev1.EventTypeWarning, Reason: "FailedCreatePodSandBox", Message: why,
		Source: corev1.EventSource{Component: "kubelet", Host: pod.Spec.NodeName},
		Count:  1, FirstTimestamp: now, LastTimestamp: now,
	})
}

// ReportReady changes nothing but whether the pod is ready.
func ReportReady(ctx context.Context, c client.Client, pod *corev1.Pod, ready bool) error {
	status := corev1.ConditionFalse
	if ready {
		status = corev1.ConditionTrue
	}
	return reportStatus(ctx, c, pod, func() {
		for i := range pod.Status.Conditions {
			if condition := &pod.Status.Conditions[i]; condition.Type == corev1.PodReady && condition.Status != status {
				condition.Status, condition.LastTransitionTime = status, metav1.Now()
			}
		}
	})
}

func report(ctx context.Context, c client.Client, pod *corev1.Pod, write func(*corev1.PodStatus)) error {
	err := reportStatus(ctx, c, pod, func() {
		pod.Status.Conditions, pod.Status.ContainerStatuses = nil, nil
		write(&pod.Status)
	})
	if err != nil {
		return fmt.Errorf("the status of pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	return nil
}

func conditions(now metav1.Time, ready corev1.ConditionStatus) []corev1.PodCondition {
	return []corev1.PodCondition{
		{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: now},
		{Type: corev1.PodReadyToStartContainers, Status: corev1.ConditionTrue, LastTransitionTime: now},
		{Type: corev1.PodInitialized, Status: corev1.ConditionTrue, LastTransitionTime: now},
		{Type: corev1.ContainersReady, Status: ready, LastTransitionTime: now},
		{Type: corev1.PodReady, Status: ready, LastTransitionTime: now},
	}
}
