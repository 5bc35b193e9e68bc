package canary

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/tazzo/rebirth/internal/readiness/pods"
)

// removal is a canary pod that is to go, and why.
type removal struct {
	pod *corev1.Pod
	why string
}

// sweep finds the canary pods among the program's own that have to go. The one that
// is a node's newest proof stays. One whose deletion was cut short is found as any
// other: the API server deletes a pod in two steps. again is when to look once more,
// zero if nothing but an event can change anything.
func sweep(now time.Time, wanted bool, own []corev1.Pod) (out []removal, again time.Duration) {
	newest := newestProofs(own)
	for i := range own {
		pod := &own[i]
		if !pods.IsCanary(pod) {
			continue
		}
		left := pod.CreationTimestamp.Add(lives).Sub(now)
		switch {
		case !wanted:
			out = append(out, removal{pod, "no gate asks for sandboxes"})
		case !ended(pod) && left <= 0:
			out = append(out, removal{pod, "it took too long"})
		case !ended(pod):
			if again == 0 || left < again {
				again = left
			}
		case pods.Proof(pod).IsZero():
			out = append(out, removal{pod, "it got no sandbox"})
		case newest[pods.NodeOf(pod)] != pod:
			out = append(out, removal{pod, "there is a newer proof"})
		}
	}
	return out, again
}

// newestProofs are the pods that were the last to get a sandbox, by node. One that
// lives goes before a canary pod of the same second.
func newestProofs(own []corev1.Pod) map[string]*corev1.Pod {
	out := map[string]*corev1.Pod{}
	for i := range own {
		pod := &own[i]
		at := pods.Proof(pod)
		if at.IsZero() {
			continue
		}
		known := out[pods.NodeOf(pod)]
		if known == nil || at.After(pods.Proof(known)) || at.Equal(pods.Proof(known)) && (pods.IsCanary(known) && !pods.IsCanary(pod)) {
			out[pods.NodeOf(pod)] = pod
		}
	}
	return out
}
