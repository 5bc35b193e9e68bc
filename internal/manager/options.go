// Package manager is what the mains of Rebirth's controllers share: flags in the
// style of Flux' controllers, the manager, health and version.
package manager

import (
	"time"

	"github.com/fluxcd/pkg/runtime/leaderelection"
	"github.com/fluxcd/pkg/runtime/logger"
	"github.com/spf13/pflag"
)

// Options are the settings that every controller has.
type Options struct {
	MetricsAddr             string
	HealthAddr              string
	Concurrent              int
	QPS                     float32
	Burst                   int
	GracefulShutdownTimeout time.Duration
	LeaderElection          leaderelection.Options
	Logger                  logger.Options
}

// BindFlags adds the flags, with their defaults.
func (o *Options) BindFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.MetricsAddr, "metrics-addr", ":8080", "The address that metrics are served on; 0 for none.")
	fs.StringVar(&o.HealthAddr, "health-addr", ":9440", "The address that /healthz and /readyz are served on; 0 for none.")
	fs.IntVar(&o.Concurrent, "concurrent", 10, "How many objects of a kind are reconciled at the same time.")
	fs.Float32Var(&o.QPS, "kube-api-qps", -1, "The most requests a second to the API server; negative leaves the limit to the API server's own priority and fairness.")
	fs.IntVar(&o.Burst, "kube-api-burst", 0, "The most requests at once to the API server, where --kube-api-qps limits them.")
	fs.DurationVar(&o.GracefulShutdownTimeout, "graceful-shutdown-timeout", 25*time.Second, "How long a shutdown waits for reconciles that are under way.")
	o.LeaderElection.BindFlags(fs)
	o.Logger.BindFlags(fs)
}
