package rollout

import (
	"context"
	"errors"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

// Apply asks for the restarts: one annotation on each pod template, applied
// server-side. Take fieldOwner from FieldOwner. It returns what was restarted.
//
// One failure doesn't keep the others from being restarted. A workload that has
// gone or was created anew meanwhile is no failure, but not restarted either: if
// the answer is shorter than restarts, observe and decide again before the change
// counts as handled.
func Apply(ctx context.Context, c client.Client, namespace, fieldOwner string, restarts []Restart) ([]v1alpha1.WorkloadRestart, error) {
	var done []v1alpha1.WorkloadRestart
	var failures []error
	for _, r := range restarts {
		err := c.Apply(ctx, client.ApplyConfigurationFromUnstructured(stamped(namespace, r)),
			client.FieldOwner(fieldOwner), client.ForceOwnership)
		switch {
		case err == nil:
			done = append(done, v1alpha1.WorkloadRestart{WorkloadReference: r.Ref, Time: metav1.NewTime(r.Time)})
		case !gone(err):
			failures = append(failures, fmt.Errorf("restarting %s %s/%s: %w", r.Ref.Kind, namespace, r.Ref.Name, err))
		}
	}
	return done, errors.Join(failures...)
}

// stamped names the workload's UID, so that a workload deleted meanwhile is not
// created anew and another one of that name is left alone.
func stamped(namespace string, r Restart) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": appsv1.SchemeGroupVersion.String(),
		"kind":       r.Ref.Kind,
		"metadata": map[string]any{
			"namespace": namespace,
			"name":      r.Ref.Name,
			"uid":       string(r.UID),
		},
		"spec": map[string]any{
			"template": map[string]any{
				"metadata": map[string]any{
					"annotations": map[string]any{r.Annotation: formatStamp(r.Stamp)},
				},
			},
		},
	}}
}

// gone reports whether the API server says that no workload has this UID: a
// conflict when there is none of that name, an invalid metadata.uid when there is
// another one. (A conflict may also be one of many writers at once; conflicts of
// field managers are forced.)
func gone(err error) bool {
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return true
	}
	var status apierrors.APIStatus
	if !apierrors.IsInvalid(err) || !errors.As(err, &status) || status.Status().Details == nil {
		return false
	}
	for _, cause := range status.Status().Details.Causes {
		if cause.Field == "metadata.uid" {
			return true
		}
	}
	return false
}
