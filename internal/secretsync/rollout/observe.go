package rollout

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
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
// a cache: a stale list could miss a process. Nothing is read in mode Never. In
// mode Auto pods come first, for only they hold an old value: where none reads the
// Secret, nothing else is listed, and otherwise only the kinds that own such a pod.
// In mode Listed the listed kinds come first, and pods if one of them exists.
func Observe(ctx context.Context, r client.Reader, namespace, secret string, spec v1alpha1.RestartSpec) ([]Workload, []corev1.Pod, error) {
	switch spec.Mode {
	case v1alpha1.RestartModeNever:
		return nil, nil, nil
	case v1alpha1.RestartModeListed:
		workloads, err := listWorkloads(ctx, r, namespace, listedKinds(spec))
		if chosen, _ := choose(spec, secret, workloads); err != nil || len(chosen) == 0 {
			return workloads, nil, err
		}
		pods, err := listPods(ctx, r, namespace)
		return workloads, pods, err
	}
	pods, err := listPods(ctx, r, namespace)
	if err != nil {
		return nil, nil, err
	}
	workloads, err := listWorkloads(ctx, r, namespace, owningKinds(pods, secret))
	return workloads, pods, err
}

func listPods(ctx context.Context, r client.Reader, namespace string) ([]corev1.Pod, error) {
	var pods corev1.PodList
	if err := r.List(ctx, &pods, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("listing the pods of namespace %s: %w", namespace, err)
	}
	return pods.Items, nil
}

// owningKinds are the kinds of workloads with a pod that reads the Secret.
func owningKinds(pods []corev1.Pod, secret string) sets.Set[string] {
	kinds := sets.New[string]()
	for i := range pods {
		owner := metav1.GetControllerOf(&pods[i])
		switch {
		case owner == nil || !alive(&pods[i]) || !references(&pods[i].Spec, secret):
		case isReplicaSet(owner):
			kinds.Insert(deploymentKind)
		default:
			kinds.Insert(owner.Kind)
		}
	}
	return kinds
}

func listedKinds(spec v1alpha1.RestartSpec) sets.Set[string] {
	kinds := sets.New[string]()
	for _, ref := range spec.Workloads {
		kinds.Insert(ref.Kind)
	}
	return kinds
}

func listWorkloads(ctx context.Context, r client.Reader, namespace string, kinds sets.Set[string]) ([]Workload, error) {
	var workloads []Workload
	for _, kind := range []struct {
		name string
		list func(context.Context, client.Reader, string) ([]Workload, error)
	}{
		{deploymentKind, listDeployments},
		{statefulSetKind, listStatefulSets},
		{daemonSetKind, listDaemonSets},
	} {
		if !kinds.Has(kind.name) {
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
