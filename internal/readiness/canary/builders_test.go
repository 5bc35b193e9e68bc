package canary

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/internal/readiness/pods"
)

var (
	began    = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	template = Template{Namespace: "rebirth", Image: "registry/readiness-agent:1", ServiceAccount: "agent"}
)

// sent is the canary pod that was sent to the node at that moment, and is on its way.
func sent(node string, at time.Time) *corev1.Pod {
	pod := template.pod(Want{Node: node})
	pod.CreationTimestamp, pod.Status.Phase = metav1.NewTime(at), corev1.PodPending
	return pod
}

// succeeded is one that was sent, and ran, at that moment.
func succeeded(node string, at time.Time) *corev1.Pod {
	pod := sent(node, at)
	pod.Name = fmt.Sprintf("%s-%d", node, at.Unix())
	pod.Spec.NodeName, pod.Status.Phase = node, corev1.PodSucceeded
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{StartedAt: metav1.NewTime(at)}}}}
	return pod
}

// agent is an agent's pod that runs on the node since that moment.
func agent(node string, at time.Time) *corev1.Pod {
	pod := succeeded(node, at)
	pod.Name, pod.Status.Phase, pod.Labels = "agent-"+node, corev1.PodRunning, map[string]string{pods.ComponentLabel: pods.AgentComponent}
	pod.Status.ContainerStatuses[0].State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(at)}}
	return pod
}

func list(all ...*corev1.Pod) []corev1.Pod {
	var out []corev1.Pod
	for _, pod := range all {
		out = append(out, *pod)
	}
	return out
}
