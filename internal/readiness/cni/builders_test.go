package cni_test

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tazzo/rebirth/internal/readiness/cni"
)

var started = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

// cluster is two nodes, n1 and n2, with a DaemonSet of that name that is in order.
func cluster(namespace, daemonSet string, edits ...func(*cni.Objects)) cni.Objects {
	o := cni.Objects{
		Nodes:      []corev1.Node{node("n1"), node("n2")},
		DaemonSets: []appsv1.DaemonSet{daemon(namespace, daemonSet, 2)},
		Now:        started.Add(10 * time.Minute),
	}
	for _, n := range o.Nodes {
		o.Pods = append(o.Pods, podOf(&o.DaemonSets[0], n.Name))
	}
	for _, edit := range edits {
		edit(&o)
	}
	return o
}

// flannel is the cluster that the project is for: Talos' own Flannel.
func flannel(edits ...func(*cni.Objects)) cni.Objects {
	return cluster("kube-system", "kube-flannel", edits...)
}

func node(name string) corev1.Node {
	return corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{
			"flannel.alpha.coreos.com/public-ip": "192.0.2.1",
		}},
		Spec: corev1.NodeSpec{PodCIDR: "10.244.0.0/24"},
	}
}

func daemon(namespace, name string, desired int32) appsv1.DaemonSet {
	return appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(namespace + "/" + name), Generation: 2},
		Status:     appsv1.DaemonSetStatus{ObservedGeneration: 2, DesiredNumberScheduled: desired},
	}
}

func podOf(ds *appsv1.DaemonSet, node string) corev1.Pod {
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: ds.Namespace, Name: ds.Name + "-" + node, CreationTimestamp: metav1.NewTime(started.Add(-time.Minute)),
			OwnerReferences: []metav1.OwnerReference{{Kind: "DaemonSet", Name: ds.Name, UID: ds.UID}},
		},
		Spec: corev1.PodSpec{NodeName: node},
		Status: corev1.PodStatus{
			Phase:      corev1.PodRunning,
			Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}, {Type: corev1.PodReady, Status: corev1.ConditionTrue}},
			ContainerStatuses: []corev1.ContainerStatus{{
				Name: "agent", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(started)}},
			}},
		},
	}
}

// onNode2 edits the node n2.
func onNode2(edit func(*corev1.Node)) func(*cni.Objects) {
	return func(o *cni.Objects) { edit(&o.Nodes[1]) }
}

// podOn2 edits the plugin's pod on n2.
func podOn2(edit func(*corev1.Pod)) func(*cni.Objects) {
	return func(o *cni.Objects) { edit(&o.Pods[1]) }
}

func notReady(pod *corev1.Pod) {
	pod.Status.Conditions[1].Status = corev1.ConditionFalse
}

func waitsFor(reason string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		notReady(pod)
		pod.Status.ContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}
	}
}

func networkUnavailable(n *corev1.Node) {
	n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{
		Type: corev1.NodeNetworkUnavailable, Status: corev1.ConditionTrue, Message: "no route created",
	})
}
