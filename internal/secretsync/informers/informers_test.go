package informers_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	cachetesting "k8s.io/client-go/tools/cache/testing"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/tazzo/rebirth/internal/secretsync/grants"
	"github.com/tazzo/rebirth/internal/secretsync/informers"
)

func secret(namespace, name string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
}

// server plays the API server of the kind: a namespace can be forbidden, silent,
// or served. It ignores field selectors, but remembers them.
type server struct {
	mu        sync.Mutex
	sources   map[string]*cachetesting.FakeControllerSource
	errs      map[string]error
	silent    map[string]chan struct{}
	selectors map[string]string
	resync    time.Duration
	updates   atomic.Int32
}

func newServer() *server {
	return &server{sources: map[string]*cachetesting.FakeControllerSource{}, errs: map[string]error{}, silent: map[string]chan struct{}{}, selectors: map[string]string{}}
}

func (s *server) in(namespace string) *cachetesting.FakeControllerSource {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sources[namespace] == nil {
		s.sources[namespace] = cachetesting.NewFakeControllerSource()
	}
	return s.sources[namespace]
}

func (s *server) fail(namespace string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errs[namespace] = err
}

func (s *server) failure(namespace string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.errs[namespace]
}

func (s *server) informer(namespace, selector string) cache.SharedIndexInformer {
	s.selectors[namespace] = selector
	lw := &cache.ListWatch{
		ListWithContextFunc: func(_ context.Context, options metav1.ListOptions) (runtime.Object, error) {
			if wait := s.silent[namespace]; wait != nil {
				<-wait
			}
			if err := s.failure(namespace); err != nil {
				return nil, err
			}
			return s.in(namespace).List(options)
		},
		WatchFuncWithContext: func(_ context.Context, options metav1.ListOptions) (watch.Interface, error) {
			if err := s.failure(namespace); err != nil {
				return nil, err
			}
			return s.in(namespace).Watch(options)
		},
	}
	informer := cache.NewSharedIndexInformer(cache.ToListWatcherWithWatchListSemantics(lw, noWatchList{}), &metav1.PartialObjectMetadata{}, s.resync, cache.Indexers{})
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{UpdateFunc: func(any, any) { s.updates.Add(1) }})
	Expect(err).NotTo(HaveOccurred())
	return informer
}

// noWatchList is a client that can only list and watch, as the fake source.
type noWatchList struct{}

func (noWatchList) IsWatchListSemanticsUnSupported() bool { return true }

var forbidden = apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "", nil)

// byName maps an object to a request of its name.
func byName(_ context.Context, obj metav1.Object) []reconcile.Request {
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: obj.GetNamespace(), Name: obj.GetName()}}}
}

var _ = Describe("A set of informers", func() {
	var (
		api *server
		log *strings.Builder
		mu  sync.Mutex
	)
	BeforeEach(func() {
		api, log = newServer(), &strings.Builder{}
	})
	logger := func() logr.Logger {
		return funcr.New(func(_, args string) {
			mu.Lock()
			defer mu.Unlock()
			log.WriteString(args + "\n")
		}, funcr.Options{Verbosity: 0})
	}
	logged := func() string {
		mu.Lock()
		defer mu.Unlock()
		return log.String()
	}

	set := func(options informers.Options, watches ...grants.Grant) *informers.Set {
		GinkgoHelper()
		options.Kind, options.New = "Secret", api.informer
		s, err := informers.New(logger(), watches, options)
		Expect(err).NotTo(HaveOccurred())
		return s
	}
	// start runs the set until the spec ends.
	start := func(s *informers.Set) {
		ctx, cancel := context.WithCancel(context.Background())
		stopped := make(chan error, 1)
		go func() { stopped <- s.Start(ctx) }()
		DeferCleanup(func() {
			cancel()
			Eventually(stopped).Should(Receive(BeNil()))
		})
	}
	queueOf := func(s *informers.Set) workqueue.TypedRateLimitingInterface[reconcile.Request] {
		queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
		DeferCleanup(queue.ShutDown)
		Expect(s.Source(byName).Start(context.Background(), queue)).To(Succeed())
		return queue
	}
	next := func(queue workqueue.TypedRateLimitingInterface[reconcile.Request]) string {
		GinkgoHelper()
		Eventually(queue.Len).Should(BeNumerically(">", 0))
		request, _ := queue.Get()
		queue.Done(request)
		return request.String()
	}
	known := func(s *informers.Set, namespace, name string) func() bool {
		return func() bool { _, known := s.Get(namespace, name); return known }
	}
	settled := func(s *informers.Set) { GinkgoHelper(); Eventually(s.Settled).Should(BeTrue()) }

	It("knows what is there and what is not, once it has listed", func() {
		api.in("db").Add(secret("db", "a"))
		s := set(informers.Options{}, grants.Grant{Namespace: "db"})
		Expect(s.Settled()).To(BeFalse())
		Expect(known(s, "db", "a")()).To(BeFalse())
		start(s)
		Eventually(known(s, "db", "a")).Should(BeTrue())
		obj, _ := s.Get("db", "a")
		Expect(obj.GetName()).To(Equal("a"))
		Expect(obj.GetResourceVersion()).NotTo(BeEmpty())
		missing, isKnown := s.Get("db", "b")
		Expect(missing).To(BeNil())
		Expect(isKnown).To(BeTrue())
	})

	It("knows nothing outside of its grants", func() {
		s := set(informers.Options{}, grants.Grant{Namespace: "db", Name: "a"}, grants.Grant{Namespace: "web"})
		start(s)
		settled(s)
		Eventually(known(s, "db", "a")).Should(BeTrue())
		Expect(known(s, "db", "b")()).To(BeFalse())
		Eventually(known(s, "web", "any")).Should(BeTrue())
		Expect(known(s, "other", "a")()).To(BeFalse())
		Expect(api.selectors).To(Equal(map[string]string{"db": "metadata.name=a", "web": ""}))
	})

	It("watches every namespace with one informer", func() {
		api.in(grants.All).Add(secret("any", "a"))
		s := set(informers.Options{}, grants.Grant{})
		start(s)
		Eventually(func() bool { obj, _ := s.Get("any", "a"); return obj != nil }).Should(BeTrue())
	})

	It("of no grants is settled", func() {
		s := set(informers.Options{})
		start(s)
		settled(s)
	})

	It("is not held up by a namespace whose Role is missing, and goes on when it comes", func() {
		api.fail("reborn", forbidden)
		api.in("db").Add(secret("db", "a"))
		s := set(informers.Options{}, grants.Grant{Namespace: "reborn"}, grants.Grant{Namespace: "db"})
		queue := queueOf(s)
		start(s)
		settled(s)
		Expect(next(queue)).To(Equal("db/a"))
		Expect(known(s, "db", "a")()).To(BeTrue())
		Expect(known(s, "reborn", "a")()).To(BeFalse())
		Eventually(logged).Should(And(ContainSubstring("cannot watch"), ContainSubstring(`"namespace"="reborn"`)))

		api.in("reborn").Add(secret("reborn", "a"))
		api.fail("reborn", nil)
		Expect(next(queue)).To(Equal("reborn/a"))
		Expect(known(s, "reborn", "a")()).To(BeTrue())
		Eventually(logged).Should(ContainSubstring("watching again"))
		Expect(strings.Count(logged(), "cannot watch")).To(Equal(1), "said once, however often it is tried")
	})

	It("doesn't call a passing fault a missing Role", func() {
		api.fail("db", apierrors.NewServiceUnavailable("later"))
		s := set(informers.Options{}, grants.Grant{Namespace: "db"})
		start(s)
		settled(s)
		Expect(known(s, "db", "a")()).To(BeFalse())
		api.fail("db", nil)
		Eventually(known(s, "db", "a")).Should(BeTrue())
		Expect(logged()).NotTo(ContainSubstring("cannot watch"))
	})

	It("is not settled before its first answer", func() {
		answer := make(chan struct{})
		api.silent["slow"] = answer
		s := set(informers.Options{}, grants.Grant{Namespace: "db"}, grants.Grant{Namespace: "slow"})
		start(s)
		Eventually(known(s, "db", "a")).Should(BeTrue())
		Consistently(s.Settled, "100ms", "20ms").Should(BeFalse())
		close(answer)
		settled(s)
	})

	It("waits for its kind to be served, and holds up nobody meanwhile", func() {
		var served atomic.Bool
		api.in("db").Add(secret("db", "a"))
		s := set(informers.Options{Served: served.Load}, grants.Grant{Namespace: "db"})
		queue := queueOf(s)
		start(s)
		settled(s)
		Expect(known(s, "db", "a")()).To(BeFalse())
		Eventually(logged).Should(ContainSubstring("waiting for its CRD"))
		served.Store(true)
		Expect(next(queue)).To(Equal("db/a"))
		Expect(known(s, "db", "a")()).To(BeTrue())
	})

	It("stops while it waits for its kind", func(ctx SpecContext) {
		s := set(informers.Options{Served: func() bool { return false }}, grants.Grant{Namespace: "db"})
		stopped, cancel := context.WithCancel(ctx)
		cancel()
		Expect(s.Start(stopped)).To(Succeed())
	})

	It("announces what comes, changes and goes, to every controller", func() {
		s := set(informers.Options{}, grants.Grant{Namespace: "db"})
		first, second := queueOf(s), queueOf(s)
		start(s)
		settled(s)
		for _, change := range []func(){
			func() { api.in("db").Add(secret("db", "a")) },
			func() { api.in("db").Modify(secret("db", "a")) },
			func() { api.in("db").Delete(secret("db", "a")) },
		} {
			change()
			Expect(next(first)).To(Equal("db/a"))
			Expect(next(second)).To(Equal("db/a"))
		}
		Expect(first.Len()).To(BeZero())
	})

	It("announces what went while it did not watch", func() {
		obj := secret("db", "a")
		api.in("db").Add(obj)
		s := set(informers.Options{}, grants.Grant{Namespace: "db"})
		queue := queueOf(s)
		start(s)
		Expect(next(queue)).To(Equal("db/a"))
		api.in("db").DeleteDropWatch(obj)
		api.in("db").ResetWatch()
		Expect(next(queue)).To(Equal("db/a"))
		Eventually(func() metav1.Object { obj, _ := s.Get("db", "a"); return obj }).Should(BeNil())
	})

	It("announces to a controller that comes later what was there before", func() {
		api.in("db").Add(secret("db", "a"))
		s := set(informers.Options{}, grants.Grant{Namespace: "db"})
		start(s)
		Eventually(known(s, "db", "a")).Should(BeTrue())
		Expect(next(queueOf(s))).To(Equal("db/a"))
	})

	It("announces nothing at a resync (rule 8)", func() {
		api.resync = time.Second // the least that an informer does
		api.in("db").Add(secret("db", "a"))
		s := set(informers.Options{}, grants.Grant{Namespace: "db"})
		queue := queueOf(s)
		start(s)
		Expect(next(queue)).To(Equal("db/a"))
		Eventually(func() int32 { return api.updates.Load() }).Should(BeNumerically(">=", 2))
		Expect(queue.Len()).To(BeZero())
	})

	It("announces only the changes that matter to the kind", func() {
		matters := func(_, after any) bool { return after.(metav1.Object).GetLabels()["matters"] != "" }
		obj := secret("db", "a")
		api.in("db").Add(obj)
		s := set(informers.Options{Changed: matters}, grants.Grant{Namespace: "db"})
		queue := queueOf(s)
		start(s)
		Expect(next(queue)).To(Equal("db/a"))
		api.in("db").Modify(obj)
		Eventually(api.updates.Load).Should(BeEquivalentTo(1))
		changed := secret("db", "a")
		changed.Labels = map[string]string{"matters": "yes"}
		api.in("db").Modify(changed)
		Expect(next(queue)).To(Equal("db/a"))
		Expect(queue.Len()).To(BeZero())
	})

	It("keeps a controller waiting for its first answer, and never fails it", func(ctx SpecContext) {
		s := set(informers.Options{}, grants.Grant{Namespace: "db"})
		source := s.Source(byName)
		impatient, cancel := context.WithCancel(ctx)
		cancel()
		Expect(source.WaitForSync(impatient)).To(Succeed())
		start(s)
		Expect(source.WaitForSync(ctx)).To(Succeed())
		Expect(s.Settled()).To(BeTrue())
	})

	It("runs on standbys, whose caches are warm when they lead", func() {
		Expect(set(informers.Options{}).NeedLeaderElection()).To(BeFalse())
	})
})
