//go:build e2e

// Package e2e is the end-to-end tier: a real kind cluster with real kubelets, Flux,
// PGO, PostgreSQL and an S3 store. "make e2e" runs it; see test/e2e/run.
package e2e

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/test/e2e/lab"
	"github.com/tazzo/rebirth/test/e2e/sandbox"
)

func TestEndToEnd(t *testing.T) {
	RegisterFailHandler(Fail)
	EnforceDefaultTimeoutsWhenUsingContexts()
	SetDefaultEventuallyPollingInterval(500 * time.Millisecond)
	SetDefaultEventuallyTimeout(2 * time.Minute)
	SetDefaultConsistentlyPollingInterval(time.Second)
	told, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	RunSpecs(t, "End to end")
	if kept() && told.Err() == nil {
		// The cluster would lose its Git and its S3 server with this process.
		fmt.Fprintf(os.Stderr, "\nKept running. To look around, as root:\n\n  %s KUBECONFIG=%s bash\n\n"+
			"Then \"docker ps\", or \"%s get pods --all-namespaces\". Ctrl-C here ends it all.\n",
			os.Getenv(sandbox.EntryVariable), filepath.Join(os.Getenv("E2E_OUT"), "kubeconfig"), os.Getenv("E2E_KUBECTL"))
		<-told.Done()
	}
}

func kept() bool { return os.Getenv("E2E_KEEP") != "" }

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
	if !kept() {
		DeferCleanup(func(ctx SpecContext) { Expect(world.Close(ctx)).To(Succeed()) }, NodeTimeout(2*time.Minute))
	}
	Expect(world.BuildProducts(ctx)).To(Succeed())
}, NodeTimeout(15*time.Minute))

// Before what the spec has deferred, which deletes the objects that it failed with. Who
// interrupts a run does not want to read about it.
var _ = JustAfterEach(func(ctx SpecContext) {
	report := CurrentSpecReport()
	if !report.Failed() || report.State == types.SpecStateInterrupted {
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
