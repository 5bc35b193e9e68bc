// Package secretsync_test holds the specs of secret-sync on a real control plane:
// kube-apiserver, etcd and kube-controller-manager, a real PostgreSQL for logins,
// and the controller with no more rights than the chart gives it.
package secretsync_test

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/tazzo/rebirth/internal/secretsync"
	"github.com/tazzo/rebirth/internal/secretsync/pgo"
	"github.com/tazzo/rebirth/test/controlplane"
	"github.com/tazzo/rebirth/test/operator"
	"github.com/tazzo/rebirth/test/postgres"
)

func TestSecretSync(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(20 * time.Second)
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	SetDefaultConsistentlyDuration(2 * time.Second)
	SetDefaultConsistentlyPollingInterval(100 * time.Millisecond)
	RunSpecs(t, "secret-sync on a control plane")
}

// The fixed parts of the suite.
var (
	plane    *controlplane.ControlPlane
	database *postgres.Server
	played   *operator.Operator
	admin    client.Client
	scheme   *runtime.Scheme
)

// The namespaces that the suite's chart gives rights to.
const (
	releaseNamespace  = "secret-sync-system"
	databaseNamespace = "tazlab-db"
	consumerNamespace = "monitoring"
)

var _ = BeforeSuite(func(ctx context.Context) {
	ctrl.SetLogger(zap.New(zap.WriteTo(tee{}), zap.UseDevMode(false)))
	var err error
	pgoCRDs, err := controlplane.PGOCRDs(ctx)
	Expect(err).NotTo(HaveOccurred())
	externalSecretsCRDs, err := controlplane.ExternalSecretsCRDs(ctx)
	Expect(err).NotTo(HaveOccurred())
	chart := renderChart(ctx, chartValues())

	plane, err = controlplane.Start(ctx, controlplane.Options{
		Progress:  GinkgoWriter,
		Manifests: [][]byte{pgoCRDs, externalSecretsCRDs, namespaces(releaseNamespace, databaseNamespace, consumerNamespace), chart},
	})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(plane.Stop)

	database, err = postgres.Start(ctx, postgres.Options{Progress: GinkgoWriter})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(database.Stop)

	scheme, err = secretsync.Scheme()
	Expect(err).NotTo(HaveOccurred())
	Expect(pgo.AddToScheme(scheme)).To(Succeed())
	admin, err = client.New(plane.AdminConfig(), client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	played, err = operator.New(plane.AdminConfig(), database)
	Expect(err).NotTo(HaveOccurred())
	played.NewPassword = canaryPassword
}, NodeTimeout(10*time.Minute))

// chartConfig is what the controller connects with: the chart's ServiceAccount.
func chartConfig(ctx context.Context) *rest.Config {
	cfg, err := plane.ServiceAccountConfig(ctx, releaseNamespace, "secret-sync")
	ExpectWithOffset(1, err).NotTo(HaveOccurred())
	return cfg
}
