package readiness

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The transforms of the cache keep what packages cni, pods and reconciler read: a
// cluster of a thousand nodes has many pods, and nobody here needs their volumes.

func stripMeta(m metav1.ObjectMeta) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: m.Namespace, Name: m.Name, UID: m.UID, ResourceVersion: m.ResourceVersion, Generation: m.Generation,
		Labels: m.Labels, Annotations: m.Annotations, OwnerReferences: m.OwnerReferences,
		CreationTimestamp: m.CreationTimestamp, DeletionTimestamp: m.DeletionTimestamp,
	}
}

func stripPod(obj any) (any, error) {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return obj, nil
	}
	out := &corev1.Pod{ObjectMeta: stripMeta(pod.ObjectMeta), Status: corev1.PodStatus{
		Phase: pod.Status.Phase, PodIP: pod.Status.PodIP, Conditions: pod.Status.Conditions,
		InitContainerStatuses: pod.Status.InitContainerStatuses, ContainerStatuses: pod.Status.ContainerStatuses,
	}}
	out.Spec.NodeName, out.Spec.HostNetwork = pod.Spec.NodeName, pod.Spec.HostNetwork
	if pod.Spec.NodeName == "" {
		out.Spec.Affinity = pod.Spec.Affinity // of a DaemonSet's or a canary pod: which node it is meant for
	}
	for _, c := range pod.Spec.Containers {
		out.Spec.Containers = append(out.Spec.Containers, corev1.Container{Name: c.Name, Ports: c.Ports})
	}
	return out, nil
}

func stripDaemonSet(obj any) (any, error) {
	ds, ok := obj.(*appsv1.DaemonSet)
	if !ok {
		return obj, nil
	}
	out := &appsv1.DaemonSet{ObjectMeta: stripMeta(ds.ObjectMeta), Status: ds.Status}
	template := ds.Spec.Template.Spec
	out.Spec.Template.Spec = corev1.PodSpec{Tolerations: template.Tolerations, NodeSelector: template.NodeSelector}
	return out, nil
}

func stripNode(obj any) (any, error) {
	node, ok := obj.(*corev1.Node)
	if !ok {
		return obj, nil
	}
	out := &corev1.Node{ObjectMeta: stripMeta(node.ObjectMeta), Spec: node.Spec}
	out.Status.Conditions = node.Status.Conditions
	return out, nil
}

// stripEvent: while a network is broken each pod that waits for its sandbox has one.
func stripEvent(obj any) (any, error) {
	event, ok := obj.(*corev1.Event)
	if !ok {
		return obj, nil
	}
	return &corev1.Event{
		ObjectMeta: stripMeta(event.ObjectMeta), InvolvedObject: event.InvolvedObject, Source: event.Source, ReportingInstance: event.ReportingInstance, Message: event.Message,
		Series: event.Series, LastTimestamp: event.LastTimestamp, EventTime: event.EventTime,
	}, nil
}
