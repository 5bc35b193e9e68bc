package docs_test

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"
)

// charts are this project's.
var charts = []string{"charts/readiness-gate", "charts/secret-sync"}

// metricsOf are the folders of what each chart's program measures of itself.
var metricsOf = map[string]string{
	"charts/readiness-gate": "internal/readiness/metrics",
	"charts/secret-sync":    "internal/secretsync/metrics",
}

var _ = Describe("A chart's README", func() {
	for _, chart := range charts {
		page := chart + "/README.md"

		It("has every value, with the words of its schema and its default: "+chart, func() {
			listed := map[string]row{}
			for _, r := range rows(page) {
				if names := quoted(r["value"]); len(names) == 1 {
					listed[names[0]] = r
				}
			}
			defaults, all := defaultsOf(chart), valuesOf(chart)
			Expect(slices.Collect(maps.Keys(listed))).To(ConsistOf(slices.Collect(maps.Keys(all))))
			for name, described := range all {
				Expect(strings.ReplaceAll(listed[name]["what it does"], "&lt;", "<")).To(Equal(described), name)
				if written := quoted(listed[name]["default"]); len(written) == 1 {
					value, err := json.Marshal(at(defaults, name))
					Expect(err).NotTo(HaveOccurred())
					Expect(written[0]).To(MatchJSON(value), name)
				}
			}
		})

		It("has every alert, with its severity: "+chart, func() {
			listed := map[string]string{}
			for _, r := range rows(page) {
				if name := r["alert"]; name != "" {
					listed[name] = r["severity"]
				}
			}
			Expect(listed).To(Equal(alerts(chart)))
		})

		It("has every metric: "+chart, func() {
			Expect(column(page, "metric")).To(ConsistOf(metrics(chart)))
		})
	}
})

// schema is the part of a JSON schema that describes a chart's values.
type schema struct {
	Description string
	Properties  map[string]schema
	Items       *schema
}

// valuesOf are a chart's values, with what its schema says of them. Those in a list
// stand below "name[]".
func valuesOf(chart string) map[string]string {
	GinkgoHelper()
	var top schema
	Expect(json.Unmarshal([]byte(read(chart+"/values.schema.json")), &top)).To(Succeed())
	found := map[string]string{}
	top.describe("", found)
	delete(found, "global") // Helm's own
	Expect(found).NotTo(BeEmpty())
	return found
}

func (s schema) describe(prefix string, into map[string]string) {
	for name, property := range s.Properties {
		into[prefix+name] = property.Description
		property.describe(prefix+name+".", into)
		if property.Items != nil {
			property.Items.describe(prefix+name+"[].", into)
		}
	}
}

// defaultsOf are the values that a chart has if nobody sets any.
func defaultsOf(chart string) map[string]any {
	GinkgoHelper()
	var defaults map[string]any
	Expect(yaml.Unmarshal([]byte(read(chart+"/values.yaml")), &defaults)).To(Succeed())
	return defaults
}

// at is the default of a value; nil if there is none.
func at(defaults map[string]any, name string) any {
	var value any = defaults
	for part := range strings.SplitSeq(name, ".") {
		in, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = in[part]
	}
	return value
}

var metric = regexp.MustCompile(`"((?:secret_sync|readiness_gate)_\w+)"`)

// metrics are those that a chart's program serves of its own.
func metrics(chart string) []string {
	GinkgoHelper()
	var found []string
	for _, name := range goFiles(metricsOf[chart]) {
		if strings.HasSuffix(filepath.Base(name), "_test.go") {
			continue
		}
		for _, match := range metric.FindAllStringSubmatch(read(name), -1) {
			found = append(found, match[1])
		}
	}
	Expect(found).NotTo(BeEmpty())
	return distinct(found)
}
