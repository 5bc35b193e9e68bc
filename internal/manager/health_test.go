package manager_test

import (
	"context"
	"errors"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache/informertest"
	ctrlmanager "sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/tazzo/rebirth/internal/manager"
)

var _ = Describe("Liveness", func() {
	var (
		clock *clocktesting.FakePassiveClock
		live  *manager.Liveness
	)
	BeforeEach(func() {
		clock = clocktesting.NewFakePassiveClock(time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC))
		live = manager.NewLiveness(clock)
	})
	after := func(d time.Duration) { clock.SetTime(clock.Now().Add(d)) }
	request := reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "db", Name: "grafana"}}

	It("passes on what the reconciler answers", func() {
		failure := errors.New("x")
		watched := live.Watch(reconcile.Func(func(_ context.Context, got reconcile.Request) (reconcile.Result, error) {
			Expect(got).To(Equal(request))
			return reconcile.Result{RequeueAfter: time.Second}, failure
		}))
		result, err := watched.Reconcile(context.Background(), request)
		Expect(result.RequeueAfter).To(Equal(time.Second))
		Expect(err).To(MatchError(failure))
		Expect(live.Check(nil)).To(Succeed())
	})

	It("ends when a reconcile hangs beyond any timeout, and names the object", func() {
		release, done := make(chan struct{}), make(chan struct{})
		entered := make(chan struct{})
		watched := live.Watch(reconcile.Func(func(context.Context, reconcile.Request) (reconcile.Result, error) {
			close(entered)
			<-release
			return reconcile.Result{}, nil
		}))
		go func() {
			defer close(done)
			_, _ = watched.Reconcile(context.Background(), request)
		}()
		Eventually(entered).Should(BeClosed())

		after(3 * manager.ReconcileTimeout)
		Expect(live.Check(nil)).To(Succeed())
		after(time.Second)
		Expect(live.Check(nil)).To(MatchError(And(ContainSubstring("db/grafana"), ContainSubstring("3m1s"))))

		close(release)
		Eventually(done).Should(BeClosed())
		Expect(live.Check(nil)).To(Succeed())
	})

	It("tells two reconciles of one object's name apart", func() {
		release := make(chan struct{})
		defer close(release)
		entered := make(chan struct{})
		hanging := live.Watch(reconcile.Func(func(context.Context, reconcile.Request) (reconcile.Result, error) {
			close(entered)
			<-release
			return reconcile.Result{}, nil
		}))
		go func() { _, _ = hanging.Reconcile(context.Background(), request) }()
		Eventually(entered).Should(BeClosed())
		quick := live.Watch(reconcile.Func(func(context.Context, reconcile.Request) (reconcile.Result, error) { return reconcile.Result{}, nil }))
		_, err := quick.Reconcile(context.Background(), request)
		Expect(err).NotTo(HaveOccurred())
		after(4 * manager.ReconcileTimeout)
		Expect(live.Check(nil)).To(MatchError(ContainSubstring("db/grafana")))
	})

	It("forgets a reconcile that panicked", func() {
		watched := live.Watch(reconcile.Func(func(context.Context, reconcile.Request) (reconcile.Result, error) { panic("x") }))
		Expect(func() { _, _ = watched.Reconcile(context.Background(), request) }).To(Panic())
		after(time.Hour)
		Expect(live.Check(nil)).To(Succeed())
	})
})

// fakeManager keeps what is added to it.
type fakeManager struct {
	ctrl.Manager
	cache    cache.Cache
	runnable ctrlmanager.Runnable
	err      error
}

func (m *fakeManager) Add(r ctrlmanager.Runnable) error { m.runnable = r; return m.err }
func (m *fakeManager) GetCache() cache.Cache            { return m.cache }

// slowCache is synced once it is told so.
type slowCache struct {
	informertest.FakeInformers
	synced chan struct{}
}

func (c *slowCache) WaitForCacheSync(ctx context.Context) bool {
	select {
	case <-c.synced:
		return true
	case <-ctx.Done():
		return false
	}
}

var _ = Describe("Readiness", func() {
	It("comes with the caches and with what else there is, on a standby too", func(ctx SpecContext) {
		mgr := &fakeManager{cache: &slowCache{synced: make(chan struct{})}}
		others := false
		ready, err := manager.NewReadiness(mgr, func() bool { return others })
		Expect(err).NotTo(HaveOccurred())
		Expect(mgr.runnable).To(WithTransform(func(r ctrlmanager.Runnable) bool {
			return r.(ctrlmanager.LeaderElectionRunnable).NeedLeaderElection()
		}, BeFalse()))

		running, cancel := context.WithCancel(ctx)
		stopped := make(chan error, 1)
		go func() { stopped <- mgr.runnable.Start(running) }()
		others = true
		Consistently(func() error { return ready.Check(nil) }, "50ms", "10ms").Should(MatchError(ContainSubstring("caches")))
		close(mgr.cache.(*slowCache).synced)
		Eventually(func() error { return ready.Check(nil) }).Should(Succeed())
		others = false
		Expect(ready.Check(nil)).To(MatchError(ContainSubstring("caches")))

		cancel()
		Eventually(stopped).Should(Receive(BeNil()))
	})

	It("never comes if the manager stops first", func(ctx SpecContext) {
		mgr := &fakeManager{cache: &slowCache{synced: make(chan struct{})}}
		ready, err := manager.NewReadiness(mgr, func() bool { return true })
		Expect(err).NotTo(HaveOccurred())
		stopped, cancel := context.WithCancel(ctx)
		cancel()
		Expect(mgr.runnable.Start(stopped)).To(Succeed())
		Expect(ready.Check(nil)).To(HaveOccurred())
	})

	It("says when the manager refuses it", func() {
		_, err := manager.NewReadiness(&fakeManager{err: errors.New("stopped")}, nil)
		Expect(err).To(MatchError("stopped"))
	})
})
