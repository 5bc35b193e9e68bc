package reconciler

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/readiness/evidence"
)

const (
	// componentLabel tells the program's own pods apart.
	componentLabel  = "app.kubernetes.io/component"
	agentComponent  = "agent"
	canaryComponent = "canary"
	// gateLabel tells the gate that a canary pod is for: see gateID.
	gateLabel = "rebirth.tazlab.net/gate"

	// canariesAtOnce bounds how many canary pods exist at a time.
	canariesAtOnce = 10
	// canaryLives is how long a canary pod may take; then it is removed.
	canaryLives = 2 * time.Minute
)

// observeSandboxes reads when a pod on the pod network was last started on each
// node, and whether that is recent enough. Where it is not, a canary pod is sent:
// bounded in number and in time, and never two on one node.
func (r *Reconciler) observeSandboxes(ctx context.Context, gate *v1alpha1.ReadinessGate, e evidence.Cluster, o objects) (map[string]evidence.Sandbox, error) {
	if gate.Spec.Checks.Sandbox.Disabled {
		return nil, nil
	}
	out := map[string]evidence.Sandbox{}
	canaries := map[string][]*corev1.Pod{}
	for i := range o.pods.Items {
		pod := &o.pods.Items[i]
		component := pod.Labels[componentLabel]
		if pod.Namespace != r.Namespace || (component != agentComponent && component != canaryComponent) || pod.Spec.HostNetwork {
			continue
		}
		s := out[nodeOf(pod)]
		if at := sandboxed(pod); at.After(s.Proven) {
			s.Proven = at
		}
		out[nodeOf(pod)] = s
		if component == canaryComponent && pod.Labels[gateLabel] == gateID(client.ObjectKeyFromObject(gate)) {
			canaries[nodeOf(pod)] = append(canaries[nodeOf(pod)], pod)
		}
	}
	for _, n := range e.Nodes {
		s := needed(gate, e, o, n, out[n.Name])
		out[n.Name] = s
	}
	return out, r.sendCanaries(ctx, gate, e, out, canaries)
}

// needed adds why, and since when, a newer proof is needed.
func needed(gate *v1alpha1.ReadinessGate, e evidence.Cluster, o objects, n evidence.Node, s evidence.Sandbox) evidence.Sandbox {
	since := func(at time.Time, why string) {
		if at.After(s.NeededSince) {
			s.NeededSince, s.Why = at, why
		}
	}
	var failed time.Time
	if at := e.CNI.Started[n.Name]; at > 0 {
		since(time.Unix(at, 0), "the network plugin's pod started then")
	}
	for i := range o.failures.Items {
		event := &o.failures.Items[i]
		if event.Source.Host != n.Name && event.ReportingInstance != n.Name {
			continue
		}
		at := lastSeen(event)
		since(at, "a pod got no sandbox then")
		if at.After(s.Proven) && at.After(failed) {
			failed, s.Failed = at, event.Message
		}
	}
	if every := gate.Spec.Checks.Sandbox.CanaryEvery.Duration; every > 0 && !s.Proven.IsZero() {
		age := e.Now.Sub(s.Proven)
		s.Due = age >= every
		// As long again for the canary pods to come round: a few run at a time.
		if overdue := 2 * every; age >= overdue {
			since(s.Proven.Add(overdue), "spec.checks.sandbox.canaryEvery")
		}
	}
	return s
}

func lastSeen(event *corev1.Event) time.Time {
	switch {
	case event.Series != nil:
		return event.Series.LastObservedTime.Time
	case !event.LastTimestamp.IsZero():
		return event.LastTimestamp.Time
	default:
		return event.EventTime.Time
	}
}

// sandboxed is when the pod's sandbox was there, the zero time if it is not: the
// kubelet's condition PodReadyToStartContainers or, without that, the first start
// of a container.
func sandboxed(pod *corev1.Pod) time.Time {
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

// nodeOf is the node that a pod runs on, or is meant for.
func nodeOf(pod *corev1.Pod) string {
	if pod.Spec.NodeName != "" {
		return pod.Spec.NodeName
	}
	return pod.Annotations[nodeAnnotation]
}

// nodeAnnotation names the node that a canary pod is meant for.
const nodeAnnotation = "rebirth.tazlab.net/node"

// sendCanaries removes the canary pods that are late or prove nothing more, and sends
// new ones. The last proof stays until there is a newer one.
func (r *Reconciler) sendCanaries(ctx context.Context, gate *v1alpha1.ReadinessGate, e evidence.Cluster, sandboxes map[string]evidence.Sandbox, canaries map[string][]*corev1.Pod) error {
	underWay := map[string]bool{}
	for node, pods := range canaries {
		for _, pod := range pods {
			done := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
			late := e.Now.Sub(pod.CreationTimestamp.Time) > canaryLives
			if !done && !late {
				underWay[node] = true
				continue
			}
			if at := sandboxed(pod); done && !at.IsZero() && !at.Before(sandboxes[node].Proven) && !at.Before(sandboxes[node].NeededSince) {
				continue
			}
			if err := r.removeCanary(ctx, pod); err != nil {
				return err
			}
		}
	}
	for _, n := range e.Nodes {
		s := sandboxes[n.Name]
		wanted := s.Due || s.Proven.Before(s.NeededSince)
		if underWay[n.Name] || !wanted || !n.Ready || n.Deleting || len(underWay) >= canariesAtOnce {
			continue
		}
		underWay[n.Name] = true
		if err := r.sendCanary(ctx, gate, n.Name); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reconciler) sendCanary(ctx context.Context, gate *v1alpha1.ReadinessGate, node string) error {
	pod := canaryPod(gate, r.Namespace, r.CanaryImage, node)
	pod.Spec.ServiceAccountName = r.CanaryServiceAccount
	if err := r.Client.Create(ctx, pod, client.FieldOwner(fieldOwner)); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("sending a canary pod to node %s: %w", node, err)
	}
	ctrl.LoggerFrom(ctx).V(1).Info("canary pod sent", "node", node)
	return nil
}

func (r *Reconciler) removeCanary(ctx context.Context, pod *corev1.Pod) error {
	if pod.DeletionTimestamp != nil {
		return nil
	}
	err := r.Client.Delete(ctx, pod, client.GracePeriodSeconds(0), client.Preconditions{UID: &pod.UID})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("removing canary pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	return nil
}

// gateID is what stands for a gate in a label, which has no room for its name and
// namespace.
func gateID(gate client.ObjectKey) string {
	sum := sha256.Sum256([]byte(gate.String()))
	return hex.EncodeToString(sum[:8])
}

// canaryPod is a pod that ends at once: that it could start is all that it proves.
// Node affinity, not nodeName, so that the scheduler has its say about room.
func canaryPod(gate *v1alpha1.ReadinessGate, namespace, image, node string) *corev1.Pod {
	no, yes, user, deadline := false, true, int64(65532), int64(canaryLives/time.Second)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, GenerateName: fieldOwner + "-canary-",
			Labels:      map[string]string{v1alpha1.ManagedByLabel: fieldOwner, componentLabel: canaryComponent, gateLabel: gateID(client.ObjectKeyFromObject(gate))},
			Annotations: map[string]string{nodeAnnotation: node},
		},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever, AutomountServiceAccountToken: &no, EnableServiceLinks: &no,
			ActiveDeadlineSeconds: &deadline,
			Tolerations:           []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
			Affinity: &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
				NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchFields: []corev1.NodeSelectorRequirement{{
					Key: metav1.ObjectNameField, Operator: corev1.NodeSelectorOpIn, Values: []string{node},
				}}}},
			}}},
			SecurityContext: &corev1.PodSecurityContext{RunAsNonRoot: &yes, RunAsUser: &user, SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
			Containers: []corev1.Container{{
				Name: "canary", Image: image, Args: []string{"canary"},
				SecurityContext: &corev1.SecurityContext{AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}},
			}},
		},
	}
}
