// Package informers watches objects of one kind in the namespaces (or the single
// objects) that the chart gives rights to, with one informer for each.
//
// The hazard that it exists for: controller-runtime's cache is one for all
// namespaces. A single Role that is missing, because its namespace was just
// reborn, or a CRD that is not installed yet, would keep the whole controller
// from starting. Here it holds up nobody: what an informer can't tell is read live.
package informers

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/tazzo/rebirth/internal/secretsync/grants"
)

// NewInformer makes the informer for one namespace (empty for all) and field
// selector (empty for all objects).
type NewInformer func(namespace, fieldSelector string) cache.SharedIndexInformer

// MapFunc returns what has to be reconciled after obj changed.
type MapFunc func(ctx context.Context, obj metav1.Object) []reconcile.Request

// Set is the informers of one kind. It is a manager.Runnable and, by Source, a
// source of events for controllers.
type Set struct {
	options Options
	log     logr.Logger
	members []*member

	mu     sync.Mutex
	queues []func(metav1.Object)
}

// Options are what differs between kinds.
type Options struct {
	// Kind is for messages.
	Kind string
	// New makes one informer.
	New NewInformer
	// Served reports whether the API server knows the kind. Nil is always. Until it
	// does, no informer runs; it is asked every two seconds.
	Served func() bool
	// Changed reports whether an update is worth a reconcile. Nil is whenever the
	// resourceVersion differs.
	Changed func(before, after any) bool
}

type member struct {
	grant    grants.Grant
	informer cache.SharedIndexInformer
	// settled is true once the first list succeeded or failed: a controller that
	// starts waits for no more than that.
	settled atomic.Bool
	failing atomic.Bool
}

// New makes a set with one informer for each of watches.
func New(log logr.Logger, watches []grants.Grant, options Options) (*Set, error) {
	s := &Set{options: options, log: log.WithName("informers").WithValues("kind", options.Kind)}
	for _, g := range watches {
		selector := ""
		if g.Name != "" {
			selector = fields.OneTermEqualSelector(metav1.ObjectNameField, g.Name).String()
		}
		m := &member{grant: g, informer: options.New(g.Namespace, selector)}
		if err := m.informer.SetWatchErrorHandlerWithContext(s.onError(m)); err != nil {
			return nil, err
		}
		if _, err := m.informer.AddEventHandler(s.handler(m)); err != nil {
			return nil, err
		}
		s.members = append(s.members, m)
	}
	return s, nil
}

// Start implements manager.Runnable: it runs the informers until ctx ends.
func (s *Set) Start(ctx context.Context) error {
	if err := s.waitUntilServed(ctx); err != nil {
		return nil //nolint:nilerr // ctx ended: the manager stops
	}
	var all sync.WaitGroup
	for _, m := range s.members {
		all.Go(func() { m.informer.RunWithContext(ctx) })
	}
	all.Wait()
	return nil
}

func (s *Set) waitUntilServed(ctx context.Context) error {
	if s.options.Served == nil || s.options.Served() {
		return nil
	}
	s.log.Info("the API server does not serve this kind yet; waiting for its CRD")
	for _, m := range s.members {
		m.settled.Store(true)
	}
	return wait.PollUntilContextCancel(ctx, 2*time.Second, false, func(context.Context) (bool, error) {
		return s.options.Served(), nil
	})
}

// NeedLeaderElection implements manager.LeaderElectionRunnable: a standby keeps
// its caches warm, so that a change of leader costs no time.
func (s *Set) NeedLeaderElection() bool { return false }

// Get returns the object from the cache of the informer that watches it. known is
// false if none does, or it has not had its first list; then only the API server
// can tell. While a watch is broken, the answer is of the time before.
func (s *Set) Get(namespace, name string) (obj metav1.Object, known bool) {
	for _, m := range s.members {
		if (m.grant.Namespace != grants.All && m.grant.Namespace != namespace) || (m.grant.Name != "" && m.grant.Name != name) {
			continue
		}
		if !m.informer.HasSynced() {
			return nil, false
		}
		item, exists, err := m.informer.GetIndexer().GetByKey(namespace + "/" + name)
		if err != nil || !exists {
			return nil, err == nil
		}
		accessor, err := meta.Accessor(item)
		return accessor, err == nil
	}
	return nil, false
}

// Settled reports whether every informer has had its first list, or an error in
// its place.
func (s *Set) Settled() bool {
	for _, m := range s.members {
		if !m.settled.Load() && !m.informer.HasSynced() {
			return false
		}
	}
	return true
}

// Source returns a source of events that enqueues what mapping says.
func (s *Set) Source(mapping MapFunc) *Source { return &Source{set: s, mapping: mapping} }

// Source implements source.SyncingSource.
type Source struct {
	set     *Set
	mapping MapFunc
}

// Start implements source.Source.
func (s *Source) Start(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	s.set.subscribe(func(obj metav1.Object) {
		for _, request := range s.mapping(ctx, obj) {
			queue.Add(request)
		}
	})
	return nil
}

// WaitForSync implements source.SyncingSource. It never fails: what an informer
// that has not settled can't tell is read live.
func (s *Source) WaitForSync(ctx context.Context) error {
	const patience = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cache.WaitForCacheSync(ctx.Done(), s.set.Settled)
	return nil
}

func (s *Set) subscribe(enqueue func(metav1.Object)) {
	s.mu.Lock()
	s.queues = append(s.queues, enqueue)
	s.mu.Unlock()
	// What came before is announced again: the controller has not seen it.
	for _, m := range s.members {
		for _, item := range m.informer.GetIndexer().List() {
			if obj, err := meta.Accessor(item); err == nil {
				enqueue(obj)
			}
		}
	}
}

func (s *Set) announce(item any) {
	if gone, ok := item.(cache.DeletedFinalStateUnknown); ok {
		item = gone.Obj
	}
	obj, err := meta.Accessor(item)
	if err != nil {
		return
	}
	s.mu.Lock()
	queues := s.queues
	s.mu.Unlock()
	for _, enqueue := range queues {
		enqueue(obj)
	}
}

func (s *Set) handler(m *member) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(obj any) { s.recovered(m); s.announce(obj) },
		UpdateFunc: func(before, after any) {
			s.recovered(m)
			if s.changed(before, after) {
				s.announce(after)
			}
		},
		DeleteFunc: func(obj any) { s.announce(obj) },
	}
}

func (s *Set) changed(before, after any) bool {
	if s.options.Changed != nil {
		return s.options.Changed(before, after)
	}
	b, errB := meta.Accessor(before)
	a, errA := meta.Accessor(after)
	return errB != nil || errA != nil || b.GetResourceVersion() != a.GetResourceVersion()
}

func (s *Set) onError(m *member) cache.WatchErrorHandlerWithContext {
	return func(_ context.Context, _ *cache.Reflector, err error) {
		m.settled.Store(true)
		if !apierrors.IsForbidden(err) && !apierrors.IsNotFound(err) && !apierrors.IsUnauthorized(err) {
			s.log.V(1).Info("watch ended; starting it again", "namespace", m.grant.Namespace, "name", m.grant.Name, "cause", err.Error())
			return
		}
		if m.failing.Swap(true) {
			return
		}
		s.log.Info("cannot watch; trying again, and reading live meanwhile (after a namespace was re-created: is the chart's Role there again?)",
			"namespace", m.grant.Namespace, "name", m.grant.Name, "cause", err.Error())
	}
}

func (s *Set) recovered(m *member) {
	m.settled.Store(true)
	if m.failing.Swap(false) {
		s.log.Info("watching again", "namespace", m.grant.Namespace, "name", m.grant.Name)
	}
}
