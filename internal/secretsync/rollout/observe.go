package rollout

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

// The kinds of workloads, as in v1alpha1.WorkloadReference.
const (
	deploymentKind  = "Deployment"
	statefulSetKind = "StatefulSet"
	daemonSetKind   = "DaemonSet"
)

// Observe lists what Decide needs to know of one namespace. Pass a reader without
// a cache: a stale list could miss a process. Nothing is read in mode Never, only
// the listed kinds in mode Listed, and pods only if a workload is concerned.
func Observe(ctx context.Context, r client.Reader, namespace, secret string, spec v1alpha1.RestartSpec) ([]Workload, []corev1.Pod, error) {
	if spec.Mode == v1alpha1.RestartModeNever {
		return nil, nil, nil
	}
	workloads, err := listWorkloads(ctx, r, namespace, spec)
	if err != nil {
		return nil, nil, err
	}
	if chosen, _ := choose(spec, secret, workloads); len(chosen) == 0 {
		return workloads, nil, nil
	}
	var pods corev1.PodList
	if err := r.List(ctx, &pods, client.InNamespace(namespace)); err != nil {
		return nil, nil, fmt.Errorf("listing the pods of namespace %s: %w", namespace, err)
	}
	return workloads, pods.Items, nil
}

func listWorkloads(ctx context.Context, r client.Reader, namespace string, spec v1alpha1.RestartSpec) ([]Workload, error) {
	var workloads []Workload
	for _, kind := range []struct {
		name string
		list func(context.Context, client.Reader, string) ([]Workload, error)
	}{
		{deploymentKind, listDeployments},
		{statefulSetKind, listStatefulSets},
		{daemonSetKind, listDaemonSets},
	} {
		if !concerns(spec, kind.name) {
			continue
		}
		found, err := kind.list(ctx, r, namespace)
		if err != nil {
			return nil, fmt.Errorf("listing the %ss of namespace %s: %w", kind.name, namespace, err)
		}
		workloads = append(workloads, found...)
	}
	return workloads, nil
}

func concerns(spec v1alpha1.RestartSpec, kind string) bool {
	if spec.Mode != v1alpha1.RestartModeListed {
		return true
	}
	for _, ref := range spec.Workloads {
		if ref.Kind == kind {
			return true
		}
	}
	return false
}

func listDeployments(ctx context.Context, r client.Reader, namespace string) ([]Workload, error) {
	var list appsv1.DeploymentList
	if err := r.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	workloads := make([]Workload, 0, len(list.Items))
	for _, d := range list.Items {
		w, err := workload(deploymentKind, d.ObjectMeta, d.Spec.Selector, d.Spec.Template)
		if err != nil {
			return nil, err
		}
		w.Paused = d.Spec.Paused
		w.RollingOut = d.Status.ObservedGeneration < d.Generation ||
			d.Status.UpdatedReplicas < replicas(d.Spec.Replicas) || d.Status.UpdatedReplicas < d.Status.Replicas
		workloads = append(workloads, w)
	}
	return workloads, nil
}

func listStatefulSets(ctx context.Context, r client.Reader, namespace string) ([]Workload, error) {
	var list appsv1.StatefulSetList
	if err := r.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	workloads := make([]Workload, 0, len(list.Items))
	for _, s := range list.Items {
		w, err := workload(statefulSetKind, s.ObjectMeta, s.Spec.Selector, s.Spec.Template)
		if err != nil {
			return nil, err
		}
		w.OnDelete = s.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType
		if rolling := s.Spec.UpdateStrategy.RollingUpdate; rolling != nil && rolling.Partition != nil {
			w.Partition = *rolling.Partition
		}
		w.RollingOut = s.Status.ObservedGeneration < s.Generation || s.Status.CurrentRevision != s.Status.UpdateRevision
		workloads = append(workloads, w)
	}
	return workloads, nil
}

func listDaemonSets(ctx context.Context, r client.Reader, namespace string) ([]Workload, error) {
	var list appsv1.DaemonSetList
	if err := r.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	workloads := make([]Workload, 0, len(list.Items))
	for _, d := range list.Items {
		w, err := workload(daemonSetKind, d.ObjectMeta, d.Spec.Selector, d.Spec.Template)
		if err != nil {
			return nil, err
		}
		w.OnDelete = d.Spec.UpdateStrategy.Type == appsv1.OnDeleteDaemonSetStrategyType
		w.RollingOut = d.Status.ObservedGeneration < d.Generation ||
			d.Status.UpdatedNumberScheduled < d.Status.DesiredNumberScheduled
		workloads = append(workloads, w)
	}
	return workloads, nil
}

func workload(kind string, meta metav1.ObjectMeta, selector *metav1.LabelSelector, template corev1.PodTemplateSpec) (Workload, error) {
	matches, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return Workload{}, fmt.Errorf("spec.selector of %s/%s: %w", kind, meta.Name, err)
	}
	return Workload{
		WorkloadReference: v1alpha1.WorkloadReference{Kind: kind, Name: meta.Name},
		UID:               meta.UID,
		Annotations:       meta.Annotations,
		PodTemplate:       template,
		Selector:          matches,
	}, nil
}

// replicas applies the API's default.
func replicas(n *int32) int32 {
	if n == nil {
		return 1
	}
	return *n
}
