package lint_test

import (
	"os"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/readiness/lint"
)

// The mistakes of the cluster that this project is for.
var _ = Describe("the original cluster", func() {
	tree := os.DirFS("testdata/original")

	It("is told that nothing waits for the network", func() {
		findings, graph, err := lint.Lint(tree, lint.Options{})
		Expect(err).NotTo(HaveOccurred())
		Expect(brief(findings)).To(ContainElement("error gate-missing"))
		Expect(graph.Gate).To(BeZero())
	})

	It("is told each mistake, if what it took for a gate is named", func() {
		findings, graph, err := lint.Lint(tree, lint.Options{Gate: "flux-system/network"})
		Expect(err).NotTo(HaveOccurred())
		Expect(brief(findings)).To(Equal([]string{
			"clusters/home/apps.yaml:1 error not-behind-gate Kustomization flux-system/homepage",
			"clusters/home/apps.yaml:30 error dependency-missing Kustomization flux-system/frontend",
			"clusters/home/infrastructure.yaml:14 error daemonset-check-proves-nothing Kustomization flux-system/network",
			"clusters/home/infrastructure.yaml:14 error health-checks-ignored Kustomization flux-system/network",
			"clusters/home/infrastructure.yaml:14 warning retry-interval-missing Kustomization flux-system/network",
			"clusters/home/infrastructure.yaml:14 warning timeout-missing Kustomization flux-system/network",
			"clusters/home/infrastructure.yaml:39 error not-behind-gate Kustomization flux-system/cert-manager",
			"clusters/home/infrastructure.yaml:52 error not-behind-gate Kustomization flux-system/external-secrets",
			"clusters/home/infrastructure.yaml:65 error not-behind-gate Kustomization flux-system/pgo",
			"clusters/home/infrastructure.yaml:78 error not-behind-gate Kustomization flux-system/tailscale",
			"clusters/home/infrastructure.yaml:109 error not-behind-gate Kustomization flux-system/monitoring",
			"infrastructure/cert-manager/release.yaml:1 warning install-may-uninstall HelmRelease cert-manager/cert-manager",
			"infrastructure/database/kustomization.yaml:4 warning remote-resource Kustomization flux-system/database",
			"infrastructure/pgo/release.yaml:1 warning install-not-retried HelmRelease pgo/pgo",
		}))
		Expect(graph.Downstream(app("network"))).To(ConsistOf(
			app("backend"), app("frontend"), lint.HelmReleaseRef("apps", "backend"), lint.HelmReleaseRef("apps", "frontend")))
	})

	It("is told which others start early because of the six", func() {
		findings, _, err := lint.Lint(tree, lint.Options{Gate: "flux-system/network"})
		Expect(err).NotTo(HaveOccurred())
		affected := map[string][]lint.Ref{}
		for _, f := range findings {
			if f.Code == lint.NotBehindGate {
				affected[f.Object.Name] = f.Affected
			}
		}
		Expect(affected).To(HaveLen(6))
		Expect(affected["pgo"]).To(ConsistOf(app("database"), lint.HelmReleaseRef("pgo", "pgo")))
		Expect(affected["tailscale"]).To(ConsistOf(lint.HelmReleaseRef("tailscale", "tailscale-operator")))
	})
})
