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
	newest := newestProofs(now, own)
	for i := range own {
		pod := &own[i]
		if !pods.IsCanary(pod) {
			continue
		}
		why, wait := fate(now, wanted, pod, newest[pods.NodeOf(pod)] == pod)
		if why != "" {
			out = append(out, removal{pod, why})
		} else if wait > 0 && (again == 0 || wait < again) {
			again = wait
		}
	}
	return out, again
}

// fate says of a canary pod why it has to go or, if it need not yet, how long it may
// stay, zero for good. newest: it is its node's newest proof.
func fate(now time.Time, wanted bool, pod *corev1.Pod, newest bool) (why string, wait time.Duration) {
	age, proven := now.Sub(pod.CreationTimestamp.Time), !pods.Proof(pod, now).IsZero()
	switch {
	case !wanted:
		return "no gate asks for sandboxes", 0
	case !proven && pod.CreationTimestamp.After(pods.Latest(now)):
		return "it was made by a clock that was ahead", 0
	case !ended(pod) && age >= lives:
		return "it took too long", 0
	case !ended(pod):
		return "", lives - age
	case !proven && age >= pause:
		return "it got no sandbox, or got it by a clock that was ahead", 0
	case !proven:
		return "", pause - age
	case !newest:
		return "there is a newer proof", 0
	}
	return "", 0
}

// newestProofs are the pods that were the last to get a sandbox, by node. One that
// lives goes before a canary pod of the same second. A canary pod that has not ended does
// not count yet: it may be removed, and the proof with it.
func newestProofs(now time.Time, own []corev1.Pod) map[string]*corev1.Pod {
	out := map[string]*corev1.Pod{}
	for i := range own {
		pod := &own[i]
		at := pods.Proof(pod, now)
		if at.IsZero() || pods.IsCanary(pod) && !ended(pod) {
			continue
		}
		known := out[pods.NodeOf(pod)]
		if known == nil || at.After(pods.Proof(known, now)) || at.Equal(pods.Proof(known, now)) && (pods.IsCanary(known) && !pods.IsCanary(pod)) {
			out[pods.NodeOf(pod)] = pod
		}
	}
	return out
}
