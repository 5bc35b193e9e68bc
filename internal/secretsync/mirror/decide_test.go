package mirror_test

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/outcome"
	"github.com/tazzo/rebirth/internal/secretsync/mirror"
	"github.com/tazzo/rebirth/internal/secretsync/redact"
)

var _ = Describe("An import", func() {
	DescribeTable("that can't be served says what is wrong, and where",
		func(class outcome.Class, reason string, edit func(*mirror.Facts), words ...string) {
			expectRefusal(mirror.Decide(facts(edit)), class, reason, words...)
		},
		Entry("its namespace is going", outcome.Waiting, v1alpha1.NamespaceDeletedReason,
			func(f *mirror.Facts) { f.Namespace.Terminating = true }, "namespace monitoring is being deleted"),
		Entry("the chart gives no right", outcome.Stalled, v1alpha1.NoRightsReason,
			func(f *mirror.Facts) { f.Granted = false }, "imports: [{namespace: monitoring}]"),
		Entry("another import came first", outcome.Stalled, v1alpha1.ImportConflictReason,
			func(f *mirror.Facts) { f.Rivals = []string{"first", "second"} }, "SecretImport monitoring/first", "spec.target.name", "delete it"),
	)

	Describe("whose export is not ready", func() {
		unseen := func(f *mirror.Facts) { f.Export.Generation = 2 }
		suspended := func(f *mirror.Facts) { f.Export.Generation, f.Export.Spec.Suspend = 2, true }
		DescribeTable("waits and says for what",
			func(edit func(*mirror.Facts), words string) {
				Expect(mirror.NeedsSecrets(facts(edit))).To(BeFalse())
				expectRefusal(mirror.Decide(facts(edit)), outcome.Waiting, v1alpha1.ExportNotReadyReason, "waiting for SecretExport tazlab-db/grafana: "+words)
			},
			Entry("in the export's words", notReady("waiting for restore"), "waiting for restore"),
			Entry("a spec that nobody looked at", unseen, "it has not been looked at yet"),
			Entry("a new export", func(f *mirror.Facts) { f.Export.Status = v1alpha1.SecretExportStatus{ObservedGeneration: -1} }, "it has not been looked at yet"),
			Entry("a new export of generation 0", func(f *mirror.Facts) { f.Export.Generation, f.Export.Status = 0, v1alpha1.SecretExportStatus{} }, "it has not been looked at yet"),
			Entry("a suspended one", suspended, "it is suspended (its spec.suspend)"),
			Entry("one without a revision", func(f *mirror.Facts) { f.Export.Status.Revision = "" }, "may be mirrored"),
		)

		It("keeps the mirror and says so", func() {
			f := after(60, rotated("new"), notReady("restoring"))
			expectRefusal(mirror.Decide(f), outcome.Waiting, v1alpha1.ExportNotReadyReason, "restoring", "; the mirror is kept as it is")
			Expect(mirror.Decide(facts(notReady("restoring"))).Outcome.Message).NotTo(ContainSubstring("kept"))
		})
	})

	DescribeTable("whose source is not the proven one waits and keeps the mirror",
		func(edit func(*mirror.Facts)) {
			f := after(60, rotated("new"), edit)
			Expect(mirror.NeedsSecrets(f)).To(BeTrue())
			expectRefusal(mirror.Decide(f), outcome.Waiting, v1alpha1.ExportNotReadyReason, "SecretExport tazlab-db/grafana", "kept")
		},
		Entry("it is gone (S15)", func(f *mirror.Facts) { f.Source = nil }),
		Entry("it changed since", func(f *mirror.Facts) { f.Source.ResourceVersion = "102" }),
		Entry("it is that of before", func(f *mirror.Facts) { f.Source.ResourceVersion = "100" }),
	)

	It("follows a rotation", func() {
		plan := mirror.Decide(after(60, rotated("new")))
		Expect(plan.Action).To(Equal(mirror.Update))
		Expect(plan.InOrder).To(BeTrue())
		Expect(data(plan)).To(HaveKeyWithValue("password", "new"))
		Expect(plan.Outcome.Class).To(Equal(outcome.Ready))
		Expect(condition(plan, v1alpha1.SyncedCondition).Reason).To(Equal(v1alpha1.MirroredReason))
	})

	It("writes nothing when only what it doesn't mirror changed (S5)", func() {
		plan := mirror.Decide(after(60, func(f *mirror.Facts) {
			content := redact.Data{}
			for key, value := range f.Source.Data {
				content[key] = value
			}
			content["verifier"] = []byte("another")
			rotated(password)(f)
			f.Source.Data = content
		}))
		Expect(plan.Action).To(Equal(mirror.Leave))
		Expect(plan.InOrder).To(BeTrue())
		Expect(plan.Changed.Newest()).To(Equal(at(-1)))
	})
})

var _ = Describe("A mirror in order", func() {
	It("is kept, and nothing is read (rule 8)", func() {
		f := after(3600)
		Expect(mirror.NeedsSecrets(f)).To(BeFalse())
		f.Source, f.Target = nil, nil
		plan := mirror.Decide(f)
		Expect(plan.Keep).To(BeTrue())
		Expect(plan.InOrder).To(BeTrue())
		Expect(plan.Action).To(Equal(mirror.Leave))
		Expect(plan.Outcome.Class).To(Equal(outcome.Ready))
		Expect(plan.Outcome.Message).To(Equal("Secret monitoring/" + sourceName + " holds what SecretExport tazlab-db/grafana exports"))
	})

	It("is kept while the cache lags behind its own write", func() {
		Expect(mirror.Decide(after(60, func(f *mirror.Facts) { f.SeenVersion = "199" })).Keep).To(BeTrue())
	})

	DescribeTable("is looked at again",
		func(edit func(*mirror.Facts)) {
			f := after(60, edit)
			Expect(mirror.NeedsSecrets(f)).To(BeTrue())
			plan := mirror.Decide(f)
			Expect(plan.Keep).To(BeFalse())
			Expect(plan.Action).To(Equal(mirror.Leave))
			Expect(plan.InOrder).To(BeTrue())
			Expect(plan.Mirror).NotTo(BeNil())
		},
		Entry("on request", func(f *mirror.Facts) { f.Requested = true }),
		Entry("after somebody wrote it", func(f *mirror.Facts) { f.SeenVersion = "201" }),
		Entry("when the cache can't tell", func(f *mirror.Facts) { f.SeenVersion = "" }),
		Entry("after an edit of the import", func(f *mirror.Facts) { f.Import.Generation = 2 }),
		Entry("after an edit of the export", func(f *mirror.Facts) { f.Export.Generation, f.Export.Status.ObservedGeneration = 2, 2 }),
		Entry("of another export of that name", func(f *mirror.Facts) { f.Export.UID = "export-2" }),
		Entry("of a reborn namespace", func(f *mirror.Facts) { f.ExportNamespace.UID = "reborn" }),
		Entry("without a record of its source", func(f *mirror.Facts) { f.Import.Status.Source = nil }),
		Entry("without a record of itself", func(f *mirror.Facts) { f.Import.Status.Target = nil }),
		Entry("after the API server refused a write", func(f *mirror.Facts) { f.Import.Status.Target.ResourceVersion = "" }),
		Entry("after it was called not synced", func(f *mirror.Facts) {
			outcome.Outcome{Class: outcome.Stalled, Conditions: []outcome.Condition{outcome.False(v1alpha1.SyncedCondition, "x", "y")}}.Set(f.Import)
		}),
	)

	DescribeTable("doesn't hide what is wrong since, however often it is looked at",
		func(reason string, edits ...func(*mirror.Facts)) {
			f := after(60, edits...)
			plan := mirror.Decide(f)
			expectRefusal(plan, outcome.Stalled, reason)
			// What is reported: a refusal leaves the records of source and target.
			f.Requested = false
			f.Import.Status.ObservedGeneration = f.Import.Generation
			plan.Outcome.Set(f.Import)
			Expect(mirror.NeedsSecrets(f)).To(BeTrue())
			expectRefusal(mirror.Decide(f), outcome.Stalled, reason)
		},
		Entry("an edit that asks for a missing key", v1alpha1.KeyMissingReason,
			func(f *mirror.Facts) { f.Import.Generation = 2 }, keys(v1alpha1.KeyMapping{From: "gone"})),
		Entry("an edit with a template that fails", v1alpha1.TemplateFailedReason,
			func(f *mirror.Facts) { f.Import.Generation = 2 }, templates(map[string]v1alpha1.TemplateText{"x": "{{ .gone }}"})),
		Entry("an ExternalSecret that writes again", v1alpha1.ExternalSecretNotSeedReason,
			func(f *mirror.Facts) { f.Requested = true }, cooperate, external(writing)),
	)

	It("is put right after somebody changed it", func() {
		f := after(60, func(f *mirror.Facts) {
			f.Target.Secret().Data["password"] = []byte("tampered")
			f.SeenVersion = "201"
		})
		plan := mirror.Decide(f)
		Expect(plan.Action).To(Equal(mirror.Update))
		Expect(data(plan)).To(HaveKeyWithValue("password", password))
		Expect(plan.Changed).To(HaveKeyWithValue("password", at(60)))
	})

	It("is written anew after somebody deleted it", func() {
		f := after(60, func(f *mirror.Facts) { f.Target, f.SeenVersion = nil, "" })
		Expect(mirror.NeedsSecrets(f)).To(BeTrue())
		Expect(mirror.Decide(f).Action).To(Equal(mirror.Create))
	})
})

var _ = Describe("The target's name", func() {
	written := func(f *mirror.Facts) { *f = settled(*f) }
	withStatus := func(f *mirror.Facts) { f.Import.Status.Target = &v1alpha1.ImportTargetStatus{Name: "noted"} }
	DescribeTable("is",
		func(expected string, edits ...func(*mirror.Facts)) {
			f := facts(edits...)
			Expect(mirror.TargetName(f.Import, f.Export)).To(Equal(expected))
		},
		Entry("what the import says", "db", withStatus, func(f *mirror.Facts) { f.Import.Spec.Target.Name = "db" }),
		Entry("else the source's", sourceName, withStatus),
		Entry("else, once the mirror is written, what it was then", sourceName, written, sourceIs("renamed")),
		Entry("the source's again, if the import asks another export", "renamed", written, sourceIs("renamed"),
			func(f *mirror.Facts) { f.Import.Spec.From.Name = "another" }),
		Entry("else what it was, while there is no export", "noted", withStatus, absent),
		Entry("else unknown", "", absent),
	)
})

// sourceIs has the export be one of another Secret.
func sourceIs(name string) func(*mirror.Facts) {
	return func(f *mirror.Facts) {
		f.Export.Spec.Source = v1alpha1.ExportSource{Secret: &v1alpha1.SecretSource{Name: name}}
		f.Export.Generation, f.Export.Status.ObservedGeneration = 2, 2
	}
}

var _ = Describe("An export that is edited to be of another Secret", func() {
	It("has no new Secret written where the import names none; the mirror stays", func() {
		f := after(60, sourceIs("renamed"))
		Expect(mirror.NeedsSecrets(f)).To(BeFalse())
		expectRefusal(mirror.Decide(f), outcome.Stalled, v1alpha1.ConflictReason,
			"SecretExport tazlab-db/grafana", `"renamed"`, "Secret monitoring/"+sourceName, "set spec.target.name")
		Expect(condition(mirror.Decide(f), v1alpha1.AllowedCondition).Status).To(Equal(metav1.ConditionTrue))
	})

	It("says so also after the API server failed, and while the export is not ready", func() {
		f := after(60, sourceIs("renamed"), notReady("restoring"), func(f *mirror.Facts) { f.Import.Status.Target.ResourceVersion = "" })
		expectRefusal(mirror.Decide(f), outcome.Stalled, v1alpha1.ConflictReason)
	})

	DescribeTable("goes on with the name that the import gives",
		func(name string, action mirror.Action, edit func(*mirror.Facts)) {
			f := after(60, sourceIs("renamed"), edit, func(f *mirror.Facts) {
				f.Import.Spec.Target.Name, f.Import.Generation = name, 2
				f.Export.Status.CA, f.Export.Status.Revision = "", "100"
			})
			plan := mirror.Decide(f)
			Expect(plan.Action).To(Equal(action))
			Expect(plan.Mirror.Secret().Name).To(Equal(name))
		},
		Entry("that of the mirror", sourceName, mirror.Update, func(*mirror.Facts) {}),
		Entry("another one", "renamed", mirror.Create, func(f *mirror.Facts) { f.Target, f.SeenVersion = nil, "" }),
	)

	It("decides the name of a mirror that was never written", func() {
		f := facts(sourceIs("renamed"), func(f *mirror.Facts) { f.Export.Status.CA, f.Export.Status.Revision = "", "100" })
		Expect(mirror.Decide(f).Mirror.Secret().Name).To(Equal("renamed"))
	})
})

var _ = Describe("Of two imports for one Secret", func() {
	imp := func(name string, created int, held string) *v1alpha1.SecretImport {
		i := grafanaImport()
		i.Name, i.CreationTimestamp = name, metav1.NewTime(at(created))
		if held != "" {
			i.Status.Target = &v1alpha1.ImportTargetStatus{Name: "db", ResourceVersion: held}
		}
		return i
	}
	DescribeTable("one comes first",
		func(first, second *v1alpha1.SecretImport) {
			Expect(mirror.Precedes(first, second, "db")).To(BeTrue())
			Expect(mirror.Precedes(second, first, "db")).To(BeFalse())
		},
		Entry("the one that holds the mirror", imp("b", 2, "9"), imp("a", 1, "")),
		Entry("the older one", imp("b", 1, ""), imp("a", 2, "")),
		Entry("the older one of two that hold it", imp("b", 1, "9"), imp("a", 2, "9")),
		Entry("the first by name", imp("a", 1, ""), imp("b", 1, "")),
	)

	It("one that only names it holds nothing", func() {
		waiting := imp("b", 2, "9")
		waiting.Status.Target.ResourceVersion = ""
		Expect(mirror.Precedes(waiting, imp("a", 1, ""), "db")).To(BeFalse())
		other := imp("b", 2, "9")
		other.Status.Target.Name = "other"
		Expect(mirror.Precedes(other, imp("a", 1, ""), "db")).To(BeFalse())
	})
})

var _ = Describe("Facts and plans", func() {
	DescribeTable("print no value",
		func(verb string) {
			f := after(60, rotated("canary-rotated"))
			plan := mirror.Decide(f)
			for _, printed := range []any{f, &f, plan, &plan, f.Source, *f.Source, f.Target, plan.Mirror, []any{plan.Mirror}} {
				Expect(strings.ToLower(fmt.Sprintf(verb, printed))).NotTo(Or(
					ContainSubstring("canary"), ContainSubstring("63616e617279"), ContainSubstring("99 97 110 97 114 121")))
			}
		},
		Entry("%v", "%v"), Entry("%+v", "%+v"), Entry("%#v", "%#v"), Entry("%s", "%s"), Entry("%q", "%q"), Entry("%x", "%x"), Entry("%d", "%d"),
	)
})
