package handover

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/test/controlplane"
)

func TestHandover(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(20 * time.Second)
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	RunSpecs(t, "hand-over")
}

var (
	plane *controlplane.ControlPlane
	admin client.Client
	// clientCA signs client certificates that the API server trusts.
	clientCA authority
)

var _ = BeforeSuite(func(ctx context.Context) {
	var err error
	clientCA = newAuthority()
	plane, err = controlplane.Start(ctx, controlplane.Options{
		Progress: GinkgoWriter, Controllers: []string{"namespace-controller"},
		APIServerArgs: []string{"--client-ca-file=" + clientCA.file},
	})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(plane.Stop)
	admin, err = client.New(plane.AdminConfig(), client.Options{})
	Expect(err).NotTo(HaveOccurred())
}, NodeTimeout(10*time.Minute))
