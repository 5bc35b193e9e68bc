package readiness_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

	"github.com/tazzo/rebirth/internal/manager"
	"github.com/tazzo/rebirth/internal/readiness"
)

// instance is one running readiness-gate.
type instance struct {
	cancel context.CancelFunc
	done   chan error
	health string
	// cut makes every request to the API server fail; cutWrites every write from the
	// one on that its number says.
	cut       atomic.Bool
	cutWrites atomic.Int64
	requests  atomic.Int64
}

var errCut = errors.New("the API server can't be reached")

// settings are what specs change of an instance.
type settings struct {
	manager        manager.Options
	gateNamespaces []string
	clock          clock.WithTicker
	// cutAt has it die, to the API server's eyes, before its write of that number to
	// anything but events and Leases of leader election; 0 is never.
	cutAt int64
}

// run starts readiness-gate as the chart's ServiceAccount; the spec's end stops it.
func run(ctx context.Context, edits ...func(*settings)) *instance {
	GinkgoHelper()
	i := &instance{done: make(chan error, 1), health: net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort()))}
	s := settings{
		manager:        manager.Options{MetricsAddr: "0", HealthAddr: i.health, Concurrent: 4, QPS: -1, GracefulShutdownTimeout: 5 * time.Second},
		gateNamespaces: []string{gateNamespace}, clock: clock.RealClock{},
	}
	s.manager.LeaderElection.ReleaseOnCancel = true
	s.manager.LeaderElection.LeaseDuration, s.manager.LeaderElection.RenewDeadline, s.manager.LeaderElection.RetryPeriod = 4*time.Second, 3*time.Second, time.Second
	for _, edit := range edits {
		edit(&s)
	}
	i.cutWrites.Store(s.cutAt)
	config, err := plane.ServiceAccountConfig(ctx, releaseNamespace, "readiness-gate")
	Expect(err).NotTo(HaveOccurred())
	config = rest.CopyConfig(config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if !i.admit(r) {
				return nil, errCut
			}
			return next.RoundTrip(r)
		})
	})
	scheme, err := readiness.Scheme()
	Expect(err).NotTo(HaveOccurred())
	mgr, err := manager.New(config, readiness.Name, scheme, s.manager, readiness.Cache(releaseNamespace, []string{"kube-system"}))
	Expect(err).NotTo(HaveOccurred())
	running, cancel := context.WithCancel(context.Background())
	i.cancel = cancel
	Expect(readiness.Setup(running, mgr, readiness.Options{
		Namespace: releaseNamespace, KeySecret: keySecret, AgentDaemonSet: agents.Name, CanaryImage: "readiness-agent:test", CanaryServiceAccount: "readiness-gate-agent",
		Concurrent: s.manager.Concurrent, Clock: s.clock, GateNamespaces: s.gateNamespaces,
	})).To(Succeed())
	go func() { i.done <- mgr.Start(running) }()
	DeferCleanup(i.stop)
	return i
}

func elected(s *settings) { s.manager.LeaderElection.Enable = true }

func (i *instance) admit(r *http.Request) bool {
	i.requests.Add(1)
	writes := r.Method != http.MethodGet && !strings.Contains(r.URL.Path, "/events") && !strings.Contains(r.URL.Path, "leader-election")
	if writes && i.cutWrites.Load() > 0 && i.cutWrites.Add(-1) == 0 {
		i.cut.Store(true)
	}
	return !i.cut.Load()
}

// stop ends the instance and waits until it has ended.
func (i *instance) stop() {
	i.cancel()
	if i.done != nil {
		<-i.done //nolint:errcheck // one that was cut off ends with an error, and may
		i.done = nil
	}
}

// ready is what the instance answers on /readyz.
func (i *instance) ready() (int, error) {
	response, err := http.Get("http://" + i.health + "/readyz")
	if err != nil {
		return 0, err
	}
	response.Body.Close()
	return response.StatusCode, nil
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func freePort() int {
	GinkgoHelper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func init() { os.Setenv(manager.NamespaceVariable, releaseNamespace) }
