package main

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"

	"github.com/tazzo/rebirth/test/controlplane"
)

var _ = Describe("The chart", func() {
	DescribeTable("refuses a label that it sets itself, for pods are found by it",
		func(ctx SpecContext, where string, values map[string]any) {
			programs, err := controlplane.Prepare(ctx, GinkgoWriter)
			Expect(err).NotTo(HaveOccurred())
			_, err = programs.RenderChart(ctx, "../../charts/secret-sync", "secret-sync", "rebirth", values)
			Expect(err).To(MatchError(ContainSubstring(where + "app.kubernetes.io/name is the chart's own")))
		},
		Entry("on every object", "commonLabels: ", map[string]any{"commonLabels": map[string]any{"app.kubernetes.io/name": "x"}}),
		Entry("on the controller's pods", "podLabels: ", map[string]any{"podLabels": map[string]any{"app.kubernetes.io/name": "x"}}),
	)

	It("gives pods their own value of a label that every object has, and gives it once", func(ctx SpecContext) {
		programs, err := controlplane.Prepare(ctx, GinkgoWriter)
		Expect(err).NotTo(HaveOccurred())
		team := func(name string) map[string]any { return map[string]any{"team": name} }
		rendered, err := programs.RenderChart(ctx, "../../charts/secret-sync", "secret-sync", "rebirth", map[string]any{
			"commonLabels": team("all"), "podLabels": team("controller"),
		})
		Expect(err).NotTo(HaveOccurred())
		for document := range strings.SplitSeq(string(rendered), "\n---\n") {
			Expect(yaml.UnmarshalStrict([]byte(document), &map[string]any{})).To(Succeed(), "a key twice")
		}
		Expect(strings.Count(string(rendered), "team: controller")).To(Equal(1))
	})
})
