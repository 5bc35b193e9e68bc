package manager_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/tazzo/rebirth/internal/manager"
)

var _ = Describe("The options", func() {
	parse := func(args ...string) (manager.Options, error) {
		var o manager.Options
		fs := pflag.NewFlagSet("x", pflag.ContinueOnError)
		o.BindFlags(fs)
		return o, fs.Parse(args)
	}

	It("have defaults that a small cluster can live with", func() {
		o, err := parse()
		Expect(err).NotTo(HaveOccurred())
		Expect(o.MetricsAddr).To(Equal(":8080"))
		Expect(o.HealthAddr).To(Equal(":9440"))
		Expect(o.Concurrent).To(Equal(10))
		Expect(o.QPS).To(BeNumerically("<", 0), "the API server's own fairness is the limit")
		Expect(o.LeaderElection.Enable).To(BeFalse())
		Expect(o.GracefulShutdownTimeout).To(Equal(25*time.Second), "less than a pod's 30 s")
	})

	It("are set by flags in Flux' style", func() {
		o, err := parse("--metrics-addr=0", "--health-addr=:1", "--concurrent=3", "--kube-api-qps=5", "--kube-api-burst=7",
			"--graceful-shutdown-timeout=1m", "--enable-leader-election", "--leader-election-lease-duration=10s", "--log-level=debug", "--log-encoding=console")
		Expect(err).NotTo(HaveOccurred())
		Expect(o.MetricsAddr).To(Equal("0"))
		Expect(o.HealthAddr).To(Equal(":1"))
		Expect(o.Concurrent).To(Equal(3))
		Expect(o.QPS).To(BeEquivalentTo(5))
		Expect(o.Burst).To(Equal(7))
		Expect(o.GracefulShutdownTimeout).To(Equal(time.Minute))
		Expect(o.LeaderElection.Enable).To(BeTrue())
		Expect(o.LeaderElection.LeaseDuration).To(Equal(10 * time.Second))
		Expect(o.Logger.LogLevel).To(Equal("debug"))
	})

	It("are applied to a manager that leaves the given config alone", func() {
		o, err := parse("--metrics-addr=0", "--health-addr=0", "--kube-api-qps=5", "--kube-api-burst=7")
		Expect(err).NotTo(HaveOccurred())
		cfg := &rest.Config{Host: "https://127.0.0.1:1", UserAgent: "mine"}
		mgr, err := manager.New(cfg, "secret-sync", runtime.NewScheme(), o, cache.Options{})
		Expect(err).NotTo(HaveOccurred())
		Expect(mgr.GetConfig().UserAgent).To(Equal("secret-sync/" + manager.VersionOrRevision()))
		Expect(mgr.GetConfig().QPS).To(BeEquivalentTo(5))
		Expect(mgr.GetConfig().Burst).To(Equal(7))
		Expect(cfg.UserAgent).To(Equal("mine"))
	})
})

var _ = Describe("The version", func() {
	It("is the build's, or says that it is none", func() {
		Expect(manager.VersionOrRevision()).To(HavePrefix("devel"))
		DeferCleanup(func(before string) { manager.Version = before }, manager.Version)
		manager.Version = "1.2.3"
		Expect(manager.VersionOrRevision()).To(Equal("1.2.3"))
	})
})
