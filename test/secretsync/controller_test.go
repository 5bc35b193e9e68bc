package secretsync_test

import (
	"bytes"
	"context"
	"net/http"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

	"github.com/tazzo/rebirth/internal/manager"
	"github.com/tazzo/rebirth/internal/secretsync"
	"github.com/tazzo/rebirth/internal/secretsync/grants"
	"github.com/tazzo/rebirth/internal/secretsync/login"
	"github.com/tazzo/rebirth/internal/secretsync/pglogin"
)

// instance is one running secret-sync.
type instance struct {
	cancel context.CancelFunc
	done   chan error
}

// settings of an instance; the zero value is the suite's usual one.
type settings struct {
	// clock is the real one by default.
	clock clock.PassiveClock
	// wrap wraps the controller's connection to the API server.
	wrap func(http.RoundTripper) http.RoundTripper
	// login replaces the real login.
	login login.Func
	// grants replaces the suite's.
	grants *grants.Set
	// config replaces the chart's ServiceAccount.
	config *rest.Config
	// leaderElection makes it wait for the Lease.
	leaderElection bool
}

// logs is everything that any instance logged, for the canary spec.
var logs = &lockedBuffer{}

// run starts secret-sync as the chart's ServiceAccount; the spec's end stops it.
func run(ctx context.Context, s settings) *instance {
	GinkgoHelper()
	if s.clock == nil {
		s.clock = clock.RealClock{}
	}
	if s.login == nil {
		s.login = pglogin.Try
	}
	if s.grants == nil {
		granted, err := grants.Parse([]string{databaseNamespace}, []string{consumerNamespace})
		Expect(err).NotTo(HaveOccurred())
		s.grants = &granted
	}
	if s.config == nil {
		s.config = chartConfig(ctx)
	}
	if s.wrap != nil {
		s.config = rest.CopyConfig(s.config)
		s.config.Wrap(s.wrap)
	}
	options := manager.Options{MetricsAddr: "0", HealthAddr: "0", Concurrent: 4, QPS: -1, GracefulShutdownTimeout: 5 * time.Second}
	options.LeaderElection.Enable = s.leaderElection
	options.LeaderElection.ReleaseOnCancel = true
	options.LeaderElection.LeaseDuration, options.LeaderElection.RenewDeadline, options.LeaderElection.RetryPeriod = 4*time.Second, 3*time.Second, time.Second
	instanceScheme, err := secretsync.Scheme()
	Expect(err).NotTo(HaveOccurred())
	mgr, err := manager.New(s.config, secretsync.Name, instanceScheme, options, secretsync.Cache())
	Expect(err).NotTo(HaveOccurred())

	running, cancel := context.WithCancel(context.Background())
	Expect(secretsync.Setup(running, mgr, secretsync.Options{
		Grants: *s.grants, Concurrent: options.Concurrent, Login: s.login, Clock: s.clock,
	})).To(Succeed())
	i := &instance{cancel: cancel, done: make(chan error, 1)}
	go func() { i.done <- mgr.Start(running) }()
	DeferCleanup(i.stop)
	return i
}

// stop ends the instance and waits until it has ended.
func (i *instance) stop() {
	i.cancel()
	if i.done != nil {
		<-i.done //nolint:errcheck // one that was cut off ends with an error, and may
		i.done = nil
	}
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// tee keeps what is logged and shows it with a failed spec.
type tee struct{}

func (tee) Write(p []byte) (int, error) {
	_, _ = logs.Write(p)
	return GinkgoWriter.Write(p)
}
