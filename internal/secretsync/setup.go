// Package secretsync puts the controllers of secret-sync together.
package secretsync

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/metadata"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/manager"
	"github.com/tazzo/rebirth/internal/secretsync/exporter"
	"github.com/tazzo/rebirth/internal/secretsync/grants"
	"github.com/tazzo/rebirth/internal/secretsync/importer"
	"github.com/tazzo/rebirth/internal/secretsync/informers"
	"github.com/tazzo/rebirth/internal/secretsync/login"
	secretsyncmetrics "github.com/tazzo/rebirth/internal/secretsync/metrics"
	"github.com/tazzo/rebirth/internal/secretsync/pgo"
)

// Name is the program's name.
const Name = "secret-sync"

// Options are secret-sync's own settings.
type Options struct {
	// Grants is what the chart's Roles allow.
	Grants grants.Set
	// Concurrent is how many objects of a kind are reconciled at the same time.
	Concurrent int
	// Login tries a password; pglogin.Try outside of tests.
	Login login.Func
	Clock clock.PassiveClock
}

// Scheme has the kinds that secret-sync reads and writes as Go types.
func Scheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	return scheme, nil
}

// Cache says what the manager's cache holds. Secrets are not among it.
func Cache() cache.Options {
	return cache.Options{ByObject: map[client.Object]cache.ByObject{
		&corev1.Namespace{}: {Transform: stripNamespace},
	}}
}

// options of one controller.
func options(concurrent int) controller.Options {
	return controller.Options{
		MaxConcurrentReconciles: concurrent, ReconciliationTimeout: manager.ReconcileTimeout,
		RateLimiter: manager.Retries(5*time.Millisecond, time.Minute),
	}
}

// Setup adds secret-sync to the manager.
func Setup(ctx context.Context, mgr ctrl.Manager, o Options) error {
	secrets, clusters, err := watches(mgr, o.Grants)
	if err != nil {
		return err
	}
	live := manager.NewLiveness(o.Clock)
	recorder := mgr.GetEventRecorder(Name)
	exports := &exporter.Reconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Secrets: secrets, Clusters: clusters,
		Grants: o.Grants, Login: o.Login, Events: recorder, Clock: o.Clock,
	}
	if err := exports.SetupWithManager(mgr, live, options(o.Concurrent)); err != nil {
		return fmt.Errorf("setting up SecretExports: %w", err)
	}
	imports := &importer.Reconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Secrets: secrets,
		Grants: o.Grants, Events: recorder, Clock: o.Clock,
	}
	if err := imports.SetupWithManager(ctx, mgr, live, options(o.Concurrent)); err != nil {
		return fmt.Errorf("setting up SecretImports: %w", err)
	}
	if err := mgr.AddHealthzCheck("reconciling", live.Check); err != nil {
		return err
	}
	ready, err := manager.NewReadiness(mgr, func() bool { return secrets.Settled() && clusters.Settled() })
	if err != nil {
		return err
	}
	if err := mgr.AddReadyzCheck("caches", ready.Check); err != nil {
		return err
	}
	return registerObjects(mgr)
}

// watches makes the informers on what the chart gives rights to.
func watches(mgr ctrl.Manager, granted grants.Set) (secrets, clusters *informers.Set, err error) {
	cfg, http := mgr.GetConfig(), mgr.GetHTTPClient()
	meta, err := metadata.NewForConfigAndClient(metadata.ConfigFor(cfg), http)
	if err != nil {
		return nil, nil, err
	}
	dyn, err := dynamic.NewForConfigAndClient(cfg, http)
	if err != nil {
		return nil, nil, err
	}
	served, err := discovery.NewDiscoveryClientForConfigAndClient(cfg, http)
	if err != nil {
		return nil, nil, err
	}
	if secrets, err = informers.Secrets(mgr.GetLogger(), meta, granted.Watches()); err != nil {
		return nil, nil, err
	}
	namespaces := make([]grants.Grant, 0, len(granted.ExportNamespaces()))
	for _, namespace := range granted.ExportNamespaces() {
		namespaces = append(namespaces, grants.Grant{Namespace: namespace})
	}
	clusters, err = informers.Custom(mgr.GetLogger(), dyn, served, pgo.Resource, namespaces, toCluster, clusterChanged)
	if err != nil {
		return nil, nil, err
	}
	if err := mgr.Add(secrets); err != nil {
		return nil, nil, err
	}
	return secrets, clusters, mgr.Add(clusters)
}

// toCluster turns what the dynamic client reads into PGO's type, less what nobody
// here reads of it.
func toCluster(obj any) (any, error) {
	u, ok := obj.(*unstructured.Unstructured)
	if !ok {
		return obj, nil
	}
	cluster := &pgo.PostgresCluster{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, cluster); err != nil {
		return nil, fmt.Errorf("PostgresCluster %s/%s can't be decoded: %w", u.GetNamespace(), u.GetName(), err)
	}
	return pgo.Strip(cluster)
}

// clusterChanged compares what decisions rest on: PGO writes the status about
// once a second while backups run.
func clusterChanged(before, after any) bool {
	b, okB := before.(*pgo.PostgresCluster)
	a, okA := after.(*pgo.PostgresCluster)
	return !okA || !okB || pgo.Project(b) != pgo.Project(a)
}

func stripNamespace(obj any) (any, error) {
	if m, ok := obj.(interface {
		SetAnnotations(map[string]string)
	}); ok {
		m.SetAnnotations(nil)
	}
	return cache.TransformStripManagedFields()(obj)
}

// registerObjects has the metrics show the state of every object. A manager that
// follows another one in the same process takes its place.
func registerObjects(mgr ctrl.Manager) error {
	if registered != nil {
		metrics.Registry.Unregister(registered)
	}
	registered = secretsyncmetrics.NewObjects(mgr.GetCache())
	return metrics.Registry.Register(registered)
}

var registered *secretsyncmetrics.Objects
