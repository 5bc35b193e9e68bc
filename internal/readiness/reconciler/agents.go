package reconciler

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	agentclient "github.com/tazzo/rebirth/internal/readiness/agent/client"
	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
	"github.com/tazzo/rebirth/internal/readiness/evidence"
	"github.com/tazzo/rebirth/internal/readiness/probes"
)

// agentsAtOnce bounds how many agents are asked at the same time.
const agentsAtOnce = 64

// Agents asks an agent; *agentclient.Client does.
type Agents interface {
	Ask(ctx context.Context, target agentclient.Target, request wire.Request) (wire.Response, error)
}

// askAgents asks the agent of every node at the same time. A node whose agent can't
// be asked has a report that says why.
func (r *Reconciler) askAgents(ctx context.Context, gate *v1alpha1.ReadinessGate, e evidence.Cluster, m *memory) map[string]evidence.Report {
	agents, reports, err := r.findAgents(ctx)
	if err != nil {
		return map[string]evidence.Report{}
	}
	var (
		mu   sync.Mutex
		all  sync.WaitGroup
		slot = make(chan struct{}, agentsAtOnce)
	)
	for _, agent := range agents {
		plan := probes.For(gate.Spec, e, agent, agents, m.rounds)
		all.Go(func() {
			slot <- struct{}{}
			defer func() { <-slot }()
			report := r.ask(ctx, agent, plan)
			mu.Lock()
			defer mu.Unlock()
			reports[agent.Node] = report
		})
	}
	all.Wait()
	return reports
}

func (r *Reconciler) ask(ctx context.Context, agent probes.Agent, plan probes.Plan) evidence.Report {
	response, err := r.Agents.Ask(ctx, agentclient.Target{Address: agent.Address, Node: agent.Node}, plan.Request())
	if err != nil {
		return evidence.Report{Missing: fmt.Sprintf("the agent's pod runs, and can't be asked: %s", err)}
	}
	return plan.Read(response)
}

// findAgents returns the agents that can be asked, by node, and for the others why
// they can't.
func (r *Reconciler) findAgents(ctx context.Context) ([]probes.Agent, map[string]evidence.Report, error) {
	reports := map[string]evidence.Report{}
	var pods corev1.PodList
	if err := r.Client.List(ctx, &pods, client.InNamespace(r.Namespace), client.MatchingLabels{componentLabel: agentComponent}); err != nil {
		return nil, nil, err
	}
	var agents []probes.Agent
	for i := range pods.Items {
		pod := &pods.Items[i]
		if pod.DeletionTimestamp != nil || pod.Spec.NodeName == "" {
			continue
		}
		address, err := address(pod)
		if err != nil {
			reports[pod.Spec.NodeName] = evidence.Report{Missing: fmt.Sprintf("the agent's pod %s/%s %s", pod.Namespace, pod.Name, err)}
			continue
		}
		agents = append(agents, probes.Agent{Node: pod.Spec.NodeName, Address: address})
	}
	slices.SortFunc(agents, func(a, b probes.Agent) int { return cmp.Compare(a.Node, b.Node) })
	return slices.CompactFunc(agents, func(a, b probes.Agent) bool { return a.Node == b.Node }), reports, nil
}

// address is where the agent of a running pod listens.
func address(pod *corev1.Pod) (netip.AddrPort, error) {
	if pod.Status.Phase != corev1.PodRunning || pod.Status.PodIP == "" {
		return netip.AddrPort{}, fmt.Errorf("is not running yet (%s)%s", cmp.Or(string(pod.Status.Phase), "Pending"), waitsFor(pod))
	}
	ip, err := netip.ParseAddr(pod.Status.PodIP)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("has no usable address: %w", err)
	}
	for _, c := range pod.Spec.Containers {
		for _, p := range c.Ports {
			return netip.AddrPortFrom(ip, uint16(p.ContainerPort)), nil
		}
	}
	return netip.AddrPort{}, fmt.Errorf("names no port: is it of this chart's version?")
}

func waitsFor(pod *corev1.Pod) string {
	for _, s := range pod.Status.ContainerStatuses {
		if s.State.Waiting != nil && s.State.Waiting.Reason != "" {
			return ": " + s.State.Waiting.Reason
		}
	}
	return ""
}
