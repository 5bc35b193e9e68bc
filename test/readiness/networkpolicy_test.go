package readiness_test

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"
)

// agentsIngress is what the chart's NetworkPolicy lets through to agents.
func agentsIngress(ctx context.Context, values map[string]any) []networkingv1.NetworkPolicyIngressRule {
	GinkgoHelper()
	for text := range strings.SplitSeq(string(renderChart(ctx, values)), "\n---\n") {
		var policy networkingv1.NetworkPolicy
		Expect(yaml.Unmarshal([]byte(text), &policy)).To(Succeed())
		if policy.Kind == "NetworkPolicy" && policy.Name == "readiness-gate-agent" {
			return policy.Spec.Ingress
		}
	}
	Fail("the chart has no NetworkPolicy for agents")
	return nil
}

var _ = Describe("The chart's NetworkPolicy for agents", func() {
	component := func(name string) OmegaMatcher {
		return HaveField("PodSelector", HaveField("MatchLabels", HaveKeyWithValue("app.kubernetes.io/component", name)))
	}
	nodes := []any{map[string]any{"ipBlock": map[string]any{"cidr": "192.0.2.0/24"}}}

	It("lets everybody connect, unless the values say who", func(ctx SpecContext) {
		Expect(agentsIngress(ctx, map[string]any{"networkPolicy": map[string]any{"enabled": true}})).To(ConsistOf(HaveField("From", BeEmpty())))
	})

	It("lets those connect whom the values name, besides agents and controller", func(ctx SpecContext) {
		rules := agentsIngress(ctx, map[string]any{"networkPolicy": map[string]any{"enabled": true, "agentIngressFrom": nodes}})
		Expect(rules).To(HaveLen(1))
		Expect(rules[0].From).To(ConsistOf(component("agent"), component("controller"), HaveField("IPBlock", HaveField("CIDR", "192.0.2.0/24"))))
	})

	It("names no controller's pod where that is on the host network, for it has the node's address", func(ctx SpecContext) {
		rules := agentsIngress(ctx, map[string]any{"hostNetwork": true, "networkPolicy": map[string]any{"enabled": true, "agentIngressFrom": nodes}})
		Expect(rules[0].From).To(ConsistOf(component("agent"), HaveField("IPBlock", HaveField("CIDR", "192.0.2.0/24"))))
	})
})
