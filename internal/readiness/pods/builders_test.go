package pods_test

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tazzo/rebirth/internal/readiness/pods"
)

var (
	name  = types.NamespacedName{Namespace: "rebirth", Name: "gate-agent"}
	began = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
)

type edit = func(*pods.Objects)

// objects are two Linux nodes, each with an agent that runs.
func objects(edits ...edit) pods.Objects {
	ds := appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name, UID: "ours"}}
	ds.Spec.Template.Spec.NodeSelector = map[string]string{corev1.LabelOSStable: "linux"}
	o := pods.Objects{DaemonSets: []appsv1.DaemonSet{ds}}
	for _, node := range []string{"n2", "n1"} { // no order is promised
		o.Nodes = append(o.Nodes, corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: node, Labels: map[string]string{corev1.LabelOSStable: "linux"}}})
		o.Pods = append(o.Pods, agent(&o.DaemonSets[0], node))
	}
	for _, edit := range edits {
		edit(&o)
	}
	return o
}

// agent is an agent's pod of the DaemonSet that runs on the node.
func agent(ds *appsv1.DaemonSet, node string, edits ...func(*corev1.Pod)) corev1.Pod {
	pod := corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: ds.Namespace, Name: ds.Name + "-" + node, CreationTimestamp: metav1.NewTime(began), Labels: map[string]string{pods.ComponentLabel: pods.AgentComponent},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(ds, appsv1.SchemeGroupVersion.WithKind("DaemonSet"))},
		},
		Spec:   corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "agent", Ports: []corev1.ContainerPort{{Name: "agent", ContainerPort: 8475}}}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: map[string]string{"n1": "10.244.0.5", "n2": "10.244.1.5"}[node]},
	}
	for _, edit := range edits {
		edit(&pod)
	}
	return pod
}

// unscheduled is what the DaemonSet controller makes, before the scheduler.
func unscheduled(pod *corev1.Pod) {
	pod.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
		NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchFields: []corev1.NodeSelectorRequirement{{
			Key: metav1.ObjectNameField, Operator: corev1.NodeSelectorOpIn, Values: []string{pod.Spec.NodeName},
		}}}},
	}}}
	pod.Spec.NodeName, pod.Status = "", corev1.PodStatus{Phase: corev1.PodPending}
}

// onN2 edits the agent's pod of n2.
func onN2(edit func(*corev1.Pod)) edit { return func(o *pods.Objects) { edit(&o.Pods[0]) } }

// noPodOnN2 takes that away.
func noPodOnN2(o *pods.Objects) { o.Pods = o.Pods[1:] }
