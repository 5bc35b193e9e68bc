// Package gateflux_test has the real controllers of Flux apply this repository's
// manifests/readiness-gate and charts/readiness-gate to a real control plane, with
// the real readiness-gate behind them: as its own program, with the flags and the
// rights that the chart gives it.
package gateflux_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/internal/readiness"
	"github.com/tazzo/rebirth/test/controlplane"
	"github.com/tazzo/rebirth/test/flux"
)

func TestGateFlux(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(30 * time.Second)
	SetDefaultEventuallyPollingInterval(100 * time.Millisecond)
	SetDefaultConsistentlyPollingInterval(200 * time.Millisecond)
	RunSpecs(t, "readiness-gate behind Flux")
}

// root of the repository.
const root = "../.."

var (
	plane *controlplane.ControlPlane
	fl    *flux.Flux
	admin client.Client
	// program is the built readiness-gate.
	program string
	// logFile is what it says.
	logFile string
)

// The CRD of ReadinessGates is none of the control plane's: it comes with the chart.
var _ = BeforeSuite(func(ctx SpecContext) {
	dir := GinkgoT().TempDir()
	var err error
	logFile = filepath.Join(dir, "log")
	program, err = controlplane.BuildCommand(ctx, "readiness-gate", dir)
	Expect(err).NotTo(HaveOccurred())

	crds, err := flux.CRDs(ctx)
	Expect(err).NotTo(HaveOccurred())
	plane, err = controlplane.Start(ctx, controlplane.Options{Progress: GinkgoWriter, Manifests: [][]byte{crds}})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(plane.Stop()).To(Succeed()) })
	scheme, err := readiness.Scheme()
	Expect(err).NotTo(HaveOccurred())
	admin, err = client.New(plane.AdminConfig(), client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	fl, err = flux.Start(ctx, plane, flux.Options{Progress: GinkgoWriter})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(fl.Stop()).To(Succeed()) })
}, NodeTimeout(30*time.Minute)) // the first build of the programs takes minutes

// What the programs said is shown with a failed spec.
var _ = ReportAfterEach(func(report SpecReport) {
	if !report.Failed() || fl == nil {
		return
	}
	for _, name := range []string{"source-controller", "kustomize-controller", "helm-controller"} {
		AddReportEntry(name, endOf(fl.Log(name)))
	}
	AddReportEntry("readiness-gate", endOf(logFile))
})

func endOf(file string) string {
	log, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	return string(log[max(0, len(log)-8192):])
}

func get[T client.Object](ctx context.Context, namespace, name string, into T) (T, error) {
	return into, admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, into)
}
