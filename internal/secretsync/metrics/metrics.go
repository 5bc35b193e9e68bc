// Package metrics has secret-sync's own metrics. Their labels name objects and
// reasons, never content.
package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var (
	// MirrorLatency is the time from the source Secret's last change to the write
	// of a mirror. The source's time is the API server's and has whole seconds.
	MirrorLatency = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "secret_sync_mirror_latency_seconds",
		Help:    "Time from a change of the source Secret to the write of a mirror, proof included.",
		Buckets: []float64{.25, .5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600},
	})
	// Restarts counts the restarts that were asked for.
	Restarts = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "secret_sync_restarts_total",
		Help: "Restarts of workloads, by result.",
	}, []string{"namespace", "kind", "result"})
	// Verifications counts the proofs that were tried.
	Verifications = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "secret_sync_verifications_total",
		Help: "Attempts to prove a password, by result.",
	}, []string{"result"})
	// Refusals counts the transitions into a state that needs somebody.
	Refusals = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "secret_sync_refusals_total",
		Help: "Exports and imports that stalled, by reason, counted when they do.",
	}, []string{"reason"})
)

func init() {
	metrics.Registry.MustRegister(MirrorLatency, Restarts, Verifications, Refusals)
}
