package mirror_test

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/outcome"
	"github.com/tazzo/rebirth/internal/secretsync/mirror"
	"github.com/tazzo/rebirth/internal/secretsync/redact"
)

var _ = Describe("A template", func() {
	// rendering returns the plan for one template over the source's values.
	rendering := func(text string, values map[string]string) mirror.Plan {
		content := redact.Data{}
		for key, value := range values {
			content[key] = []byte(value)
		}
		return mirror.Decide(facts(source(content), templates(map[string]v1alpha1.TemplateText{"OUT": v1alpha1.TemplateText(text)})))
	}
	values := map[string]string{"user": "grafana", "password": "canary p@ss/<&>", "tls-ca": "A\nB", "bin": "\xff\x00", "empty": ""}

	DescribeTable("renders",
		func(text, expected string) {
			Expect(data(rendering(text, values))).To(HaveKeyWithValue("OUT", expected))
		},
		Entry("nothing", "", ""),
		Entry("text", "plain", "plain"),
		Entry("values", "{{ .user }}:{{ .password }}", "grafana:canary p@ss/<&>"),
		Entry("a value for a URL", "{{ .password | urlquery }}", "canary+p%40ss%2F%3C%26%3E"),
		Entry("a key with other characters", `{{ index . "tls-ca" }}`, "A\nB"),
		Entry("the CA", `{{ index . "ca.crt" | trim }}`, strings.TrimSpace(ca)),
		Entry("base64", "{{ .bin | b64enc }}", "/wA="),
		Entry("JSON", "{{ .user | toJson }}", `"grafana"`),
		Entry("html", "{{ html .password }}", "canary p@ss/&lt;&amp;&gt;"),
		Entry("js", `{{ js "'" }}`, `\'`),
		Entry("cases", "{{ upper .user }}{{ lower \"AB\" }}", "GRAFANAab"),
		Entry("print, println and printf", `{{ print .user "1" }}{{ println .user "2" }}{{ printf "%s=%q%%%v" .user "x" "y" }}`, "grafana1grafana 2\ngrafana=\"x\"%y"),
		Entry("if and else", "{{ if .empty }}a{{ else if eq .user \"grafana\" }}b{{ else }}c{{ end }}", "b"),
		Entry("with and a variable", "{{ with $u := .user }}{{ $u }}{{ else }}none{{ end }}", "grafana"),
		Entry("and, or, not, len", `{{ if and .user (or .empty "x") (not .empty) }}{{ len .user }}{{ end }}`, "7"),
		Entry("slices", "{{ slice .user 0 3 }}", "gra"),
		Entry("a comment", "{{/* a note */}}x", "x"),
	)

	DescribeTable("is refused, by field and place, before any Secret is read",
		func(text string, words ...string) {
			f := facts(templates(map[string]v1alpha1.TemplateText{"OUT": v1alpha1.TemplateText(text)}))
			Expect(mirror.NeedsSecrets(f)).To(BeFalse())
			expectRefusal(mirror.Decide(f), outcome.Stalled, v1alpha1.TemplateFailedReason, append(words, `spec.target.template["OUT"]`)...)
		},
		Entry("that doesn't parse", "a\n{{ .user", "OUT:2"),
		Entry("with an unknown function", "{{ env \"HOME\" }}", `function "env" not defined`),
		Entry("with range", "{{ range . }}{{ . }}{{ end }}", "uses range"),
		Entry("with range in an if", "{{ if .user }}{{ range . }}{{ end }}{{ end }}", "uses range"),
		Entry("with range in an else", "{{ if .user }}{{ else }}{{ range . }}{{ end }}{{ end }}", "uses range"),
		Entry("with range in a with", "{{ with .user }}{{ range . }}{{ end }}{{ end }}", "uses range"),
		Entry("with range in a with's else", "{{ with .user }}x{{ else }}{{ range . }}{{ end }}{{ end }}", "uses range"),
		Entry("with a definition", `{{ define "x" }}{{ end }}`, "defines a template"),
		Entry("with a block", `{{ block "x" . }}{{ end }}`, "defines a template"),
		Entry("that calls itself", `{{ template "OUT" . }}`, "uses template"),
		Entry("that defines and calls itself", `{{ define "OUT" }}{{ template "OUT" . }}{{ end }}`, "uses template"),
	)

	DescribeTable("fails without a word of a value",
		func(text string, words ...string) {
			expectRefusal(rendering(text, values), outcome.Stalled, v1alpha1.TemplateFailedReason, append(words, `spec.target.template["OUT"]`)...)
		},
		Entry("on a key that is not exported", "{{ .nothing }}", `the key "nothing"`, "exported are bin, ca.crt, empty, password, tls-ca, user"),
		Entry("on an indexed key that is not exported", `{{ index . "cacert" }}`, `the key "cacert"`, "exported are bin, ca.crt"),
		Entry("on the verifier, which stays behind", "{{ .verifier }}", `the key "verifier"`),
		Entry("on a field of a value", "{{ .user }}\n{{ .password.x }}", "at line 2"),
		Entry("on call", "{{ call .password }}", "at line 1"),
		Entry("on a comparison of unlike things", "{{ eq .password 1 }}", "at line 1"),
		Entry("on a slice beyond the value", "{{ slice .password 0 999 }}", "at line 1"),
		Entry("on a width, which could ask for any memory", `{{ printf "%999999999s" .password }}`, "at line 1"),
		Entry("on a number's verb", `{{ printf "%d" .password }}`, "at line 1"),
		Entry("on a value that reads like an error", `{{ .password | len | upper }}`, "at line 1"),
	)

	It("quotes no value that looks like an error of a template", func() {
		lure := `map has no entry for key "canary"`
		plan := rendering("{{ slice .password 0 999 }}", map[string]string{"password": lure})
		expectRefusal(plan, outcome.Stalled, v1alpha1.TemplateFailedReason, "at line 1")
	})

	DescribeTable("can't grow without bound",
		func(text string) {
			expectRefusal(rendering(text, map[string]string{"password": strings.Repeat("canary<", 1000)}), outcome.Stalled, v1alpha1.TooLargeReason, "1 MiB", "8 MiB", `spec.target.template["OUT"]`)
		},
		Entry("by doubling", strings.Repeat(`{{ $x := .password }}`, 1)+strings.Repeat(`{{ $x = print $x $x }}`, 30)),
		Entry("by printf", `{{ $x := .password }}`+strings.Repeat(`{{ $x = printf "%s%s" $x $x }}`, 30)),
		Entry("by escaping again and again", `{{ $x := .password }}`+strings.Repeat(`{{ $x = urlquery $x }}`, 100)),
		Entry("by encoding again and again", `{{ $x := .password }}`+strings.Repeat(`{{ $x = b64enc $x }}`, 60)),
		Entry("by many lines", strings.Repeat(`{{ .password }}`, 160)),
		Entry("nor take long with what stays large", `{{ $x := .password }}`+strings.Repeat(`{{ $x = print $x $x }}`, 7)+strings.Repeat(`{{ $y := upper $x }}`, 100)),
	)

	// all returns the plan for so many templates of one text over a value of that size.
	all := func(count, size int, text string) mirror.Plan {
		many := map[string]v1alpha1.TemplateText{}
		for i := range count {
			many[fmt.Sprintf("OUT%02d", i)] = v1alpha1.TemplateText(text)
		}
		return mirror.Decide(facts(templates(many), func(f *mirror.Facts) {
			f.Import.Spec.Target.Keys = []v1alpha1.KeyMapping{}
			f.Source.Data = redact.Data{"password": bytes.Repeat([]byte("x"), size)}
		}))
	}

	DescribeTable("shares with the others of its import",
		func(size int, text, fails string) {
			Expect(all(1, size, text).Action).To(Equal(mirror.Create))
			expectRefusal(all(2, size, text), outcome.Stalled, v1alpha1.TooLargeReason, fails)
		},
		Entry("the work that functions may do", 1000_000, strings.Repeat(`{{ $x := upper .password }}`, 5), `spec.target.template["OUT01"]`),
		Entry("the room of a Secret", 600_000, `{{ .password }}`, `spec.target.template["OUT01"]`),
	)

	It("takes little memory, however many there are", func() {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		plan := all(64, 100, `{{ $x := .password }}`+strings.Repeat(`{{ $x = print $x $x }}`, 60))
		runtime.ReadMemStats(&after)
		expectRefusal(plan, outcome.Stalled, v1alpha1.TooLargeReason)
		Expect(after.TotalAlloc - before.TotalAlloc).To(BeNumerically("<", 64<<20))
	})
})
