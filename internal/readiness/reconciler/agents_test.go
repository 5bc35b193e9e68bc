package reconciler

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tazzo/rebirth/api/v1alpha1"
	agentclient "github.com/tazzo/rebirth/internal/readiness/agent/client"
	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
	"github.com/tazzo/rebirth/internal/readiness/evidence"
	"github.com/tazzo/rebirth/internal/readiness/pods"
	"github.com/tazzo/rebirth/internal/readiness/probes"
)

// hanging are agents of which those on nodes that begin with "hangs" take a connection
// and never answer; the others do at once.
type hanging struct{}

func (hanging) Ask(ctx context.Context, target agentclient.Target, _ wire.Request) (wire.Response, error) {
	if strings.HasPrefix(target.Node, "hangs") {
		<-ctx.Done()
		return wire.Response{}, errors.New("it did not answer")
	}
	return wire.Response{Agent: wire.Agent{Node: target.Node}}, nil
}

// address is the i-th agent's.
func address(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 8475)
}

// A round in which most agents hang must leave the time to withdraw the verdict.
func TestAskingAgentsEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		found := pods.Agents{Waiting: map[string]string{"waits": "it is not running yet"}}
		for i := range agentsAtOnce + 10 {
			found.Ready = append(found.Ready, probes.Agent{Node: fmt.Sprintf("hangs-%d", i), Address: address(i)})
		}
		r := &Reconciler{Agents: hanging{}}
		began := time.Now()
		reports := r.askAgents(t.Context(), &v1alpha1.ReadinessGate{}, evidence.Cluster{}, found, 0)
		if took := time.Since(began); took != askingTakes {
			t.Errorf("asking took %s, not %s", took, askingTakes)
		}
		if len(reports) != agentsAtOnce+11 {
			t.Errorf("%d reports of %d agents", len(reports), agentsAtOnce+11)
		}
		notAsked := 0
		for node, report := range reports {
			if report.Missing == "" {
				t.Errorf("the agent of node %s is said to have answered", node)
			}
			if strings.HasPrefix(report.Missing, "the agent was not asked") {
				notAsked++
			}
		}
		if notAsked != 10 {
			t.Errorf("%d agents were not asked, not 10", notAsked)
		}
	})
}

// single are agents that serve one request at a time and refuse all others.
type single struct {
	mu   sync.Mutex
	busy map[string]bool
}

func (s *single) Ask(_ context.Context, target agentclient.Target, _ wire.Request) (wire.Response, error) {
	if !s.begin(target.Node) {
		return wire.Response{}, errors.New("the agent serves as many requests as it can")
	}
	time.Sleep(time.Second)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy[target.Node] = false
	return wire.Response{Agent: wire.Agent{Node: target.Node}}, nil
}

func (s *single) begin(node string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy[node] {
		return false
	}
	s.busy[node] = true
	return true
}

// Many gates ask the same agents at the same time, and none finds one too busy.
func TestGatesAskInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		found := pods.Agents{}
		for i := range 5 {
			found.Ready = append(found.Ready, probes.Agent{Node: fmt.Sprintf("n%d", i), Address: address(i)})
		}
		r := &Reconciler{Agents: &single{busy: map[string]bool{}}}
		var gates sync.WaitGroup
		for range 10 {
			gates.Go(func() {
				for node, report := range r.askAgents(t.Context(), &v1alpha1.ReadinessGate{}, evidence.Cluster{}, found, 0) {
					if report.Missing != "" {
						t.Errorf("node %s: %s", node, report.Missing)
					}
				}
			})
		}
		gates.Wait()
		if len(r.turns.agents) != 0 {
			t.Errorf("%d agents are remembered that nobody asks", len(r.turns.agents))
		}
	})
}

// A few agents that hang cost no other one its answer.
func TestAskingAgentsAllAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		found := pods.Agents{}
		for i := range 900 {
			node := fmt.Sprintf("answers-%d", i)
			if i < agentsAtOnce-1 {
				node = fmt.Sprintf("hangs-%d", i)
			}
			found.Ready = append(found.Ready, probes.Agent{Node: node, Address: address(i)})
		}
		for node, report := range (&Reconciler{Agents: hanging{}}).askAgents(t.Context(), &v1alpha1.ReadinessGate{}, evidence.Cluster{}, found, 0) {
			if answered := report.Missing == ""; answered != strings.HasPrefix(node, "answers") {
				t.Errorf("node %s: %q", node, report.Missing)
			}
		}
	})
}
