// Package reconciler reconciles ReadinessGates: round by round it reads what the
// cluster says of its network, asks the agents what their probes found, lets the
// pure packages judge, and publishes the verdict.
package reconciler

import (
	"context"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/readiness/canary"
	"github.com/tazzo/rebirth/internal/readiness/evaluate"
	"github.com/tazzo/rebirth/internal/readiness/metrics"
	"github.com/tazzo/rebirth/internal/readiness/render"
	"github.com/tazzo/rebirth/internal/readiness/settle"
)

// Reconciler reconciles ReadinessGates.
type Reconciler struct {
	// Client reads gates, nodes, DaemonSets, pods and events from the cache, and
	// writes.
	Client client.Client
	// Live reads Services, EndpointSlices, ConfigMaps and Leases.
	Live client.Reader
	// Published tells of the ConfigMaps that gates published. Nobody waits for it.
	Published cache.Informers
	// Agents asks the agents.
	Agents Agents
	// AgentDaemonSet is theirs. Its namespace is the program's own.
	AgentDaemonSet types.NamespacedName
	Canaries       *canary.Sender
	Events         events.EventRecorder
	Clock          clock.PassiveClock
	// GateNamespaces are those whose gates are served: the chart gives rights there.
	GateNamespaces []string

	turns  turns
	mu     sync.Mutex
	memory map[types.NamespacedName]*memory
}

// memory is what is kept of a gate between rounds. What a restart must know stands
// in the cluster: the verdict's ConfigMap, the heartbeat and the status.
type memory struct {
	// uid is the gate's: one that was deleted and made anew shares its name alone.
	uid       types.UID
	state     settle.State
	verdict   settle.Verdict
	round     evaluate.Round
	lastRound time.Time
	cluster   string
	cni       string
	rounds    int
	// generation is the spec's that the last round was judged by.
	generation int64
	// proven is the generation of the spec by which a round last passed.
	proven  int64
	entries []render.Entry
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	gate := &v1alpha1.ReadinessGate{}
	err := r.Client.Get(ctx, req.NamespacedName, gate)
	if apierrors.IsNotFound(err) {
		r.forget(req.NamespacedName)
		return ctrl.Result{}, nil
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	if !gate.DeletionTimestamp.IsZero() || gate.Spec.Suspend {
		return ctrl.Result{}, nil
	}
	if !r.serves(gate) {
		return r.reportUnserved(ctx, gate)
	}
	result, err := r.reconcile(ctx, gate)
	if apierrors.IsForbidden(err) {
		return r.reportForbidden(ctx, gate, err)
	}
	return result, err
}

func (r *Reconciler) reconcile(ctx context.Context, gate *v1alpha1.ReadinessGate) (ctrl.Result, error) {
	problem, err := r.invalid(ctx, gate)
	switch {
	case err != nil:
		return ctrl.Result{}, err
	case problem != "":
		return r.refuse(ctx, gate, v1alpha1.InvalidSpecReason, problem)
	}
	m, err := r.recall(ctx, gate)
	if err != nil {
		return ctrl.Result{}, err
	}
	if r.due(gate, m) {
		r.judge(ctx, gate, m)
	}
	conflict, err := r.publish(ctx, gate, m)
	switch {
	case err != nil:
		return ctrl.Result{}, err
	case conflict != "":
		return r.refuse(ctx, gate, v1alpha1.ConflictReason, conflict)
	}
	return r.report(ctx, gate, m)
}

// judge makes one round: observe, evaluate, settle.
func (r *Reconciler) judge(ctx context.Context, gate *v1alpha1.ReadinessGate, m *memory) {
	if m.generation != gate.Generation {
		m.state.Streak = 0 // what passed under another spec proves nothing for this one
		m.generation = gate.Generation
	}
	began := r.Clock.Now()
	evidence := r.observe(ctx, gate, m.rounds)
	metrics.RoundDuration.Observe(r.Clock.Since(began).Seconds())
	m.round = evaluate.Judge(evaluate.Facts{
		Spec: gate.Spec, Evidence: evidence, OpenedOnce: m.state.OpenedOnce, Open: m.state.Open, Since: m.state.Since,
	})
	m.state, m.verdict = settle.Next(m.state, m.round, gate.Spec, evidence.Now)
	if m.state.Streak > 0 {
		m.proven = gate.Generation
	}
	if evidence.Unobserved == "" {
		m.cni = string(evidence.CNI.Provider) + ": " + evidence.CNI.Why
	}
	m.entries = render.Entries(m.round, m.entries, evidence.Now)
	m.lastRound = evidence.Now
	m.rounds++
}

// due reports whether it is time for a round: the last one is old, or was judged by
// another spec. An event in between only has what is published put right.
func (r *Reconciler) due(gate *v1alpha1.ReadinessGate, m *memory) bool {
	return m.lastRound.IsZero() || m.generation != gate.Generation || requested(gate) || r.Clock.Since(m.lastRound) >= gate.Spec.Interval.Duration-time.Second/10
}

func (r *Reconciler) forget(name types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.memory, name)
}
