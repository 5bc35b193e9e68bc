package rollout_test

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/rollout"
)

const (
	secretName = "db-credentials"
	importName = "grafana-db"
)

// changedAt is when the key "password" of most specs changed.
var changedAt = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

func sec(n int) time.Time { return changedAt.Add(time.Duration(n) * time.Second) }

// factsOf are facts a minute after the change, in mode Auto.
func factsOf(workloads []rollout.Workload, pods ...corev1.Pod) rollout.Facts {
	return rollout.Facts{
		Now:       sec(60),
		Import:    importName,
		Secret:    secretName,
		Changed:   map[string]time.Time{"password": changedAt},
		Spec:      v1alpha1.RestartSpec{Mode: v1alpha1.RestartModeAuto},
		Workloads: workloads,
		Pods:      pods,
	}
}

func ref(kind, name string) v1alpha1.WorkloadReference {
	return v1alpha1.WorkloadReference{Kind: kind, Name: name}
}

func uidOf(kind, name string) types.UID { return types.UID(kind + "-" + name + "-uid") }

// workload of one container that reads the key "password", changed by edits.
func workload(kind, name string, edits ...func(*rollout.Workload)) rollout.Workload {
	w := rollout.Workload{
		WorkloadReference: ref(kind, name),
		UID:               uidOf(kind, name),
		Selector:          labels.SelectorFromSet(labels.Set{"app": name}),
		PodTemplate: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": name}},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Env: []corev1.EnvVar{envKey("password")}}}},
		},
	}
	for _, edit := range edits {
		edit(&w)
	}
	return w
}

func deployment(name string, edits ...func(*rollout.Workload)) rollout.Workload {
	return workload("Deployment", name, edits...)
}

// annotated sets an annotation of the workload itself.
func annotated(key, value string) func(*rollout.Workload) {
	return func(w *rollout.Workload) {
		if w.Annotations == nil {
			w.Annotations = map[string]string{}
		}
		w.Annotations[key] = value
	}
}

// stampedFor sets the stamp of an import on the pod template.
func stampedFor(importName string, at time.Time) func(*rollout.Workload) {
	return func(w *rollout.Workload) {
		if w.PodTemplate.Annotations == nil {
			w.PodTemplate.Annotations = map[string]string{}
		}
		w.PodTemplate.Annotations[rollout.AnnotationKey(importName)] = at.Format(time.RFC3339)
	}
}

func rollingOut(w *rollout.Workload) { w.RollingOut = true }

func reading(spec corev1.PodSpec) func(*rollout.Workload) {
	return func(w *rollout.Workload) { w.PodTemplate.Spec = spec }
}

// podOf is a pod as the workload's present template makes it, its containers and
// init containers running since started; changed by edits.
func podOf(w rollout.Workload, started time.Time, edits ...func(*corev1.Pod)) corev1.Pod {
	owner := metav1.OwnerReference{APIVersion: "apps/v1", Kind: w.Kind, Name: w.Name, UID: w.UID, Controller: new(true)}
	if w.Kind == "Deployment" {
		owner = metav1.OwnerReference{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: w.Name + "-5d8f", UID: "replicaset-uid", Controller: new(true)}
	}
	pod := corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name:              w.Name + "-0",
			Labels:            map[string]string{"app": w.Name},
			Annotations:       map[string]string{},
			OwnerReferences:   []metav1.OwnerReference{owner},
			CreationTimestamp: metav1.NewTime(started),
		},
		Spec:   *w.PodTemplate.Spec.DeepCopy(),
		Status: corev1.PodStatus{Phase: corev1.PodRunning},
	}
	for key, value := range w.PodTemplate.Annotations {
		pod.Annotations[key] = value
	}
	for _, c := range pod.Spec.InitContainers {
		pod.Status.InitContainerStatuses = append(pod.Status.InitContainerStatuses, corev1.ContainerStatus{Name: c.Name, State: running(started)})
	}
	for _, c := range pod.Spec.Containers {
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{Name: c.Name, State: running(started)})
	}
	for _, edit := range edits {
		edit(&pod)
	}
	return pod
}

func named(name string) func(*corev1.Pod) { return func(p *corev1.Pod) { p.Name = name } }

// withoutStamps makes it a pod of a template from before any restart.
func withoutStamps(p *corev1.Pod) { p.Annotations = nil }

// inState puts the first container into a state, after a last one.
func inState(state, last corev1.ContainerState) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Status.ContainerStatuses[0].State = state
		p.Status.ContainerStatuses[0].LastTerminationState = last
	}
}

func running(started time.Time) corev1.ContainerState {
	return corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(started)}}
}

func terminated(started time.Time) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{StartedAt: metav1.NewTime(started)}}
}

func waiting(reason string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}
}

func envKey(key string) corev1.EnvVar {
	return corev1.EnvVar{Name: "VALUE_OF_" + key, ValueFrom: &corev1.EnvVarSource{
		SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: secretName}, Key: key},
	}}
}

func secretVolume(items ...corev1.KeyToPath) corev1.Volume {
	return corev1.Volume{Name: "secret", VolumeSource: corev1.VolumeSource{
		Secret: &corev1.SecretVolumeSource{SecretName: secretName, Items: items},
	}}
}

func projectedVolume(items ...corev1.KeyToPath) corev1.Volume {
	return corev1.Volume{Name: "secret", VolumeSource: corev1.VolumeSource{
		Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
			{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: corev1.LocalObjectReference{Name: secretName}}},
			{Secret: &corev1.SecretProjection{LocalObjectReference: corev1.LocalObjectReference{Name: secretName}, Items: items}},
		}},
	}}
}

// mounting is a pod whose one container mounts the volume.
func mounting(volume corev1.Volume, subPath string) corev1.PodSpec {
	return corev1.PodSpec{
		Volumes: []corev1.Volume{volume},
		Containers: []corev1.Container{{
			Name: "app", VolumeMounts: []corev1.VolumeMount{{Name: volume.Name, MountPath: "/secret", SubPath: subPath}},
		}},
	}
}

func restarted(plan rollout.Plan) []v1alpha1.WorkloadReference {
	var refs []v1alpha1.WorkloadReference
	for _, r := range plan.Restarts {
		refs = append(refs, r.Ref)
	}
	return refs
}
