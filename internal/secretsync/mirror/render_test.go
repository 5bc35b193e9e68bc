package mirror_test

import (
	"bytes"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/outcome"
	"github.com/tazzo/rebirth/internal/secretsync/mirror"
	"github.com/tazzo/rebirth/internal/secretsync/redact"
)

// ofSecret makes the export one of any Secret, not of a PostgreSQL user.
func ofSecret(f *mirror.Facts) {
	f.Export.Spec.Source = v1alpha1.ExportSource{Secret: &v1alpha1.SecretSource{Name: sourceName}}
	f.Export.Status.CA, f.Export.Status.Revision = "", "100"
}

func ofType(t corev1.SecretType) func(*mirror.Facts) {
	return func(f *mirror.Facts) { f.Source.Type = t }
}

var _ = Describe("The mirror's keys", func() {
	keysOf := func(edits ...func(*mirror.Facts)) []string {
		var names []string
		for key := range data(mirror.Decide(facts(edits...))) {
			names = append(names, key)
		}
		return names
	}

	DescribeTable("are what the export gives away",
		func(expected []string, edits ...func(*mirror.Facts)) {
			Expect(keysOf(edits...)).To(ConsistOf(expected))
		},
		Entry("all but the verifier, and the CA", []string{"host", "port", "dbname", "user", "password", "ca.crt"}),
		Entry("without the CA where the owner doesn't want it", []string{"host", "port", "dbname", "user", "password"},
			func(f *mirror.Facts) { f.Export.Spec.IncludeCA = new(bool) }),
		Entry("only what is included, the verifier if it is", []string{"user", "verifier"},
			filter(&v1alpha1.KeyFilter{Include: []string{"user", "verifier", "nothing"}})),
		Entry("the CA among the included", []string{"ca.crt"}, filter(&v1alpha1.KeyFilter{Include: []string{"ca.crt"}})),
		Entry("all that is not excluded, even the verifier", []string{"host", "port", "dbname", "user", "verifier", "ca.crt"},
			filter(&v1alpha1.KeyFilter{Exclude: []string{"password"}})),
		Entry("not the CA if it is excluded", []string{"password"},
			filter(&v1alpha1.KeyFilter{Exclude: []string{"host", "port", "dbname", "user", "verifier", "ca.crt"}})),
		Entry("the same with an empty filter", []string{"host", "port", "dbname", "user", "password", "ca.crt"}, filter(&v1alpha1.KeyFilter{})),
		Entry("the same with empty lists", []string{"host", "port", "dbname", "user", "password", "ca.crt"},
			filter(&v1alpha1.KeyFilter{Include: []string{}, Exclude: []string{}})),
		Entry("everything of a Secret that is no user's, a key called verifier too", []string{"host", "port", "dbname", "user", "password", "verifier"}, ofSecret),
	)

	It("hold the source's bytes and the export's CA", func() {
		Expect(data(mirror.Decide(facts()))).To(And(HaveKeyWithValue("password", password), HaveKeyWithValue("ca.crt", ca)))
	})

	It("are selected and renamed, none else (S22)", func() {
		plan := mirror.Decide(facts(keys(
			v1alpha1.KeyMapping{From: "password", To: "GF_DATABASE_PASSWORD"}, v1alpha1.KeyMapping{From: "user"},
			v1alpha1.KeyMapping{From: "password", To: "PGPASSWORD"})))
		Expect(data(plan)).To(Equal(map[string]string{"GF_DATABASE_PASSWORD": password, "PGPASSWORD": password, "user": "grafana"}))
	})

	It("are the templates' alone with an empty list", func() {
		f := facts(templates(map[string]v1alpha1.TemplateText{"DSN": "{{ .user }}@{{ .host }}"}))
		f.Import.Spec.Target.Keys = []v1alpha1.KeyMapping{}
		Expect(data(mirror.Decide(f))).To(Equal(map[string]string{"DSN": "grafana@tazlab-db-primary.tazlab-db.svc"}))
	})

	It("include templates beside the exported ones", func() {
		plan := mirror.Decide(facts(templates(map[string]v1alpha1.TemplateText{"DSN": "{{ .dbname }}"})))
		Expect(data(plan)).To(And(HaveLen(7), HaveKeyWithValue("DSN", "grafana")))
	})

	DescribeTable("can't be written",
		func(class outcome.Class, reason string, words []string, edits ...func(*mirror.Facts)) {
			f := facts(edits...)
			expectRefusal(mirror.Decide(f), class, reason, words...)
			Expect(condition(mirror.Decide(f), v1alpha1.AllowedCondition).Reason).To(Equal(v1alpha1.ExportedReason))
		},
		Entry("with a key that is not exported", outcome.Stalled, v1alpha1.KeyMissingReason,
			[]string{`spec.target.keys[1].from: "pasword"`, "ca.crt, dbname, host, password, port, user"},
			keys(v1alpha1.KeyMapping{From: "user"}, v1alpha1.KeyMapping{From: "pasword"})),
		Entry("with the verifier, which stays behind", outcome.Stalled, v1alpha1.KeyMissingReason,
			[]string{`spec.target.keys[0].from: "verifier"`}, keys(v1alpha1.KeyMapping{From: "verifier"})),
		Entry("with a key that is empty", outcome.Waiting, v1alpha1.KeyEmptyReason,
			[]string{`spec.target.keys[0].from`, `"dbname" is empty`},
			keys(v1alpha1.KeyMapping{From: "dbname"}), source(redact.Data{"dbname": nil, "password": []byte(password)})),
		Entry("with a template over an exported key", outcome.Stalled, v1alpha1.InvalidSpecReason,
			[]string{`spec.target.template["user"]`, "spec.target.keys"}, templates(map[string]v1alpha1.TemplateText{"user": "x"})),
		Entry("beyond 1 MiB", outcome.Stalled, v1alpha1.TooLargeReason, []string{"1048576", "spec.target.keys"},
			source(redact.Data{"password": bytes.Repeat([]byte("canary"), 200_000)})),
		Entry("beyond 1 MiB with templates", outcome.Stalled, v1alpha1.TooLargeReason, []string{`spec.target.template["copy"]`, "1 MiB", "spec.target.keys"},
			source(redact.Data{"password": bytes.Repeat([]byte("canary"), 100_000)}), templates(map[string]v1alpha1.TemplateText{"copy": "{{ .password }}"})),
		Entry("beyond 1 MiB within a template", outcome.Stalled, v1alpha1.TooLargeReason, []string{`spec.target.template["copy"]`, "1 MiB"},
			source(redact.Data{"password": bytes.Repeat([]byte("canary"), 100_000)}), templates(map[string]v1alpha1.TemplateText{"copy": "{{ .password }}{{ .password }}"})),
	)

	It("fill a Secret to the last byte", func() {
		f := facts(keys(v1alpha1.KeyMapping{From: "big"}), source(redact.Data{"big": []byte(strings.Repeat("x", 1<<20-len("big")))}))
		Expect(mirror.Decide(f).Action).To(Equal(mirror.Create))
		f.Source.Data["big"] = append(f.Source.Data["big"], 'x')
		expectRefusal(mirror.Decide(f), outcome.Stalled, v1alpha1.TooLargeReason)
	})

	It("keep a mirror that is there when they can't be written", func() {
		f := after(60, rotated("new"), func(f *mirror.Facts) { f.Import.Generation = 2 }, keys(v1alpha1.KeyMapping{From: "gone"}))
		expectRefusal(mirror.Decide(f), outcome.Stalled, v1alpha1.KeyMissingReason)
	})
})

var _ = Describe("The mirror's type", func() {
	tls := redact.Data{"tls.crt": []byte("c"), "tls.key": []byte("k")}
	DescribeTable("is the source's as long as all its keys are there by their names",
		func(expected corev1.SecretType, edits ...func(*mirror.Facts)) {
			f := facts(append([]func(*mirror.Facts){ofSecret, ofType(corev1.SecretTypeTLS), source(tls)}, edits...)...)
			Expect(mirror.Decide(f).Mirror.Secret().Type).To(Equal(expected))
		},
		Entry("all keys", corev1.SecretTypeTLS),
		Entry("all keys and a template", corev1.SecretTypeTLS, templates(map[string]v1alpha1.TemplateText{"both": `{{ index . "tls.crt" }}`})),
		Entry("selected keys", corev1.SecretTypeOpaque, keys(v1alpha1.KeyMapping{From: "tls.crt"}, v1alpha1.KeyMapping{From: "tls.key"})),
		Entry("keys that the export keeps back", corev1.SecretTypeOpaque, filter(&v1alpha1.KeyFilter{Exclude: []string{"tls.key"}})),
		Entry("keys kept back, and as many templates", corev1.SecretTypeOpaque, filter(&v1alpha1.KeyFilter{Exclude: []string{"tls.key"}}),
			templates(map[string]v1alpha1.TemplateText{"one": "1"})),
	)

	It("stays what it is in a Secret that is there, for it can't be changed", func() {
		f := facts(ofSecret, ofType(corev1.SecretTypeTLS), source(tls), existing(), policy(v1alpha1.ExistingAdopt))
		Expect(mirror.Decide(f).Mirror.Secret().Type).To(Equal(corev1.SecretTypeOpaque))
	})
})

var _ = Describe("Validate", func() {
	It("accepts an import of another namespace", func() {
		Expect(mirror.Validate(grafanaImport())).To(Succeed())
	})

	It("refuses an import of its own namespace", func() {
		f := facts(func(f *mirror.Facts) { f.Import.Spec.From.Namespace = "monitoring" })
		expectRefusal(mirror.Decide(f), outcome.Stalled, v1alpha1.InvalidSpecReason, "spec.from.namespace", "monitoring", "directly")
	})

	It("names the first bad template, in the order of their keys", func() {
		f := facts(templates(map[string]v1alpha1.TemplateText{"b": "{{", "a": "{{ range . }}{{ end }}", "c": "fine"}))
		expectRefusal(mirror.Decide(f), outcome.Stalled, v1alpha1.TemplateFailedReason, `spec.target.template["a"]`, "range")
	})
})
