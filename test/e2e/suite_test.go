//go:build e2e

// Package e2e is the end-to-end tier: a real kind cluster with real kubelets, Flux,
// PGO, PostgreSQL and an S3 store. "make e2e" runs it; see test/e2e/run.
package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/test/e2e/lab"
)

func TestEndToEnd(t *testing.T) {
	RegisterFailHandler(Fail)
	EnforceDefaultTimeoutsWhenUsingContexts()
	SetDefaultEventuallyPollingInterval(500 * time.Millisecond)
	SetDefaultEventuallyTimeout(2 * time.Minute)
	SetDefaultConsistentlyPollingInterval(time.Second)
	RunSpecs(t, "End to end")
}

// world is what all specs share.
var world *lab.Lab

var _ = BeforeSuite(func(ctx SpecContext) {
	var err error
	world, err = lab.New(ctx, lab.Options{
		Kind:      environment("E2E_KIND"),
		Kubectl:   environment("E2E_KUBECTL"),
		VersityGW: environment("E2E_VERSITYGW"),
		NodeImage: environment("E2E_NODE_IMAGE"),
		Out:       environment("E2E_OUT"),
	})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx SpecContext) {
		if os.Getenv("E2E_KEEP") != "" {
			AddReportEntry("kubeconfig", world.Cluster.Kubeconfig(), ReportEntryVisibilityAlways)
			return
		}
		Expect(world.Close(ctx)).To(Succeed())
	}, NodeTimeout(2*time.Minute))
	Expect(world.BuildProducts(ctx)).To(Succeed())
}, NodeTimeout(15*time.Minute))

var _ = ReportAfterEach(func(ctx SpecContext, report SpecReport) {
	if !report.Failed() || world == nil || world.Client == nil {
		return
	}
	name := strings.Map(func(r rune) rune {
		if r == ' ' || r == '/' {
			return '-'
		}
		return r
	}, report.LeafNodeText)
	dir := filepath.Join(environment("E2E_OUT"), "failed", name)
	fmt.Fprintf(GinkgoWriter, "evidence in %s: %v\n", dir, world.Evidence(ctx, dir))
}, NodeTimeout(3*time.Minute))

func environment(name string) string {
	value, ok := os.LookupEnv(name)
	Expect(ok).To(BeTrue(), "%s is not set: the specs are run by make e2e", name)
	return value
}
