// Package readiness puts the controller of readiness-gate together.
package readiness

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/manager"
	agentclient "github.com/tazzo/rebirth/internal/readiness/agent/client"
	"github.com/tazzo/rebirth/internal/readiness/canary"
	"github.com/tazzo/rebirth/internal/readiness/keyring"
	readinessmetrics "github.com/tazzo/rebirth/internal/readiness/metrics"
	"github.com/tazzo/rebirth/internal/readiness/reconciler"
)

// Name is the program's name.
const Name = "readiness-gate"

// Options are readiness-gate's own settings.
type Options struct {
	// Namespace is the program's own.
	Namespace string
	// KeySecret is the Secret that agents share with the controller.
	KeySecret string
	// AgentDaemonSet is the agents' in that namespace.
	AgentDaemonSet string
	// CanaryImage is readiness-agent's.
	CanaryImage string
	// CanaryServiceAccount is the account of canary pods, for its imagePullSecrets.
	CanaryServiceAccount string
	Concurrent           int
	Clock                clock.WithTicker
	// GateNamespaces are those whose gates are served: the chart gives rights there.
	GateNamespaces []string
}

// Scheme has the kinds that readiness-gate reads and writes.
func Scheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	return scheme, nil
}

// Cache says what the manager's cache holds: of the pods those of the network
// plugins' namespaces and its own, of the events failed sandboxes.
func Cache(namespace string, pluginNamespaces []string) cache.Options {
	pods := map[string]cache.Config{namespace: {}}
	for _, ns := range pluginNamespaces {
		pods[ns] = cache.Config{}
	}
	return cache.Options{ByObject: map[client.Object]cache.ByObject{
		&corev1.Pod{}:       {Namespaces: pods, Transform: stripPod},
		&appsv1.DaemonSet{}: {Namespaces: pods, Transform: stripDaemonSet},
		&corev1.Node{}:      {Transform: stripNode},
		&corev1.Event{}:     {Field: fields.OneTermEqualSelector("reason", "FailedCreatePodSandBox"), Transform: stripEvent},
	}}
}

// publishedCache holds the metadata of what gates published. It is one of its own,
// that nobody waits for: see Reconciler.Published.
func publishedCache(mgr ctrl.Manager, gateNamespaces []string) (cache.Cache, error) {
	namespaces := map[string]cache.Config{}
	for _, ns := range gateNamespaces {
		namespaces[ns] = cache.Config{}
	}
	published, err := cache.New(mgr.GetConfig(), cache.Options{
		HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(), DefaultNamespaces: namespaces,
		DefaultLabelSelector: labels.SelectorFromSet(labels.Set{v1alpha1.ManagedByLabel: Name}),
	})
	if err != nil {
		return nil, err
	}
	return published, mgr.Add(published)
}

// Setup adds readiness-gate's controllers to the manager.
func Setup(ctx context.Context, mgr ctrl.Manager, o Options) error {
	// The gates too: a standby starts no controller, and still looks for stale verdicts.
	for _, kind := range []client.Object{&v1alpha1.ReadinessGate{}, &corev1.Node{}, &appsv1.DaemonSet{}, &corev1.Pod{}, &corev1.Event{}} {
		if _, err := mgr.GetCache().GetInformer(ctx, kind, cache.BlockUntilSynced(false)); err != nil {
			return fmt.Errorf("watching %T: %w", kind, err)
		}
	}
	keys := &keyring.Keyring{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Clock: o.Clock, Namespace: o.Namespace, Name: o.KeySecret}
	if err := mgr.Add(keys); err != nil {
		return err
	}
	published, err := publishedCache(mgr, o.GateNamespaces)
	if err != nil {
		return fmt.Errorf("watching what gates published: %w", err)
	}
	gates := &reconciler.Reconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Published: published, Agents: agentclient.New(keys.Keys, o.Clock),
		AgentDaemonSet: types.NamespacedName{Namespace: o.Namespace, Name: o.AgentDaemonSet},
		Canaries: &canary.Sender{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Template: canary.Template{
			Namespace: o.Namespace, Image: o.CanaryImage, ServiceAccount: o.CanaryServiceAccount,
		}},
		Events: mgr.GetEventRecorder(Name), Clock: o.Clock, GateNamespaces: o.GateNamespaces,
	}
	if err := registerMetrics(mgr); err != nil {
		return err
	}
	live := manager.NewLiveness(o.Clock)
	if err := gates.SetupWithManager(mgr, live, controllerOptions(o.Concurrent)); err != nil {
		return fmt.Errorf("setting up ReadinessGates: %w", err)
	}
	sweeper := &canary.Sweeper{Client: mgr.GetClient(), Clock: o.Clock, Namespace: o.Namespace, GateNamespaces: o.GateNamespaces}
	if err := sweeper.SetupWithManager(mgr, live, controllerOptions(1)); err != nil {
		return fmt.Errorf("setting up canary pods: %w", err)
	}
	return addChecks(mgr, live, reconciler.NewColdStart(gates))
}

// controllerOptions has a gate looked at no later than ten seconds after an error: a
// verdict that should be withdrawn does not wait for longer.
func controllerOptions(concurrent int) controller.Options {
	return controller.Options{
		MaxConcurrentReconciles: concurrent, ReconciliationTimeout: manager.ReconcileTimeout,
		RateLimiter: manager.Retries(100*time.Millisecond, 10*time.Second),
	}
}

// addChecks says when the program lives, and when it is ready.
func addChecks(mgr ctrl.Manager, live *manager.Liveness, cold *reconciler.ColdStart) error {
	if err := mgr.Add(cold); err != nil {
		return err
	}
	if err := mgr.AddHealthzCheck("reconciling", live.Check); err != nil {
		return err
	}
	if err := mgr.AddReadyzCheck("stale-verdicts", cold.Check); err != nil {
		return err
	}
	ready, err := manager.NewReadiness(mgr, func() bool { return true })
	if err != nil {
		return err
	}
	return mgr.AddReadyzCheck("caches", ready.Check)
}

// registerMetrics takes the place of a manager's before it in this process.
func registerMetrics(mgr ctrl.Manager) error {
	if registered != nil {
		metrics.Registry.Unregister(registered)
	}
	registered = readinessmetrics.NewObjects(mgr.GetCache())
	return metrics.Registry.Register(registered)
}

var registered *readinessmetrics.Objects
