package mirror_test

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/outcome"
	"github.com/tazzo/rebirth/internal/secretsync/externalsecret"
	"github.com/tazzo/rebirth/internal/secretsync/mirror"
)

// ownedBy gives a Secret a controller.
func ownedBy(apiVersion, kind, name, uid string) func(*corev1.Secret) {
	return func(s *corev1.Secret) {
		yes := true
		s.OwnerReferences = append(s.OwnerReferences, metav1.OwnerReference{APIVersion: apiVersion, Kind: kind, Name: name, UID: types.UID(uid), Controller: &yes})
	}
}

var (
	ours        = ownedBy("rebirth.tazlab.net/v1alpha1", "SecretImport", "grafana-db", "import-1")
	formerLife  = ownedBy("rebirth.tazlab.net/v1alpha1", "SecretImport", "grafana-db", "import-0")
	otherImport = ownedBy("rebirth.tazlab.net/v1alpha1", "SecretImport", "other", "import-2")
	controller  = ownedBy("cert-manager.io/v1", "Certificate", "grafana", "certificate-1")
	esoOwner    = ownedBy("external-secrets.io/v1", "ExternalSecret", sourceName, "eso-1")
)

// seeded bears ESO's marks without an owner, as with creationPolicy Orphan.
func seeded(s *corev1.Secret) {
	s.Labels = map[string]string{"reconcile.external-secrets.io/managed": "true", "reconcile.external-secrets.io/created-by": "x"}
	s.Annotations = map[string]string{"reconcile.external-secrets.io/data-hash": "x"}
	s.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "externalsecrets.external-secrets.io/" + sourceName}}
}

func inFlux(s *corev1.Secret) {
	s.Labels = map[string]string{"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}
}

// external is an ExternalSecret of the target's name.
func external(edits ...func(*externalsecret.External)) func(*mirror.Facts) {
	return func(f *mirror.Facts) {
		e := externalsecret.External{
			Namespace: "monitoring", Name: sourceName, Served: true, Exists: true, UID: "eso-1", ResourceVersion: "7",
			TargetName: sourceName, CreationPolicy: "Orphan", RefreshPolicy: "CreatedOnce", Refreshed: true,
		}
		for _, edit := range edits {
			edit(&e)
		}
		f.External = &e
	}
}

func writing(e *externalsecret.External) { e.CreationPolicy, e.RefreshPolicy = "Owner", "Periodic" }

func frozen(e *externalsecret.External) {
	e.Annotations = map[string]string{v1alpha1.FrozenAnnotation: "{}", "kustomize.toolkit.fluxcd.io/reconcile": "disabled"}
}

func gone(e *externalsecret.External) { e.Exists = false }

func named(name string) func(*externalsecret.External) {
	return func(e *externalsecret.External) { e.Name = name }
}

// takeOver asks for the target of the ExternalSecret, "" for that of its name.
func takeOver(method v1alpha1.TakeOverMethod, name string) func(*mirror.Facts) {
	return func(f *mirror.Facts) {
		policy(v1alpha1.ExistingTakeOver)(f)
		f.Import.Spec.ExternalSecret = &v1alpha1.ExternalSecretReference{Name: name, Method: method}
	}
}

var (
	cooperate = takeOver(v1alpha1.TakeOverCooperate, "")
	freeze    = takeOver(v1alpha1.TakeOverFreeze, "")
)

var _ = Describe("A Secret in the mirror's place", func() {
	type row struct {
		name   string
		secret func(*corev1.Secret)
		// refused holds the reason of the refusal by policy; "" is written.
		refuse, adopt, takeOver string
		words                   []string
	}
	nobody := func(*corev1.Secret) {}
	conflict, importConflict, git := v1alpha1.ConflictReason, v1alpha1.ImportConflictReason, v1alpha1.ManagedByGitReason
	for _, r := range []row{
		{"is the import's own", ours, "", "", "", nil},
		{"is the import's of a former life", formerLife, "", "", "", nil},
		{"is nobody's", nobody, conflict, "", "", []string{"spec.existing: Adopt", "spec.target.name"}},
		{"is another import's", otherImport, importConflict, importConflict, importConflict, []string{"SecretImport other", "spec.target.name"}},
		{"is another controller's", controller, conflict, conflict, conflict, []string{"Certificate monitoring/grafana", "spec.target.name"}},
		{"is an ExternalSecret's", esoOwner, conflict, conflict, "", []string{"ExternalSecret monitoring/" + sourceName, "spec.existing: TakeOver", "creationPolicy: Orphan", "refreshPolicy: CreatedOnce"}},
		{"was seeded by an ExternalSecret", seeded, conflict, conflict, "", []string{"ExternalSecret monitoring/" + sourceName, "spec.existing: TakeOver"}},
		{"is applied from Git", inFlux, git, git, git, []string{"Kustomization flux-system/apps", "spec.target.name"}},
		{"is the import's own and applied from Git", func(s *corev1.Secret) { ours(s); inFlux(s) }, git, git, git, []string{"Kustomization flux-system/apps"}},
		{"is a Helm release's", func(s *corev1.Secret) {
			s.Labels = map[string]string{v1alpha1.ManagedByLabel: "Helm"}
			s.Annotations = map[string]string{"meta.helm.sh/release-name": "grafana", "meta.helm.sh/release-namespace": "monitoring"}
		}, git, git, git, []string{"Helm release monitoring/grafana"}},
	} {
		for of, reason := range map[v1alpha1.ExistingPolicy]string{
			v1alpha1.ExistingRefuse: r.refuse, v1alpha1.ExistingAdopt: r.adopt, v1alpha1.ExistingTakeOver: r.takeOver, "": r.refuse,
		} {
			asked := policy(of)
			if of == v1alpha1.ExistingTakeOver {
				asked = func(f *mirror.Facts) { cooperate(f); external()(f) }
			}
			It(fmt.Sprintf("that %s, with existing %q: %s", r.name, of, map[bool]string{true: "is written", false: reason}[reason == ""]), func() {
				plan := mirror.Decide(facts(existing(r.secret), asked))
				if reason != "" {
					expectRefusal(plan, outcome.Stalled, reason, append(r.words, "Secret monitoring/"+sourceName)...)
					return
				}
				Expect(plan.Action).To(Equal(mirror.Update))
				Expect(plan.Mirror.Secret().ResourceVersion).To(Equal("50"))
				Expect(data(plan)).To(HaveKeyWithValue("password", password))
				Expect(metav1.GetControllerOf(plan.Mirror.Secret()).UID).To(Equal(types.UID("import-1")))
			})
		}
	}

	DescribeTable("is not taken by an import without target.name, for the export's owner would have chosen it",
		func(asked func(*mirror.Facts), secret func(*corev1.Secret)) {
			unnamed := func(f *mirror.Facts) { f.Import.Spec.Target.Name = "" }
			plan := mirror.Decide(facts(asked, external(), unnamed, existing(secret)))
			expectRefusal(plan, outcome.Stalled, v1alpha1.ConflictReason, "needs spec.target.name", "Secret monitoring/"+sourceName)
			Expect(mirror.Decide(facts(asked, external(), unnamed, existing(ours))).Action).To(Equal(mirror.Update), "its own is kept up to date")
		},
		Entry("nobody's, with Adopt", policy(v1alpha1.ExistingAdopt), nobody),
		Entry("an ExternalSecret's, with TakeOver", cooperate, esoOwner),
	)

	It("is written as ours from then on, with what others put on it", func() {
		plan := mirror.Decide(facts(policy(v1alpha1.ExistingAdopt), existing(func(s *corev1.Secret) {
			s.Labels, s.Annotations = map[string]string{"team": "web"}, map[string]string{"note": "1"}
			s.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "c", UID: "c"}}
			s.Finalizers = []string{"example.com/keep"}
		})))
		secret := plan.Mirror.Secret()
		Expect(secret.Labels).To(Equal(map[string]string{"team": "web", v1alpha1.ManagedByLabel: "secret-sync"}))
		Expect(secret.Annotations).To(And(HaveLen(3), HaveKeyWithValue("note", "1"), HaveKeyWithValue(v1alpha1.SourceAnnotation, "tazlab-db/grafana")))
		Expect(secret.OwnerReferences).To(HaveLen(2))
		Expect(secret.Finalizers).To(ConsistOf("example.com/keep"))
		Expect(secret.Data).NotTo(HaveKey("theirs"))
		Expect(condition(plan, v1alpha1.TakenOverCondition)).To(Equal(
			outcome.True(v1alpha1.TakenOverCondition, v1alpha1.TakenOverReason, "adopted a Secret that nobody owned")))
	})

	It("is not touched in memory", func() {
		f := facts(policy(v1alpha1.ExistingAdopt), existing())
		before := f.Target.Secret().DeepCopy()
		mirror.Decide(f)
		Expect(f.Target.Secret()).To(Equal(before))
	})

	It("loses the keys that are not the mirror's", func() {
		plan := mirror.Decide(facts(existing(ours, func(s *corev1.Secret) { s.Data["stale"] = []byte("x") })))
		Expect(data(plan)).NotTo(HaveKey("stale"))
	})

	It("that is immutable is named with the way out, unless it is right already", func() {
		immutable := func(f *mirror.Facts) { f.Target.Secret().Immutable = new(true) }
		expectRefusal(mirror.Decide(after(60, rotated("new"), immutable)), outcome.Stalled, v1alpha1.ImmutableReason,
			"Secret monitoring/"+sourceName, "delete it")
		right := mirror.Decide(after(60, immutable, func(f *mirror.Facts) { f.Requested = true }))
		Expect(right.Action).To(Equal(mirror.Leave))
		Expect(right.InOrder).To(BeTrue())
		mutable := mirror.Decide(after(60, rotated("new"), func(f *mirror.Facts) { f.Target.Secret().Immutable = new(bool) }))
		Expect(mutable.Action).To(Equal(mirror.Update))
	})
})

var _ = Describe("A mirror that is created", func() {
	It("carries its own marks, and nothing of the source's (S17)", func() {
		secret := mirror.Decide(facts()).Mirror.Secret()
		Expect(secret.APIVersion).To(Equal("v1"))
		Expect(secret.Kind).To(Equal("Secret"))
		Expect(secret.Namespace).To(Equal("monitoring"))
		Expect(secret.Name).To(Equal(sourceName))
		Expect(secret.Labels).To(Equal(map[string]string{v1alpha1.ManagedByLabel: v1alpha1.ManagedByValue}))
		Expect(secret.Annotations).To(HaveLen(2))
		Expect(secret.Annotations).To(HaveKeyWithValue(v1alpha1.SourceAnnotation, "tazlab-db/grafana"))
		Expect(secret.Annotations).To(HaveKey(v1alpha1.ChangedAnnotation))
		Expect(secret.OwnerReferences).To(HaveLen(1))
		Expect(secret.OwnerReferences[0]).To(Equal(*metav1.NewControllerRef(grafanaImport(), v1alpha1.GroupVersion.WithKind("SecretImport"))))
		Expect(secret.Finalizers).To(BeEmpty())
	})

	It("has the name that the import asks for", func() {
		plan := mirror.Decide(facts(func(f *mirror.Facts) { f.Import.Spec.Target.Name = "db" }))
		Expect(plan.Mirror.Secret().Name).To(Equal("db"))
		Expect(plan.Outcome.Message).To(Equal("Secret monitoring/db holds what SecretExport tazlab-db/grafana exports"))
	})
})

var _ = Describe("Taking over from External Secrets", func() {
	theirs := func(f *mirror.Facts) { existing(esoOwner, seeded)(f) }

	It("releases the Secret from it", func() {
		plan := mirror.Decide(facts(theirs, cooperate, external()))
		Expect(plan.Action).To(Equal(mirror.Update))
		secret := plan.Mirror.Secret()
		Expect(secret.OwnerReferences).To(HaveLen(1))
		Expect(secret.OwnerReferences[0].Kind).To(Equal("SecretImport"))
		Expect(secret.Labels).To(HaveLen(1))
		Expect(secret.Annotations).NotTo(HaveKey(ContainSubstring("external-secrets")))
		Expect(condition(plan, v1alpha1.TakenOverCondition)).To(Equal(outcome.True(v1alpha1.TakenOverCondition, v1alpha1.TakenOverReason,
			"taken over from ExternalSecret monitoring/"+sourceName)))
		Expect(plan.Frozen).To(BeNil())
	})

	It("says nothing of it while the mirror is ours already", func() {
		plan := mirror.Decide(facts(existing(ours), cooperate, external()))
		Expect(condition(plan, v1alpha1.TakenOverCondition)).To(BeZero())
	})

	DescribeTable("doesn't begin while",
		func(reason string, words []string, edits ...func(*mirror.Facts)) {
			expectRefusal(mirror.Decide(facts(edits...)), outcome.Stalled, reason, words...)
		},
		Entry("it writes (Cooperate)", v1alpha1.ExternalSecretNotSeedReason, []string{"creationPolicy to Orphan", "refreshPolicy to CreatedOnce"},
			theirs, cooperate, external(writing)),
		Entry("it writes, and no Secret is there yet", v1alpha1.ExternalSecretNotSeedReason, []string{"creationPolicy"}, cooperate, external(writing)),
		Entry("it writes another Secret", v1alpha1.ExternalSecretNotSeedReason, []string{`writes Secret "other"`, "spec.externalSecret.name"},
			existing(), cooperate, external(func(e *externalsecret.External) { e.TargetName = "other" })),
		Entry("another one owns the Secret", v1alpha1.ConflictReason, []string{"ExternalSecret monitoring/" + sourceName, `"third"`, "spec.externalSecret.name"},
			theirs, takeOver(v1alpha1.TakeOverCooperate, "third"), external(named("third"))),
		Entry("another controller owns the Secret: nothing is frozen", v1alpha1.ConflictReason, []string{"Certificate"},
			existing(controller), freeze, external(writing)),
	)

	It("adopts what an ExternalSecret that is gone has left", func() {
		Expect(mirror.Decide(facts(theirs, cooperate, external(gone))).Action).To(Equal(mirror.Update))
		Expect(mirror.Decide(facts(cooperate, external(gone))).Action).To(Equal(mirror.Create))
	})

	It("takes one whose writer can't be named", func() {
		plan := mirror.Decide(facts(existing(seeded, func(s *corev1.Secret) { s.ManagedFields = nil }), cooperate, external()))
		Expect(condition(plan, v1alpha1.TakenOverCondition).Message).To(Equal("taken over from an ExternalSecret of namespace monitoring"))
	})

	Describe("with Freeze", func() {
		It("freezes first and takes the Secret after", func() {
			f := facts(theirs, freeze, external(writing))
			plan := mirror.Decide(f)
			Expect(plan.Action).To(Equal(mirror.Freeze))
			Expect(plan.Mirror).To(BeNil())
			Expect(plan.InOrder).To(BeFalse())
			Expect(plan.Frozen).To(HaveValue(Equal(sourceName)))
			Expect(plan.Outcome.Class).To(Equal(outcome.Waiting))
			Expect(plan.Outcome.Reason).To(Equal(v1alpha1.ExternalSecretFrozenReason))

			external(frozen)(&f)
			plan = mirror.Decide(f)
			Expect(plan.Action).To(Equal(mirror.Update))
			Expect(plan.Frozen).To(HaveValue(Equal(sourceName)))
			taken := condition(plan, v1alpha1.TakenOverCondition)
			Expect(taken.Reason).To(Equal(v1alpha1.ExternalSecretFrozenReason))
			Expect(taken.Message).To(ContainSubstring(v1alpha1.FrozenAnnotation))
		})

		It("remembers what it froze, even if the first report of it was lost", func() {
			Expect(mirror.Decide(facts(freeze, external(frozen))).Frozen).To(HaveValue(Equal(sourceName)))
			refused := mirror.Decide(facts(freeze, external(frozen), existing(func(s *corev1.Secret) { ours(s); s.Immutable = new(true) })))
			Expect(refused.Outcome.Reason).To(Equal(v1alpha1.ImmutableReason))
			Expect(refused.Frozen).To(HaveValue(Equal(sourceName)))
			Expect(condition(refused, v1alpha1.TakenOverCondition)).To(BeZero())
		})

		DescribeTable("claims to have frozen only what it froze",
			func(edits ...func(*mirror.Facts)) {
				plan := mirror.Decide(facts(append(edits, freeze)...))
				Expect(plan.Action).To(Equal(mirror.Update))
				Expect(plan.Frozen).To(BeNil())
				Expect(condition(plan, v1alpha1.TakenOverCondition).Reason).To(Equal(v1alpha1.TakenOverReason))
			},
			Entry("not one that Git has quieted", theirs, external()),
			Entry("not one that doesn't exist", existing(), external(gone)),
		)

		// frozenBefore are the settled facts of an import that froze.
		frozenBefore := func(edits ...func(*mirror.Facts)) mirror.Facts {
			f := settled(facts(theirs, freeze, external(frozen)))
			f.Now = at(60)
			for _, edit := range edits {
				edit(&f)
			}
			return f
		}

		It("leaves it frozen in a steady state", func() {
			Expect(mirror.Decide(frozenBefore()).Keep).To(BeTrue())
			Expect(mirror.NeedsSecrets(frozenBefore())).To(BeFalse())
		})

		DescribeTable("gives back what it no longer asks for",
			func(asked func(*mirror.Facts)) {
				f := frozenBefore(func(f *mirror.Facts) { f.Import.Generation = 2 }, asked)
				Expect(mirror.NeedsSecrets(f)).To(BeTrue())
				Expect(mirror.ExternalSecretName(f.Import, sourceName)).To(Equal(sourceName))
				plan := mirror.Decide(f)
				Expect(plan.Action).To(Equal(mirror.Thaw))
				Expect(plan.InOrder).To(BeFalse())
				Expect(plan.Frozen).To(HaveValue(BeEmpty()))
				Expect(plan.Outcome.Class).To(Equal(outcome.Waiting))
				Expect(plan.Outcome.Reason).To(Equal(v1alpha1.ExternalSecretReleasedReason))
				Expect(plan.Outcome.Message).To(ContainSubstring(sourceName))
				Expect(plan.Outcome.Absent).To(ConsistOf(v1alpha1.TakenOverCondition))
			},
			Entry("with another method", cooperate),
			Entry("with another policy", policy(v1alpha1.ExistingRefuse)),
			Entry("with another ExternalSecret", takeOver(v1alpha1.TakeOverFreeze, "third")),
			Entry("with none", func(f *mirror.Facts) { f.Import.Spec.ExternalSecret = nil }),
		)

		It("shows the way back to one that asks for Cooperate of what is frozen", func() {
			plan := mirror.Decide(facts(theirs, cooperate, external(frozen)))
			Expect(plan.Frozen).To(BeNil())
			taken := condition(plan, v1alpha1.TakenOverCondition)
			Expect(taken.Reason).To(Equal(v1alpha1.TakenOverReason))
			Expect(taken.Message).To(ContainSubstring("remove that annotation"))
		})
	})

	DescribeTable("reads one ExternalSecret",
		func(expected string, edits ...func(*mirror.Facts)) {
			Expect(mirror.ExternalSecretName(facts(edits...).Import, "db")).To(Equal(expected))
		},
		Entry("none with Refuse", "", policy(v1alpha1.ExistingRefuse)),
		Entry("none with Adopt", "", policy(v1alpha1.ExistingAdopt)),
		Entry("that of the target's name with TakeOver", "db", policy(v1alpha1.ExistingTakeOver)),
		Entry("that of the target's name if none is named", "db", cooperate),
		Entry("the named one", "third", takeOver(v1alpha1.TakeOverCooperate, "third")),
		Entry("the one to give back first", "second", takeOver(v1alpha1.TakeOverFreeze, "third"),
			func(f *mirror.Facts) { f.Import.Status.FrozenExternalSecret = "second" }),
	)
})
