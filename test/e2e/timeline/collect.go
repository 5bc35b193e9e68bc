package timeline

import (
	"context"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Consumer is the workload whose readiness ends a rebirth.
type Consumer struct{ Namespace, Name string }

// Collect reads a cluster. The start is when its API server made its first namespace.
// It needs read access to nodes, pods, jobs and the custom resources that are there;
// kinds that aren't there are left out.
func Collect(ctx context.Context, c client.Reader, consumer Consumer) (Timeline, error) {
	var system corev1.Namespace
	if err := c.Get(ctx, client.ObjectKey{Name: metav1.NamespaceSystem}, &system); err != nil {
		return Timeline{}, err
	}
	var marks []Mark
	for _, collect := range []func(context.Context, client.Reader) ([]Mark, error){
		nodes, kustomizations, gates, database, secrets, consumer.ready,
	} {
		found, err := collect(ctx, c)
		if err != nil {
			return Timeline{}, err
		}
		marks = append(marks, found...)
	}
	return New(system.CreationTimestamp.Time, marks), nil
}

func nodes(ctx context.Context, c client.Reader) ([]Mark, error) {
	var list corev1.NodeList
	if err := c.List(ctx, &list); err != nil {
		return nil, err
	}
	all := Mark{Group: "network", Name: "all nodes Ready", Stop: true}
	for i := range list.Items {
		node := &list.Items[i]
		all.From = earlier(all.From, node.CreationTimestamp.Time)
		for _, condition := range node.Status.Conditions {
			if condition.Type != corev1.NodeReady {
				continue
			}
			if condition.Status != corev1.ConditionTrue {
				return nil, nil
			}
			all.At = later(all.At, condition.LastTransitionTime.Time)
		}
	}
	return []Mark{all}, nil
}

// object is what the marks of custom resources need.
type object struct {
	metav1.ObjectMeta `json:"metadata"`
	Status            struct {
		Conditions []metav1.Condition `json:"conditions"`
		Since      *metav1.Time       `json:"since"`
		Open       bool               `json:"open"`
	} `json:"status"`
}

// list reads all objects of a kind, none if there is no such kind.
func list(ctx context.Context, c client.Reader, group, version, kind string) ([]object, error) {
	found := &unstructured.UnstructuredList{}
	found.SetGroupVersionKind(schema.GroupVersionKind{Group: group, Version: version, Kind: kind + "List"})
	if err := c.List(ctx, found); err != nil {
		if noSuchKind(err) {
			return nil, nil
		}
		return nil, err
	}
	objects := make([]object, len(found.Items))
	for i := range found.Items {
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(found.Items[i].Object, &objects[i]); err != nil {
			return nil, err
		}
	}
	return objects, nil
}

// since is when a condition became true; zero if it isn't.
func (o object) since(condition string) time.Time {
	for _, c := range o.Status.Conditions {
		if c.Type == condition && c.Status == metav1.ConditionTrue {
			return c.LastTransitionTime.Time
		}
	}
	return time.Time{}
}

// kustomizations were Ready for the first time when Flux said so in an event; the
// condition only tells of the last time. Events are kept for an hour.
func kustomizations(ctx context.Context, c client.Reader) ([]Mark, error) {
	objects, err := list(ctx, c, "kustomize.toolkit.fluxcd.io", "v1", "Kustomization")
	if err != nil {
		return nil, err
	}
	var events corev1.EventList
	if err := c.List(ctx, &events); err != nil {
		return nil, err
	}
	succeeded := map[types.UID]time.Time{}
	for i := range events.Items {
		if event := &events.Items[i]; event.Reason == "ReconciliationSucceeded" && !event.FirstTimestamp.IsZero() {
			uid := event.InvolvedObject.UID
			succeeded[uid] = earlier(succeeded[uid], event.FirstTimestamp.Time)
		}
	}
	var marks []Mark
	for _, o := range objects {
		at, ok := succeeded[o.UID]
		if !ok {
			at = o.since("Ready")
		}
		marks = append(marks, Mark{Group: "Flux", Name: "Kustomization " + o.Name, From: o.CreationTimestamp.Time, At: at})
	}
	return marks, nil
}

func gates(ctx context.Context, c client.Reader) ([]Mark, error) {
	objects, err := list(ctx, c, "rebirth.tazlab.net", "v1alpha1", "ReadinessGate")
	var marks []Mark
	for _, o := range objects {
		if o.Status.Open && o.Status.Since != nil {
			marks = append(marks, Mark{Group: "network", Name: "gate " + o.Name + " open", From: o.CreationTimestamp.Time, At: o.Status.Since.Time, Stop: true})
		}
	}
	return marks, err
}

func database(ctx context.Context, c client.Reader) ([]Mark, error) {
	objects, err := list(ctx, c, "postgres-operator.crunchydata.com", "v1beta1", "PostgresCluster")
	if err != nil {
		return nil, err
	}
	var marks []Mark
	for _, o := range objects {
		marks = append(marks, Mark{Group: "database", Name: o.Name + " restored", From: o.CreationTimestamp.Time, At: o.since("PostgresDataInitialized"), Stop: true})
	}
	var jobs batchv1.JobList
	if err := c.List(ctx, &jobs, client.HasLabels{"postgres-operator.crunchydata.com/pgbackrest-restore"}); err != nil {
		return nil, err
	}
	for i := range jobs.Items {
		job := &jobs.Items[i]
		if job.Status.StartTime != nil && job.Status.CompletionTime != nil {
			marks = append(marks, Mark{Group: "database", Name: "restore Job " + job.Name, From: job.Status.StartTime.Time, At: job.Status.CompletionTime.Time})
		}
	}
	return marks, nil
}

func secrets(ctx context.Context, c client.Reader) ([]Mark, error) {
	exports, err := list(ctx, c, "rebirth.tazlab.net", "v1alpha1", "SecretExport")
	if err != nil {
		return nil, err
	}
	imports, err := list(ctx, c, "rebirth.tazlab.net", "v1alpha1", "SecretImport")
	var marks []Mark
	for _, o := range exports {
		marks = append(marks, Mark{Group: "secrets", Name: "password of " + o.Name + " proven to log in", From: o.CreationTimestamp.Time, At: o.since("Verified"), Stop: true})
	}
	for _, o := range imports {
		marks = append(marks,
			Mark{Group: "secrets", Name: "mirror " + o.Name + " written", At: o.since("Synced"), Stop: true})
	}
	return marks, err
}

func (w Consumer) ready(ctx context.Context, c client.Reader) ([]Mark, error) {
	var pods corev1.PodList
	if err := c.List(ctx, &pods, client.InNamespace(w.Namespace)); err != nil {
		return nil, err
	}
	var marks []Mark
	for i := range pods.Items {
		pod := &pods.Items[i]
		if !strings.HasPrefix(pod.Name, w.Name+"-") {
			continue
		}
		for _, condition := range pod.Status.Conditions {
			if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue {
				marks = append(marks, Mark{Group: "consumer", Name: w.Name + " ready", From: pod.CreationTimestamp.Time, At: condition.LastTransitionTime.Time, Stop: true})
			}
		}
	}
	return marks, nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

func noSuchKind(err error) bool { return meta.IsNoMatchError(err) || apierrors.IsNotFound(err) }
