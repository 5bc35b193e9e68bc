package canary

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/tazzo/rebirth/internal/readiness/pods"
)

// plan chooses the nodes that get a canary pod now: never a second one on a node, and
// no more than there is room for. Those without a proof go first, to all places but a few.
func plan(now time.Time, wants []Want, canaries []corev1.Pod) []Want {
	room, busy, taken := atOnce, map[string]bool{}, map[string]bool{}
	for i := range canaries {
		pod := &canaries[i]
		taken[pod.Name] = true
		if !ended(pod) {
			busy[pods.NodeOf(pod)] = true
			room--
		}
	}
	var needed, routine []Want
	for _, w := range slices.SortedFunc(slices.Values(wants), func(a, b Want) int { return cmp.Compare(a.Node, b.Node) }) {
		switch {
		case busy[w.Node], taken[w.name()]:
		case w.Routine:
			routine = append(routine, w)
		default:
			needed = append(needed, w)
		}
	}
	needed = inTurn(now, needed)
	if len(routine) > 0 {
		needed = needed[:min(len(needed), max(0, room-forRoutine))]
	}
	chosen := append(needed, oldestFirst(now, routine)...)
	return chosen[:max(0, min(len(chosen), room))]
}

// oldestFirst begins with the oldest proofs, so that a DaemonSet whose pods fail on every
// node, and have each looked at again and again, keeps none waiting. Every fourth time it
// is in turn, for the nodes on which no canary pod can start have the oldest proofs.
func oldestFirst(now time.Time, wants []Want) []Want {
	if now.Unix()/int64(lives/time.Second)%4 == 3 {
		return inTurn(now, wants)
	}
	return slices.SortedStableFunc(slices.Values(wants), func(a, b Want) int { return a.Proven.Compare(b.Proven) })
}

// inTurn begins somewhere else each time that canary pods may have come to their end,
// so that nodes on which none can start don't take every place for ever.
func inTurn(now time.Time, wants []Want) []Want {
	if len(wants) == 0 {
		return nil
	}
	turn := int(now.Unix()/int64(lives/time.Second)*atOnce) % len(wants)
	return append(slices.Clone(wants[turn:]), wants[:turn]...)
}
