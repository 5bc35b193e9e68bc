// Package pods reads the program's own pods: the agents, one on each node, and the
// canary pods. It is pure.
package pods

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

const (
	// ComponentLabel tells the program's own pods apart.
	ComponentLabel = "app.kubernetes.io/component"
	// AgentComponent is its value on agents' pods, CanaryComponent that on canary pods.
	AgentComponent  = "agent"
	CanaryComponent = "canary"
	// CanaryPrefix begins the name of every canary pod.
	CanaryPrefix = "readiness-gate-canary-"
)

// IsCanary reports whether a pod of the program's own namespace is a canary pod.
func IsCanary(pod *corev1.Pod) bool { return pod.Labels[ComponentLabel] == CanaryComponent }

// Concerns reports whether an event is about one of the program's own pods: an agent's,
// of the DaemonSet of that name, or a canary pod. The pod itself may be gone. The API
// server refuses an event in another namespace than that of what it is about, so that
// nobody writes such a one who has no rights in the program's own.
func Concerns(event *corev1.Event, agents types.NamespacedName) bool {
	about := event.InvolvedObject
	return about.Kind == "Pod" && about.Namespace == agents.Namespace && event.Namespace == agents.Namespace &&
		(strings.HasPrefix(about.Name, CanaryPrefix) || strings.HasPrefix(about.Name, agents.Name+"-"))
}

// Latest is the last moment that is believed at now. Machines start with clocks that are
// wrong, and what was written down then stays: of something in the future nobody knows
// when it was.
func Latest(now time.Time) time.Time { return now.Add(wire.Window) }

// NodeOf is the node that the pod runs on or, before it is scheduled, the one that
// its node affinity names; "" if it names none.
func NodeOf(pod *corev1.Pod) string {
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

// Proof is when an agent's or a canary pod got its sandbox on the pod network, the zero
// time if it has none, or only one of the future. Other pods prove nothing: they come
// and go.
func Proof(pod *corev1.Pod, now time.Time) time.Time {
	if at := gotSandbox(pod); !at.After(Latest(now)) {
		return at
	}
	return time.Time{}
}

// gotSandbox is the time of the kubelet's condition PodReadyToStartContainers or, without
// that, of the first start of a container.
func gotSandbox(pod *corev1.Pod) time.Time {
	if component := pod.Labels[ComponentLabel]; pod.Spec.HostNetwork || component != AgentComponent && component != CanaryComponent {
		return time.Time{}
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReadyToStartContainers && c.Status == corev1.ConditionTrue {
			return c.LastTransitionTime.Time
		}
	}
	for _, s := range pod.Status.ContainerStatuses {
		switch {
		case s.State.Running != nil:
			return s.State.Running.StartedAt.Time
		case s.State.Terminated != nil:
			return s.State.Terminated.StartedAt.Time
		}
	}
	return time.Time{}
}

// Unschedulable is what the scheduler says of a pod that it finds no place for; "" if
// it says nothing.
func Unschedulable(pod *corev1.Pod) string {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return c.Message
		}
	}
	return ""
}
