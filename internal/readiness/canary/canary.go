// Package canary sends canary pods, which end at once: that one could start on a node
// is all that it proves. They are the program's own and not a gate's, for what one
// proves of a node holds for every gate.
//
// The hazards: a cluster must not fill with them, whatever goes wrong (a cache that
// lags, a crash, a gate that is deleted meanwhile, a node without room), and the last
// proof of a node must not go before there is a newer one. So they are made in one
// place, by what the API server says and under names that two can't have, and removed
// in another one that needs no memory.
package canary

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/readiness/pods"
)

const (
	// atOnce bounds how many canary pods that have not ended exist at a time.
	atOnce = 10
	// forRoutine are places that are kept for routine while it waits: nodes on which none
	// can start would take them all, and every other node's proof would run out.
	forRoutine = 2
	// lives is how long a canary pod may take; then it is removed. A kubelet takes four
	// minutes to say that a plugin hangs (twice its runtimeRequestTimeout).
	lives = 5 * time.Minute
	// pause is how long one stays that has proven nothing: no sooner is the next one sent.
	pause = time.Minute

	fieldOwner = "readiness-gate"
)

// Template is what all canary pods have in common.
type Template struct {
	// Namespace is the program's own.
	Namespace string
	// Image is readiness-agent's.
	Image string
	// ServiceAccount is for its imagePullSecrets.
	ServiceAccount string
}

// Want is a node that is to get a canary pod.
type Want struct {
	Node string
	// Proven is the newest proof so far, the zero time if there is none.
	Proven time.Time
	// Routine: that proof still holds.
	Routine bool
}

// name is the same for every attempt to get a newer proof than the last one, so that
// the API server refuses a second pod.
func (w Want) name() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d", w.Node, w.Proven.Unix()))
	return pods.CanaryPrefix + hex.EncodeToString(sum[:8])
}

// pod is the canary pod for a node. Node affinity, not nodeName, so that the scheduler
// has its say about room.
func (t Template) pod(w Want) *corev1.Pod {
	no, yes, user, deadline := false, true, int64(65532), int64(lives/time.Second)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: t.Namespace, Name: w.name(),
			Labels: map[string]string{v1alpha1.ManagedByLabel: fieldOwner, pods.ComponentLabel: pods.CanaryComponent},
		},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever, ServiceAccountName: t.ServiceAccount, AutomountServiceAccountToken: &no, EnableServiceLinks: &no,
			ActiveDeadlineSeconds: &deadline,
			Tolerations:           []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
			Affinity: &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
				NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchFields: []corev1.NodeSelectorRequirement{{
					Key: metav1.ObjectNameField, Operator: corev1.NodeSelectorOpIn, Values: []string{w.Node},
				}}}},
			}}},
			SecurityContext: &corev1.PodSecurityContext{RunAsNonRoot: &yes, RunAsUser: &user, SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
			Containers: []corev1.Container{{
				Name: "canary", Image: t.Image, Args: []string{"canary"},
				SecurityContext: &corev1.SecurityContext{AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}},
			}},
		},
	}
}

// ended reports whether the pod has run, or failed to.
func ended(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}
