package reconciler

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
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

// A round in which most agents hang must leave the time to withdraw the verdict.
func TestAskingAgentsEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		found := pods.Agents{Waiting: map[string]string{"waits": "it is not running yet"}}
		for i := range agentsAtOnce + 10 {
			found.Ready = append(found.Ready, probes.Agent{Node: fmt.Sprintf("hangs-%d", i), Address: netip.MustParseAddrPort("192.0.2.1:8475")})
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

// A few agents that hang cost no other one its answer.
func TestAskingAgentsAllAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		found := pods.Agents{}
		for i := range 900 {
			node := fmt.Sprintf("answers-%d", i)
			if i < agentsAtOnce-1 {
				node = fmt.Sprintf("hangs-%d", i)
			}
			found.Ready = append(found.Ready, probes.Agent{Node: node, Address: netip.MustParseAddrPort("192.0.2.1:8475")})
		}
		for node, report := range (&Reconciler{Agents: hanging{}}).askAgents(t.Context(), &v1alpha1.ReadinessGate{}, evidence.Cluster{}, found, 0) {
			if answered := report.Missing == ""; answered != strings.HasPrefix(node, "answers") {
				t.Errorf("node %s: %q", node, report.Missing)
			}
		}
	})
}
