package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/tazzo/rebirth/internal/bootstrap/spec"
)

func TestSchemagen(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "schemagen")
}

const root = "../../../.."

// every calls visit with all schemas in one.
func every(schema map[string]any, visit func(map[string]any)) {
	visit(schema)
	for _, field := range schema {
		switch field := field.(type) {
		case map[string]any:
			every(field, visit)
		case []any:
			for _, item := range field {
				if inner, ok := item.(map[string]any); ok {
					every(inner, visit)
				}
			}
		}
	}
}

var _ = Describe("What is generated", func() {
	It("is what is committed (or else: make generate)", func() {
		files, err := generate(root)
		Expect(err).NotTo(HaveOccurred())
		for name, content := range files {
			committed, err := os.ReadFile(filepath.Join(root, name))
			Expect(err).NotTo(HaveOccurred())
			Expect(string(committed)).To(Equal(string(content)), name)
		}
	})

	It("is written below the folder that is named", func() {
		into := GinkgoT().TempDir()
		GinkgoT().Chdir(root)
		Expect(write(into)).To(Succeed())
		Expect(filepath.Join(into, schemaFile)).To(BeARegularFile())
		Expect(filepath.Join(into, pageFile)).To(BeARegularFile())
	})
})

var _ = Describe("The schema", func() {
	var schema map[string]any
	BeforeEach(func() { Expect(json.Unmarshal(spec.Schema(), &schema)).To(Succeed()) })

	It("is a schema of draft 2020-12", func() {
		Expect(schema["$schema"]).To(Equal("https://json-schema.org/draft/2020-12/schema"))
		parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(spec.Schema()))
		Expect(err).NotTo(HaveOccurred())
		compiler := jsonschema.NewCompiler()
		Expect(compiler.AddResource("x.json", parsed)).To(Succeed())
		_, err = compiler.Compile("x.json")
		Expect(err).NotTo(HaveOccurred())
	})

	It("lets no unknown field pass, anywhere", func() {
		every(schema, func(s map[string]any) {
			if s["type"] == "object" {
				_, ofFields := s["properties"]
				Expect(ofFields).To(Equal(s["additionalProperties"] == false), "%v", s)
			}
		})
	})

	It("describes every type and field", func() {
		every(schema, func(s map[string]any) {
			fields, _ := s["properties"].(map[string]any)
			for name, field := range fields {
				Expect(field).To(HaveKeyWithValue("description", Not(BeEmpty())), name)
			}
		})
	})

	It("uses the words alone that Decode has an explanation for", func() {
		explained := []string{
			"$defs", "$id", "$ref", "$schema", "description", "properties", "items", "required", "type", "additionalProperties",
			"enum", "format", "minItems", "minLength", "maxLength", "minProperties", "maxProperties", "minimum", "maximum", "uniqueItems",
		}
		every(schema, func(s map[string]any) {
			if _, isSchema := s["type"].(string); !isSchema {
				return // a map of schemas
			}
			for word := range s {
				Expect(slices.Contains(explained, word)).To(BeTrue(), word)
			}
		})
	})
})
