package reconciler

import (
	"cmp"
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/readiness/canary"
	"github.com/tazzo/rebirth/internal/readiness/evidence"
	"github.com/tazzo/rebirth/internal/readiness/pods"
)

// sandboxes says when a pod on the pod network was last started on each node, and
// since when a newer one is needed. own are the program's own pods.
func sandboxes(check v1alpha1.SandboxCheck, e evidence.Cluster, own []corev1.Pod, failures []corev1.Event) map[string]evidence.Sandbox {
	if check.Disabled {
		return nil
	}
	out := map[string]evidence.Sandbox{}
	for i := range own {
		pod := &own[i]
		s := out[pods.NodeOf(pod)]
		if at := pods.Proof(pod); at.After(s.Proven) {
			s.Proven = at
		}
		if message := pods.Unschedulable(pod); pods.IsCanary(pod) && message != "" {
			s.Canary = fmt.Sprintf("canary pod %s/%s is not scheduled: %s", pod.Namespace, pod.Name, message)
		}
		out[pods.NodeOf(pod)] = s
	}
	newest := newestFailures(failures)
	for _, n := range e.Nodes {
		out[n.Name] = needed(check, e, newest[n.Name], n, out[n.Name])
	}
	return out
}

// newestFailures are the last events of failed sandboxes, by node. When a network
// breaks there are many: each pod of a node has its own.
func newestFailures(events []corev1.Event) map[string]*corev1.Event {
	newest := map[string]*corev1.Event{}
	for i := range events {
		event := &events[i]
		node := cmp.Or(event.Source.Host, event.ReportingInstance)
		if known := newest[node]; known == nil || lastSeen(event).After(lastSeen(known)) {
			newest[node] = event
		}
	}
	return newest
}

// needed adds why, and since when, a newer proof is needed. failure is the node's
// newest one, nil if there was none.
func needed(check v1alpha1.SandboxCheck, e evidence.Cluster, failure *corev1.Event, n evidence.Node, s evidence.Sandbox) evidence.Sandbox {
	since := func(at time.Time, why string) {
		if at.After(s.NeededSince) {
			s.NeededSince, s.Why = at, why
		}
	}
	if at := e.CNI.Started[n.Name]; at > 0 {
		since(time.Unix(at, 0), "the network plugin's pod started then")
	}
	if failure != nil {
		at := lastSeen(failure)
		since(at, "a pod got no sandbox then")
		if at.After(s.Proven) {
			s.Failed = failure.Message
		}
	}
	if every := check.CanaryEvery.Duration; every > 0 && !s.Proven.IsZero() {
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
