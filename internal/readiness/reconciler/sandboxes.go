package reconciler

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/readiness/canary"
	"github.com/tazzo/rebirth/internal/readiness/evidence"
	"github.com/tazzo/rebirth/internal/readiness/pods"
)

const (
	// hintPause bounds how many canary pods strangers' events cost: one a node in this time.
	hintPause = time.Minute
	// usualPatience is how long canary pods may take to come round where canaryEvery
	// says nothing of it.
	usualPatience = 30 * time.Minute
)

// sandboxes says when a pod on the pod network was last started on each node, and
// since when a newer one is needed. own are the program's own pods.
func sandboxes(check v1alpha1.SandboxCheck, e evidence.Cluster, own []corev1.Pod, failed map[string]failures) map[string]evidence.Sandbox {
	if check.Disabled {
		return nil
	}
	out := map[string]evidence.Sandbox{}
	for i := range own {
		pod := &own[i]
		s := out[pods.NodeOf(pod)]
		if at := pods.Proof(pod, e.Now); at.After(s.Proven) {
			s.Proven = at
		}
		if message := pods.Unschedulable(pod); pods.IsCanary(pod) && message != "" {
			s.Canary = fmt.Sprintf("canary pod %s/%s is not scheduled: %s", pod.Namespace, pod.Name, message)
		}
		out[pods.NodeOf(pod)] = s
	}
	for _, n := range e.Nodes {
		out[n.Name] = needed(check, e, failed[n.Name], n, out[n.Name])
	}
	return out
}

// failures are the events of failed sandboxes on one node.
type failures struct {
	// own is the last one of the program's own pods, nil if there is none: that the node
	// fails.
	own *corev1.Event
	// hints are those of all other pods. Anybody can write such an event, or a pod that
	// gets no sandbox on any node, of a RuntimeClass that is not there, say. So they
	// prove nothing; they are a reason to look.
	hints []*corev1.Event
}

// failuresByNode sorts the events. When a network breaks there are many: each pod of a
// node has its own. Those of the future are left out: no proof could
// be newer.
func failuresByNode(events []corev1.Event, agents types.NamespacedName, now time.Time) map[string]failures {
	out := map[string]failures{}
	for i := range events {
		event := &events[i]
		if lastSeen(event).After(now) {
			continue
		}
		node := cmp.Or(event.Source.Host, event.ReportingInstance)
		f := out[node]
		switch {
		case !pods.Concerns(event, agents):
			f.hints = append(f.hints, event)
		case f.own == nil || lastSeen(event).After(lastSeen(f.own)):
			f.own = event
		}
		out[node] = f
	}
	return out
}

// needed adds why, and since when, a newer proof is needed, and whether it is time for one.
func needed(check v1alpha1.SandboxCheck, e evidence.Cluster, failed failures, n evidence.Node, s evidence.Sandbox) evidence.Sandbox {
	since := func(at time.Time, why string) {
		if at.After(s.NeededSince) {
			s.NeededSince, s.Why = at, why
		}
	}
	if at := e.CNI.Started[n.Name]; at > 0 {
		since(time.Unix(at, 0), "the network plugin's pod started then")
	}
	if failed.own != nil {
		at := lastSeen(failed.own)
		since(at, "a pod got no sandbox then")
		if at.After(s.Proven) {
			s.Failed = failed.own.Message
		}
	}
	if s.Proven.IsZero() {
		return s
	}
	age, every := e.Now.Sub(s.Proven), check.CanaryEvery.Duration
	s.Due = every > 0 && age >= every || age >= hintPause && failed.hintAfter(s.Proven)
	// As long again for the canary pods to come round: a few run at a time.
	overdue := func(due time.Time, why string) {
		if at := due.Add(cmp.Or(every, usualPatience)); !due.IsZero() && !e.Now.Before(at) {
			since(at, why)
		}
	}
	if every > 0 {
		overdue(s.Proven.Add(every), "spec.checks.sandbox.canaryEvery")
	}
	overdue(failed.hintedSince(s.Proven), "other pods got no sandbox before that, and no canary pod came round")
	return s
}

// hintAfter reports whether a stranger's pod got no sandbox after the last proof.
func (f failures) hintAfter(proven time.Time) bool {
	return slices.ContainsFunc(f.hints, func(event *corev1.Event) bool { return lastSeen(event).After(proven) })
}

// hintedSince is when the first event of a stranger's pod after the last proof was made,
// the zero time if there is none: by the API server's clock, not by what its author says.
func (f failures) hintedSince(proven time.Time) (first time.Time) {
	for _, event := range f.hints {
		if at := event.CreationTimestamp.Time; at.After(proven) && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
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

// sendCanaries has a canary pod sent to the nodes that need one, and notes why none
// can be.
func (r *Reconciler) sendCanaries(ctx context.Context, e evidence.Cluster) {
	for node, why := range r.Canaries.Send(ctx, e.Now, wantCanaries(e)) {
		s := e.Sandboxes[node]
		s.Canary = why
		e.Sandboxes[node] = s
	}
}

// wantCanaries are the nodes whose proof is due or missing. One that is NotReady has
// another problem first.
func wantCanaries(e evidence.Cluster) []canary.Want {
	var out []canary.Want
	for _, n := range e.Nodes {
		s, checked := e.Sandboxes[n.Name]
		holds := !s.Proven.IsZero() && !s.Proven.Before(s.NeededSince)
		if checked && n.Ready && !n.Deleting && (s.Due || !holds) {
			out = append(out, canary.Want{Node: n.Name, Proven: s.Proven, Routine: holds})
		}
	}
	return out
}
