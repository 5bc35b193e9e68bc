package reconciler

import (
	"context"
	"fmt"
	"sync"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/manager"
	agentclient "github.com/tazzo/rebirth/internal/readiness/agent/client"
	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
	"github.com/tazzo/rebirth/internal/readiness/evidence"
	"github.com/tazzo/rebirth/internal/readiness/pods"
	"github.com/tazzo/rebirth/internal/readiness/probes"
)

const (
	// agentsAtOnce bounds how many agents are asked at the same time.
	agentsAtOnce = 128
	// askingTakes bounds how long all of them are. It leaves a reconcile the time to
	// withdraw the verdict, of all things, when half of the cluster does not answer.
	askingTakes = manager.ReconcileTimeout / 2
)

// Agents asks an agent; *agentclient.Client does.
type Agents interface {
	Ask(ctx context.Context, target agentclient.Target, request wire.Request) (wire.Response, error)
}

// askAgents asks the agent of every node at the same time. A node whose agent can't
// be asked has a report that says why. It returns within askingTakes.
func (r *Reconciler) askAgents(ctx context.Context, gate *v1alpha1.ReadinessGate, e evidence.Cluster, agents pods.Agents, round int) map[string]evidence.Report {
	reports := map[string]evidence.Report{}
	for node, why := range agents.Waiting {
		reports[node] = evidence.Report{Missing: why}
	}
	ctx, cancel := context.WithTimeout(ctx, askingTakes)
	defer cancel()
	var (
		mu    sync.Mutex
		all   sync.WaitGroup
		slots = make(chan struct{}, agentsAtOnce)
	)
	for _, agent := range agents.Ready {
		plan := probes.For(gate.Spec, e, agent, agents.Ready, round)
		all.Go(func() {
			report := r.askInTurn(ctx, agent, plan, slots)
			mu.Lock()
			defer mu.Unlock()
			reports[agent.Node] = report
		})
	}
	all.Wait()
	return reports
}

// askInTurn waits for a place among the agents that are asked, and until no other gate
// asks this one.
func (r *Reconciler) askInTurn(ctx context.Context, agent probes.Agent, plan probes.Plan, slots chan struct{}) evidence.Report {
	notAsked := evidence.Report{Missing: "the agent was not asked, for others took all the time of this round: look at those that don't answer first"}
	leave, came := r.turns.take(ctx, agent.Address)
	if !came {
		return notAsked
	}
	defer leave()
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
		return r.ask(ctx, agent, plan)
	case <-ctx.Done():
		return notAsked
	}
}

func (r *Reconciler) ask(ctx context.Context, agent probes.Agent, plan probes.Plan) evidence.Report {
	response, err := r.Agents.Ask(ctx, agentclient.Target{Address: agent.Address, Node: agent.Node}, plan.Request())
	if err != nil {
		return evidence.Report{Missing: fmt.Sprintf("the agent's pod runs, and can't be asked: %s", err)}
	}
	return plan.Read(response)
}
