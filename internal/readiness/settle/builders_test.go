package settle_test

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/readiness/evaluate"
	"github.com/tazzo/rebirth/internal/readiness/settle"
)

const interval = 10 * time.Second

var begin = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

// defaults are the CRD's.
func defaults(edits ...func(*v1alpha1.ReadinessGateSpec)) v1alpha1.ReadinessGateSpec {
	spec := v1alpha1.ReadinessGateSpec{
		Interval: metav1.Duration{Duration: interval},
		Nodes: v1alpha1.GateNodes{
			Min: 1, QuorumPercent: 90, SettleFor: metav1.Duration{Duration: 30 * time.Second},
		},
		Hysteresis: v1alpha1.GateHysteresis{OpenAfter: 3, CloseAfter: metav1.Duration{Duration: time.Minute}},
		Mode:       v1alpha1.GateContinuous,
		MaxWait:    metav1.Duration{Duration: 20 * time.Minute},
	}
	for _, edit := range edits {
		edit(&spec)
	}
	return spec
}

// settledAtOnce leaves the rounds alone to decide.
func settledAtOnce(spec *v1alpha1.ReadinessGateSpec) { spec.Nodes.SettleFor.Duration = 0 }

func latch(spec *v1alpha1.ReadinessGateSpec) { spec.Mode = v1alpha1.GateLatch }

// good is a round in which ten of ten nodes pass.
func good() evaluate.Round { return round(10) }

// bad is one in which a check of the cluster fails.
func bad() evaluate.Round {
	r := good()
	r.Cluster = []evaluate.Failure{{Check: evaluate.CheckDNS, Message: "CoreDNS crashes"}}
	return r
}

// unobserved is one in which the API server did not answer.
func unobserved() evaluate.Round {
	return evaluate.Round{Cluster: []evaluate.Failure{{Check: evaluate.CheckAPI, Message: "nodes can't be listed"}}}
}

// round is one of ten nodes of which so many pass.
func round(passing int) evaluate.Round {
	r := evaluate.Round{Total: 10, Eligible: 10, Passing: passing, Nodes: []string{"n1", "n2"}}
	for range 10 - passing {
		r.Failures = append(r.Failures, evaluate.Failure{Node: "n2", Check: evaluate.CheckCNI, Message: "not Ready"})
	}
	return r
}

// gate plays rounds, one each interval.
type gate struct {
	spec    v1alpha1.ReadinessGateSpec
	now     time.Time
	state   settle.State
	verdict settle.Verdict
}

func newGate(edits ...func(*v1alpha1.ReadinessGateSpec)) *gate {
	return &gate{spec: defaults(edits...), now: begin}
}

// opened is a gate that has just opened.
func opened(edits ...func(*v1alpha1.ReadinessGateSpec)) *gate {
	g := newGate(edits...)
	g.play(4, good())
	return g
}

// play plays the round so many times, and returns the phase after each.
func (g *gate) play(times int, r evaluate.Round) []settle.Phase {
	var phases []settle.Phase
	for range times {
		g.state, g.verdict = settle.Next(g.state, r, g.spec, g.now)
		phases = append(phases, g.verdict.Phase)
		g.now = g.now.Add(interval)
	}
	return phases
}
