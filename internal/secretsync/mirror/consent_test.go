package mirror_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/outcome"
	"github.com/tazzo/rebirth/internal/secretsync/mirror"
)

func absent(f *mirror.Facts) { f.Export = nil }

func unnamed(f *mirror.Facts) {
	f.Export.Spec.To = []v1alpha1.ExportDestination{{Namespace: "elsewhere"}}
}

// remembered is what the export said about withdrawal when it was last served.
func remembered(p v1alpha1.RevokePolicy) func(*mirror.Facts) {
	return func(f *mirror.Facts) { f.Import.Status.Source.OnRevoke = p }
}

// live is what the export says about it now.
func live(p v1alpha1.RevokePolicy) func(*mirror.Facts) {
	return func(f *mirror.Facts) { f.Export.Spec.OnRevoke = p }
}

// said has the status say since so many seconds that consent is withdrawn.
func said(seconds int) func(*mirror.Facts) {
	return func(f *mirror.Facts) {
		f.Import.Status.Conditions = []metav1.Condition{{
			Type: v1alpha1.AllowedCondition, Status: metav1.ConditionFalse, Reason: v1alpha1.RevokedReason,
			LastTransitionTime: metav1.NewTime(f.Now.Add(-time.Duration(seconds) * time.Second)),
		}}
	}
}

var _ = Describe("An export's consent", func() {
	selecting := func(selector metav1.LabelSelector) []v1alpha1.ExportDestination {
		return []v1alpha1.ExportDestination{{Namespace: "elsewhere"}, {NamespaceSelector: &selector}}
	}
	DescribeTable("names a namespace",
		func(to []v1alpha1.ExportDestination, named bool) {
			export := grafanaExport()
			export.Spec.To = to
			namespace := mirror.Namespace{Name: "monitoring", Labels: map[string]string{"team": "observability"}}
			Expect(mirror.Names(export, namespace)).To(Equal(named))
		},
		Entry("by its name", []v1alpha1.ExportDestination{{Namespace: "elsewhere"}, {Namespace: "monitoring"}}, true),
		Entry("not by another name", []v1alpha1.ExportDestination{{Namespace: "monitoring-2"}}, false),
		Entry("not by nothing", nil, false),
		Entry("not by an entry that says nothing", []v1alpha1.ExportDestination{{}}, false),
		Entry("by a label", selecting(metav1.LabelSelector{MatchLabels: map[string]string{"team": "observability"}}), true),
		Entry("not by another value", selecting(metav1.LabelSelector{MatchLabels: map[string]string{"team": "web"}}), false),
		Entry("by an expression", selecting(metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: "team", Operator: metav1.LabelSelectorOpIn, Values: []string{"web", "observability"}}}}), true),
		Entry("by the empty selector, which selects all", selecting(metav1.LabelSelector{}), true),
		Entry("not by a selector that can't be parsed", selecting(metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: "team", Operator: "Contains"}}}), false),
	)

	It("lets the mirror be written", func() {
		plan := mirror.Decide(facts())
		Expect(plan.Action).To(Equal(mirror.Create))
		Expect(condition(plan, v1alpha1.AllowedCondition)).To(Equal(
			outcome.True(v1alpha1.AllowedCondition, v1alpha1.ExportedReason, "the export names this namespace")))
	})

	It("is answered in the same words whether the export is missing or names others (no oracle)", func() {
		missing, other := facts(absent), facts(unnamed)
		Expect(mirror.Decide(missing)).To(Equal(mirror.Decide(other)))
		expectRefusal(mirror.Decide(missing), outcome.Stalled, v1alpha1.NotExportedReason,
			"no SecretExport tazlab-db/grafana exports to namespace monitoring", "spec.from", "spec.to")
		Expect(condition(mirror.Decide(missing), v1alpha1.AllowedCondition).Status).To(Equal(metav1.ConditionFalse))
	})

	It("is waited for during an import's first minute, as Flux applies both in either order", func() {
		for _, edit := range []func(*mirror.Facts){absent, unnamed} {
			plan := mirror.Decide(facts(edit, created(-59)))
			expectRefusal(plan, outcome.Waiting, v1alpha1.NotExportedReason, "spec.from", "spec.to")
			Expect(plan.LookAgain).To(Equal(at(1)))
			Expect(condition(plan, v1alpha1.AllowedCondition).Status).To(Equal(metav1.ConditionFalse))
		}
		expectRefusal(mirror.Decide(facts(absent, created(-60))), outcome.Stalled, v1alpha1.NotExportedReason, "spec.from", "spec.to")
	})

	DescribeTable("decides whether anything is read (no oracle)",
		func(edit func(*mirror.Facts), needed bool) {
			Expect(mirror.NeedsSecrets(facts(edit))).To(Equal(needed))
			Expect(mirror.NeedsTarget(facts(edit))).To(BeFalse())
		},
		Entry("given", func(*mirror.Facts) {}, true),
		Entry("no export", absent, false),
		Entry("another namespace named", unnamed, false),
		Entry("given, but the export is not ready", notReady("restoring"), false),
		Entry("given, but the chart grants nothing here", func(f *mirror.Facts) { f.Granted = false }, false),
		Entry("given, but another import came first", func(f *mirror.Facts) { f.Rivals = []string{"other"} }, false),
		Entry("given, but this namespace is going", func(f *mirror.Facts) { f.Namespace.Terminating = true }, false),
		Entry("given, but the spec is wrong", func(f *mirror.Facts) { f.Import.Spec.From.Namespace = "monitoring" }, false),
	)

	It("is not asked for before the import itself is right", func() {
		for _, edit := range []func(*mirror.Facts){absent, unnamed} {
			f := facts(edit, func(f *mirror.Facts) { f.Granted = false })
			expectRefusal(mirror.Decide(f), outcome.Stalled, v1alpha1.NoRightsReason, "monitoring", "imports: [{namespace: monitoring}]")
		}
	})

	It("was never given to this import if it was given to another export's, and is not waited for after an edit", func() {
		f := after(60, absent, created(30), func(f *mirror.Facts) { f.Import.Spec.From.Name = "backend" })
		expectRefusal(mirror.Decide(f), outcome.Stalled, v1alpha1.NotExportedReason, "tazlab-db/backend")
	})
})

var _ = Describe("Withdrawn consent", func() {
	DescribeTable("is told from a namespace that is being reborn",
		func(edit func(*mirror.Facts), reason string, class outcome.Class) {
			expectRefusal(mirror.Decide(after(60, absent, edit)),
				class, reason, "tazlab-db/grafana")
		},
		Entry("its namespace lives on", func(*mirror.Facts) {}, v1alpha1.RevokedReason, outcome.Stalled),
		Entry("its namespace is going", func(f *mirror.Facts) { f.ExportNamespace.Terminating = true }, v1alpha1.ExportNotReadyReason, outcome.Waiting),
		Entry("its namespace is gone", func(f *mirror.Facts) { f.ExportNamespace.UID = "" }, v1alpha1.ExportNotReadyReason, outcome.Waiting),
		Entry("its namespace is another one", func(f *mirror.Facts) { f.ExportNamespace.UID = "reborn" }, v1alpha1.ExportNotReadyReason, outcome.Waiting),
	)

	It("doesn't take Allowed away while a namespace is being reborn (S15)", func() {
		f := after(60, absent, func(f *mirror.Facts) { f.ExportNamespace.UID = "" })
		Expect(condition(mirror.Decide(f), v1alpha1.AllowedCondition).Status).To(Equal(metav1.ConditionTrue))
		Expect(mirror.NeedsTarget(f)).To(BeFalse())
	})

	DescribeTable("retains or deletes the mirror",
		func(deleted bool, edits ...func(*mirror.Facts)) {
			f := after(60, append(edits, said(10))...)
			Expect(mirror.NeedsSecrets(f)).To(BeFalse())
			Expect(mirror.NeedsTarget(f)).To(Equal(deleted))
			plan := mirror.Decide(f)
			Expect(plan.Forget).To(Equal(deleted))
			Expect(plan.Outcome.Class).To(Equal(outcome.Stalled))
			Expect(plan.Outcome.Reason).To(Equal(v1alpha1.RevokedReason))
			Expect(plan.Outcome.Absent).To(ConsistOf(v1alpha1.RestartedCondition))
			if deleted {
				Expect(plan.Action).To(Equal(mirror.Delete))
				Expect(plan.Mirror).To(BeIdenticalTo(f.Target))
				Expect(plan.Outcome.Message).To(ContainSubstring("the mirror is deleted"))
			} else {
				expectRefusal(plan, outcome.Stalled, v1alpha1.RevokedReason, "retained")
			}
		},
		Entry("the export is gone and said Retain", false, absent),
		Entry("the export is gone and said Delete", true, remembered(v1alpha1.RevokeDelete), absent),
		Entry("the export names others and says Retain now", false, remembered(v1alpha1.RevokeDelete), live(v1alpha1.RevokeRetain), unnamed),
		Entry("the export names others and says Delete now", true, remembered(v1alpha1.RevokeRetain), live(v1alpha1.RevokeDelete), unnamed),
		Entry("the export says nothing", false, remembered(""), absent),
	)

	revokedAndDeleted := func(edits ...func(*mirror.Facts)) mirror.Facts {
		return after(60, append([]func(*mirror.Facts){remembered(v1alpha1.RevokeDelete), absent, said(10)}, edits...)...)
	}

	DescribeTable("deletes nothing before it is ten seconds old: an export may be replaced",
		func(due int, edit func(*mirror.Facts)) {
			f := revokedAndDeleted(edit)
			Expect(mirror.NeedsTarget(f)).To(BeFalse())
			plan := mirror.Decide(f)
			expectRefusal(plan, outcome.Stalled, v1alpha1.RevokedReason, "deleted unless it is given again within 10s")
			Expect(plan.Forget).To(BeFalse())
			Expect(plan.LookAgain).To(Equal(at(due)))
		},
		Entry("it is seen for the first time", 70, func(f *mirror.Facts) { f.Import.Status.Conditions = nil }),
		Entry("it was said just now", 69, said(1)),
		Entry("it was said almost as long ago", 61, said(9)),
		Entry("something else was said long ago", 70, func(f *mirror.Facts) {
			said(100)(f)
			f.Import.Status.Conditions[0].Reason = v1alpha1.NotExportedReason
		}),
	)

	It("deletes nothing that isn't the import's", func() {
		plan := mirror.Decide(revokedAndDeleted(existing()))
		Expect(plan.Action).To(Equal(mirror.Leave))
		Expect(plan.Mirror).To(BeNil())
		Expect(plan.Forget).To(BeTrue())
	})

	It("deletes a mirror that the cache doesn't know", func() {
		f := revokedAndDeleted(func(f *mirror.Facts) { f.SeenVersion = "" })
		Expect(mirror.NeedsTarget(f)).To(BeTrue())
		Expect(mirror.Decide(f).Action).To(Equal(mirror.Delete))
	})

	It("is done once the mirror is gone", func() {
		f := revokedAndDeleted(func(f *mirror.Facts) { f.Target, f.SeenVersion, f.Import.Status.Target = nil, "", nil })
		Expect(mirror.NeedsTarget(f)).To(BeFalse())
		Expect(mirror.Decide(f).Action).To(Equal(mirror.Leave))
	})

	It("doesn't reach into a namespace without rights", func() {
		Expect(mirror.NeedsTarget(revokedAndDeleted(func(f *mirror.Facts) { f.Granted = false }))).To(BeFalse())
	})

	It("heals when consent is given again", func() {
		plan := mirror.Decide(after(60, func(f *mirror.Facts) { f.Import.Status.Target, f.Target, f.SeenVersion = nil, nil, "" }))
		Expect(plan.Action).To(Equal(mirror.Create))
	})
})
