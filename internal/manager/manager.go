package manager

import (
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// NamespaceVariable is the environment variable with the namespace that the
// program runs in, as in Flux' controllers.
const NamespaceVariable = "RUNTIME_NAMESPACE"

// New returns a manager for the program name. objects says what its cache holds
// of which kind; reading any other kind from the cache is an error, so that
// nothing is cached by accident.
func New(cfg *rest.Config, name string, scheme *runtime.Scheme, o Options, objects cache.Options) (ctrl.Manager, error) {
	cfg = rest.CopyConfig(cfg)
	cfg.UserAgent = fmt.Sprintf("%s/%s", name, VersionOrRevision())
	cfg.QPS, cfg.Burst = o.QPS, o.Burst
	objects.ReaderFailOnMissingInformer = true
	objects.DefaultTransform = cache.TransformStripManagedFields()
	skipNames := true
	return ctrl.NewManager(cfg, ctrl.Options{
		Scheme:                        scheme,
		Cache:                         objects,
		Metrics:                       server.Options{BindAddress: o.MetricsAddr},
		HealthProbeBindAddress:        o.HealthAddr,
		LeaderElection:                o.LeaderElection.Enable,
		LeaderElectionID:              name + "-leader-election",
		LeaderElectionNamespace:       os.Getenv(NamespaceVariable),
		LeaderElectionReleaseOnCancel: o.LeaderElection.ReleaseOnCancel,
		LeaseDuration:                 &o.LeaderElection.LeaseDuration,
		RenewDeadline:                 &o.LeaderElection.RenewDeadline,
		RetryPeriod:                   &o.LeaderElection.RetryPeriod,
		GracefulShutdownTimeout:       &o.GracefulShutdownTimeout,
		// One process may hold a manager after another, as a test of restarts does.
		Controller: config.Controller{SkipNameValidation: &skipNames},
	})
}
