// Package metrics has readiness-gate's own metrics. Their labels name gates, never
// nodes: a cluster has many, and the report names those that fail.
package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

// RoundDuration is how long rounds take: reads, and every agent's probes.
var RoundDuration = prometheus.NewHistogram(prometheus.HistogramOpts{
	Name:    "readiness_gate_round_duration_seconds",
	Help:    "Time that one round of observation and probes takes.",
	Buckets: []float64{.05, .1, .25, .5, 1, 2, 5, 10, 20, 60},
})

func init() { metrics.Registry.MustRegister(RoundDuration) }

var (
	openDesc = prometheus.NewDesc("readiness_gate_open",
		"1 while the gate's verdict is published, 0 otherwise.", []string{"namespace", "name"}, nil)
	nodesDesc = prometheus.NewDesc("readiness_gate_nodes",
		"Nodes that exist (total), that count (eligible), and that pass every check (passing).", []string{"namespace", "name", "state"}, nil)
)

// Objects reports the state of every gate at the time of a scrape, straight from the
// cache: nothing has to be kept, or removed with its gate.
type Objects struct{ reader client.Reader }

// NewObjects returns a collector that reads from the cache of a manager.
func NewObjects(cache client.Reader) *Objects { return &Objects{cache} }

// Describe implements prometheus.Collector.
func (o *Objects) Describe(ch chan<- *prometheus.Desc) { ch <- openDesc; ch <- nodesDesc }

// Collect implements prometheus.Collector.
func (o *Objects) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var gates v1alpha1.ReadinessGateList
	if o.reader.List(ctx, &gates) != nil {
		return
	}
	for i := range gates.Items {
		g := &gates.Items[i]
		open := 0.0
		if g.Status.Open {
			open = 1
		}
		ch <- prometheus.MustNewConstMetric(openDesc, prometheus.GaugeValue, open, g.Namespace, g.Name)
		for state, n := range map[string]int32{"total": g.Status.Nodes.Total, "eligible": g.Status.Nodes.Eligible, "passing": g.Status.Nodes.Passing} {
			ch <- prometheus.MustNewConstMetric(nodesDesc, prometheus.GaugeValue, float64(n), g.Namespace, g.Name, state)
		}
	}
}
