package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"

	"github.com/tazzo/rebirth/internal/manager"
	"github.com/tazzo/rebirth/test/controlplane"
)

var _ = Describe("The command line", func() {
	run := func(args ...string) (string, error) {
		var out bytes.Buffer
		cmd := command()
		cmd.SetArgs(args)
		cmd.SetOut(&out)
		cmd.SetErr(&out)
		err := cmd.ExecuteContext(GinkgoT().Context())
		return out.String(), err
	}
	BeforeEach(func() {
		GinkgoT().Setenv("KUBECONFIG", filepath.Join(GinkgoT().TempDir(), "none"))
		GinkgoT().Setenv("KUBERNETES_SERVICE_HOST", "")
		GinkgoT().Setenv(manager.NamespaceVariable, "")
	})

	DescribeTable("explains itself",
		func(words []string, args ...string) {
			out, err := run(append(args, "--help")...)
			Expect(err).NotTo(HaveOccurred())
			for _, word := range words {
				Expect(out).To(ContainSubstring(word))
			}
		},
		Entry("as a whole", []string{"controller", "lint", "completion", "readiness-agent"}),
		Entry("as the controller", []string{"--canary-image", "--gate-namespaces", "--enable-leader-election", "--log-level", "Examples:"}, "controller"),
		Entry("as the linter", []string{"--gate", "--source", "--strict", "exit status is 1", "Examples:"}, "lint"),
	)

	It("tells its version", func() {
		out, err := run("--version")
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(Equal("readiness-gate version " + manager.VersionOrRevision() + "\n"))
	})

	DescribeTable("completes itself in a shell",
		func(shell string) {
			out, err := run("completion", shell)
			Expect(err).NotTo(HaveOccurred())
			Expect(out).To(ContainSubstring("readiness-gate"))
		},
		Entry("bash", "bash"), Entry("zsh", "zsh"), Entry("fish", "fish"), Entry("powershell", "powershell"),
	)

	DescribeTable("refuses what is wrong, and names it",
		func(words string, args ...string) {
			out, err := run(args...)
			Expect(err).To(MatchError(ContainSubstring(words)))
			Expect(out).To(BeEmpty(), "main prints the error, once")
		},
		Entry("an unknown command", `unknown command "lnit"`, "lnit"),
		Entry("an unknown flag", "--gate-namespace", "controller", "--gate-namespace", "x"),
		Entry("a duration without a unit", "--graceful-shutdown-timeout", "controller", "--graceful-shutdown-timeout", "25"),
		Entry("an argument", `"x"`, "controller", "x"),
	)

	It("names at once all that the controller can't guess", func() {
		_, err := run("controller")
		Expect(err).To(MatchError(And(ContainSubstring("RUNTIME_NAMESPACE is not set"), ContainSubstring("--canary-image is missing"))))
	})

	It("says how a cluster is found where there is none", func() {
		GinkgoT().Setenv(manager.NamespaceVariable, "readiness-gate")
		_, err := run("controller", "--canary-image", "readiness-agent:test")
		Expect(err).To(MatchError(ContainSubstring("run inside of one, or set KUBECONFIG")))
	})

	DescribeTable("takes every argument that the chart's Deployment gives",
		func(ctx SpecContext, values map[string]any, gates []string) {
			args := chartArgs(ctx, values)
			Expect(args[0]).To(Equal("controller"))
			cmd, _, err := command().Find(args)
			Expect(err).NotTo(HaveOccurred())
			Expect(cmd.ParseFlags(args[1:])).To(Succeed(), "%q", args)
			Expect(cmd.Flags().Args()).To(BeEmpty())
			Expect(cmd.Flags().GetStringSlice("gate-namespaces")).To(Equal(gates))
			Expect(cmd.Flags().GetString("canary-image")).To(HavePrefix("rebirth/readiness-agent:"))
			Expect(cmd.Flags().GetString("agent-daemonset")).To(Equal("readiness-gate-agent"))
		},
		Entry("by default", map[string]any{}, []string{"rebirth"}),
		Entry("with gates in other namespaces", map[string]any{
			"gate":           map[string]any{"namespace": "flux-system"},
			"gateNamespaces": []any{map[string]any{"namespace": "flux-system", "configMaps": []any{"more"}}, map[string]any{"namespace": "apps"}},
		}, []string{"flux-system", "apps"}),
		Entry("without leader election", map[string]any{"leaderElection": map[string]any{"enabled": false}}, []string{"rebirth"}),
		Entry("with arguments of one's own", map[string]any{"extraArgs": []any{"--kube-api-burst=7"}}, []string{"rebirth"}),
	)
})

// chartArgs are the arguments of the controller in a release of the chart.
func chartArgs(ctx context.Context, values map[string]any) []string {
	GinkgoHelper()
	programs, err := controlplane.Prepare(ctx, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	rendered, err := programs.RenderChart(ctx, "../../charts/readiness-gate", "readiness-gate", "rebirth", values)
	Expect(err).NotTo(HaveOccurred())
	for document := range strings.SplitSeq(string(rendered), "\n---\n") {
		var deployment appsv1.Deployment
		Expect(yaml.Unmarshal([]byte(document), &deployment)).To(Succeed())
		if deployment.Kind == "Deployment" {
			return deployment.Spec.Template.Spec.Containers[0].Args
		}
	}
	Fail("the chart has no Deployment")
	return nil
}
