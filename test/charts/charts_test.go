package charts_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"
)

const (
	secretSync    = "secret-sync"
	readinessGate = "readiness-gate"
)

var _ = Describe("A chart", func() {
	own := values{"app.kubernetes.io/name": "x"}

	DescribeTable("refuses a label that it sets itself, for its objects are found by it",
		func(ctx SpecContext, chart, where string, values values) {
			_, err := render(ctx, chart, values)
			Expect(err).To(MatchError(ContainSubstring(where + ": app.kubernetes.io/name is the chart's own")))
		},
		Entry("on every object of secret-sync", secretSync, "commonLabels", values{"commonLabels": own}),
		Entry("on secret-sync's pods", secretSync, "podLabels", values{"podLabels": own}),
		Entry("on secret-sync's ServiceMonitor", secretSync, "serviceMonitor.labels", values{"serviceMonitor": values{"labels": own}}),
		Entry("on secret-sync's PrometheusRule", secretSync, "prometheusRule.labels", values{"prometheusRule": values{"labels": own}}),
		Entry("on every object of readiness-gate", readinessGate, "commonLabels", values{"commonLabels": own}),
		Entry("on readiness-gate's pods", readinessGate, "podLabels", values{"podLabels": own}),
		Entry("on the agents' pods", readinessGate, "agent.podLabels", values{"agent": values{"podLabels": own}}),
		Entry("on readiness-gate's ServiceMonitor", readinessGate, "serviceMonitor.labels", values{"serviceMonitor": values{"labels": own}}),
		Entry("on readiness-gate's PrometheusRule", readinessGate, "prometheusRule.labels", values{"prometheusRule": values{"labels": own}}),
	)

	DescribeTable("gives an object its own value of a label that every object has, and gives it once",
		func(ctx SpecContext, chart string, values values, teams ...string) {
			values["commonLabels"] = team("all")
			rendered, err := render(ctx, chart, values)
			Expect(err).NotTo(HaveOccurred())
			Expect(documents(rendered)).NotTo(BeEmpty())
			for _, name := range teams {
				Expect(strings.Count(rendered, "team: "+name)).To(Equal(1))
			}
		},
		Entry("in secret-sync", secretSync, values{
			"podLabels": team("controller"), "serviceMonitor": monitored("monitor"), "prometheusRule": monitored("rule"),
		}, "controller", "monitor", "rule"),
		Entry("in readiness-gate", readinessGate, values{
			"podLabels": team("controller"), "agent": values{"podLabels": team("agents")}, "serviceMonitor": monitored("monitor"), "prometheusRule": monitored("rule"),
		}, "controller", "agents", "monitor", "rule"),
	)

	DescribeTable("takes names for names that YAML would read as numbers",
		func(ctx SpecContext, chart string, values values) {
			values["fullnameOverride"] = "456"
			rendered, err := render(ctx, chart, values)
			Expect(err).NotTo(HaveOccurred())
			for _, object := range documents(rendered) {
				Expect(object.Metadata.Name).To(BeAssignableToTypeOf(""), "%s", object.Kind)
				Expect(object.Metadata.Namespace).To(Or(BeNil(), BeAssignableToTypeOf("")), "%s %s", object.Kind, object.Metadata.Name)
			}
			Expect(rendered).To(ContainSubstring(`namespace: "123"`))
		},
		Entry("in secret-sync", secretSync, values{"exports": []values{{"namespace": "123"}}, "imports": []values{{"namespace": "123"}}}),
		Entry("in readiness-gate", readinessGate, values{"gateNamespaces": []values{{"namespace": "123"}}}),
	)

	for _, chart := range []string{secretSync, readinessGate} {
		DescribeTable("refuses values that its objects could not be made of, and names them: "+chart,
			func(ctx SpecContext, name string, values values) {
				_, err := render(ctx, chart, values)
				Expect(err).To(MatchError(And(ContainSubstring("values don't meet the specifications of the schema"), ContainSubstring(name))))
			},
			Entry("a group that is null", "log", values{"log": nil}),
			Entry("a group in a group that is null", "service", values{"metrics": values{"service": nil}}),
			Entry("a name that is none", "fullnameOverride", values{"fullnameOverride": "Rebirth_1"}),
			Entry("a name for labels that is none", "nameOverride", values{"nameOverride": "-rebirth"}),
			Entry("a value that no template knows", "replica", values{"replica": 2}),
		)

		It("can do without a limit of resources: "+chart, func(ctx SpecContext) {
			_, err := render(ctx, chart, values{"resources": nil})
			Expect(err).NotTo(HaveOccurred())
		})
	}

	DescribeTable("gives no right on all by a list of names that is empty",
		func(ctx SpecContext, chart string, values values) {
			_, err := render(ctx, chart, values)
			Expect(err).To(MatchError(ContainSubstring("minItems")))
		},
		Entry("of an export's Secrets", secretSync, values{"exports": []values{{"namespace": "db", "secrets": []string{}}}}),
		Entry("of a gate namespace's ConfigMaps", readinessGate, values{"gateNamespaces": []values{{"namespace": "apps", "configMaps": []string{}}}}),
	)
})

func team(name string) values { return values{"team": name} }

func monitored(name string) values { return values{"enabled": true, "labels": team(name)} }

// document is what every object of a chart has. Its names are what YAML says they
// are, which is not always a string.
type document struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name      any `json:"name"`
		Namespace any `json:"namespace"`
	} `json:"metadata"`
}

// documents are those of a rendered chart. A key that stands twice fails the spec.
func documents(rendered string) []document {
	GinkgoHelper()
	var out []document
	for text := range strings.SplitSeq(rendered, "\n---\n") {
		Expect(yaml.UnmarshalStrict([]byte(text), &map[string]any{})).To(Succeed(), "%s", text)
		var d document
		Expect(yaml.Unmarshal([]byte(text), &d)).To(Succeed())
		if d.Kind != "" {
			out = append(out, d)
		}
	}
	return out
}
