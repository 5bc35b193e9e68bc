package readiness_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	agentcli "github.com/tazzo/rebirth/internal/readiness/agent/cli"
)

var _ = Describe("A gate on a network that works", func() {
	It("opens after every check passed for some rounds in a row, and names nobody", func(ctx SpecContext) {
		newCluster(ctx, 2)
		run(ctx)
		g := newGate(ctx)
		g.expectOpen(ctx)
		Expect(g.Status.Failing).To(BeEmpty())
		Expect(g.Status.Nodes.Passing).To(BeEquivalentTo(2))
		Expect(g.Status.CNI).To(ContainSubstring("Flannel"))
		verdict := g.verdict(ctx)
		Expect(verdict.Data).To(HaveKeyWithValue("ready", "true"))
		Expect(verdict.Labels).To(HaveKeyWithValue("reconcile.fluxcd.io/watch", "Enabled"))
		Expect(g.report(ctx)).To(HaveKeyWithValue("report", ContainSubstring("every check passes on every node")))
		first := g.lease(ctx).Spec.RenewTime
		Eventually(func() bool { return g.lease(context.WithoutCancel(ctx)).Spec.RenewTime.After(first.Time) }).Should(BeTrue(), "the heartbeat goes on")
		g.expectStaysOpen(ctx)
	})

	It("is judged without any storage: controller and agents need no volume but the key (R17)", func(ctx SpecContext) {
		controller := &appsv1.Deployment{}
		Expect(admin.Get(ctx, client.ObjectKey{Namespace: releaseNamespace, Name: "readiness-gate"}, controller)).To(Succeed())
		Expect(controller.Spec.Template.Spec.Volumes).To(BeEmpty())
		Expect(agents.Spec.Template.Spec.Volumes).To(ConsistOf(HaveField("Secret.SecretName", keySecret)))
	})
	It("has agents that take every argument that the chart's DaemonSet gives", func() {
		args := agents.Spec.Template.Spec.Containers[0].Args
		cmd := agentcli.AgentCommand()
		Expect(args[0]).To(Equal(cmd.Name()))
		Expect(cmd.ParseFlags(args[1:])).To(Succeed(), "%q", args)
		Expect(cmd.Flags().Args()).To(BeEmpty())
		Expect(cmd.ValidateRequiredFlags()).To(Succeed())
	})
})
