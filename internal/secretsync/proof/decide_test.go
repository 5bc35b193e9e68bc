package proof_test

import (
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/outcome"
	"github.com/tazzo/rebirth/internal/secretsync/login"
	"github.com/tazzo/rebirth/internal/secretsync/pgo"
	"github.com/tazzo/rebirth/internal/secretsync/proof"
)

var _ = Describe("A login that succeeds", func() {
	It("publishes the revision with the CA", func() {
		plan := export().at(0, succeeded)
		expectPublished(plan, "100", v1alpha1.LoginSucceededReason, metav1.ConditionTrue)
		Expect(plan.Publish.CA).To(Equal(ca))
		Expect(plan.Publish.CAResourceVersion).To(Equal("90"))
		Expect(plan.Publish.Revision).To(MatchRegexp(`^100\.[0-9a-f]{8}$`))
		Expect(plan.Outcome.Message).To(Equal("Secret " + sourceName + " may be mirrored: the password logs in"))
		Expect(plan.RequeueAfter).To(BeZero())
		Expect(plan.Verification.Attempts).To(BeEquivalentTo(1))
	})

	DescribeTable("is tried for each policy but Off",
		func(policy v1alpha1.VerifyPolicy, due bool) {
			Expect(proof.LoginDue(facts(verify(policy)))).To(Equal(due))
		},
		Entry("Required", v1alpha1.VerifyRequired, true),
		Entry("BestEffort", v1alpha1.VerifyBestEffort, true),
		Entry("the default", v1alpha1.VerifyPolicy(""), true),
		Entry("Off", v1alpha1.VerifyOff, false),
	)

	DescribeTable("is tried once per revision and database",
		func(logins int, edit func(*proof.Facts)) {
			e := export()
			e.at(0, succeeded)
			plan := e.at(600, succeeded, edit)
			Expect(e.logins).To(Equal(1 + logins))
			if !plan.Keep {
				expectPublished(plan, e.Source.ResourceVersion, v1alpha1.LoginSucceededReason, metav1.ConditionTrue)
			}
			Expect(e.at(700, succeeded).Keep).To(BeTrue(), "and then it rests")
			Expect(e.logins).To(Equal(1 + logins))
		},
		Entry("not again when nothing changed", 0, func(*proof.Facts) {}),
		Entry("not again when the spec is edited", 0, func(f *proof.Facts) { f.Export.Generation = 2 }),
		Entry("not again when only the CA changed", 0, func(f *proof.Facts) { f.CA = &proof.CA{ResourceVersion: "91", PEM: ca + ca}; f.SeenCAVersion = "91" }),
		Entry("not again after a failover", 0, cluster(func(c *pgo.Cluster) { c.ReadyReplicas, c.StartupInstance = 1, "" })),
		Entry("again for another version of the Secret", 1, rewritten("101")),
		Entry("again after an in-place restore", 1, restored),
		Entry("again for a reborn cluster", 1, cluster(func(c *pgo.Cluster) { c.UID = "cluster-2" })),
		Entry("again for another database", 1, cluster(func(c *pgo.Cluster) { c.SystemIdentifier = "7001" })),
		Entry("again on request", 1, requested),
	)

	It("publishes a new revision when only the CA changed", func() {
		e := export()
		before := e.at(0, succeeded).Publish.Revision
		plan := e.at(60, succeeded, func(f *proof.Facts) { f.CA = &proof.CA{ResourceVersion: "91", PEM: ca + ca}; f.SeenCAVersion = "91" })
		Expect(plan.Publish.Revision).NotTo(Equal(before))
		Expect(plan.Verification.LastAttempt.Time).To(Equal(start), "the proof is that of before")
	})

	It("stays proven through a failover: the database is still the same", func() {
		e := export()
		e.at(0, succeeded)
		down := cluster(func(c *pgo.Cluster) { c.ReadyReplicas = 0 })
		Expect(e.at(60, unreachable, down).Keep).To(BeTrue())
		expectPending(e.at(120, unreachable, requested, down), outcome.Waiting, v1alpha1.UnreachableReason) // a request is a request
	})

	It("isn't kept through a failover if another version of the Secret comes meanwhile", func() {
		e := export()
		e.at(0, succeeded)
		expectPending(e.at(60, succeeded, rewritten("101"), cluster(func(c *pgo.Cluster) { c.ReadyReplicas = 0 })), outcome.Waiting, v1alpha1.ClusterStartingReason)
	})

	It("is asked for again when a refusal was all that is known", func() {
		e := export()
		e.at(0, refused)
		expectPublished(e.at(1, succeeded), "100", v1alpha1.LoginSucceededReason, metav1.ConditionTrue)
		Expect(e.Export.Status.Verification.RefusedSince).To(BeNil())
		Expect(e.Export.Status.Verification.Attempts).To(BeEquivalentTo(2))
	})
})

var _ = Describe("An export at rest", func() {
	It("reads nothing (rule 8)", func() {
		e := export()
		e.at(0, succeeded)
		e.Source, e.CA = nil, nil
		Expect(proof.NeedsSource(e.Facts)).To(BeFalse())
		Expect(proof.LoginDue(e.Facts)).To(BeFalse())
		plan := e.at(3600, succeeded)
		Expect(plan.Keep).To(BeTrue())
		Expect(plan.RequeueAfter).To(BeZero())
	})

	It("is proven anew when nobody knows whether it still holds", func() {
		e := export()
		e.at(0, succeeded)
		e.Export.Status.Verification = proof.Due(e.Export.Status.Verification)
		e.at(1, succeeded)
		Expect(e.logins).To(Equal(2))
	})

	It("rests while a cache lags behind what it read", func() {
		e := export(func(f *proof.Facts) { f.SeenVersion, f.SeenCAVersion = "99", "89" })
		e.at(0, succeeded)
		Expect(proof.NeedsSource(e.Facts)).To(BeFalse())
	})

	DescribeTable("reads, but writes nothing and logs in nowhere, while the cache can't tell",
		func(answer login.Result, edits ...func(*proof.Facts)) {
			e := export(append(edits, func(f *proof.Facts) { f.SeenVersion, f.SeenCAVersion = "", "" })...)
			first := e.at(0, answer)
			Expect(first.Keep).To(BeFalse())
			logins := e.logins
			for range 10 { // as its own status' writes wake it
				Expect(proof.NeedsSource(e.Facts)).To(BeTrue())
				plan := e.at(0, answer)
				Expect(plan.Keep).To(BeTrue())
				Expect(plan.RequeueAfter).To(Equal(first.RequeueAfter))
			}
			Expect(e.logins).To(Equal(logins))
		},
		Entry("after a login", succeeded),
		Entry("after a refusal", refused),
		Entry("after no answer", unreachable),
		Entry("without verification", succeeded, verify(v1alpha1.VerifyOff)),
		Entry("of any Secret", succeeded, ofSecret, func(f *proof.Facts) { f.Source.Data["verifier"] = nil }),
		Entry("with a verifier that doesn't match", succeeded, content("verifier", verifierOf("other"))),
	)

	DescribeTable("is woken",
		func(edit func(*proof.Facts)) {
			e := export()
			e.at(0, succeeded)
			edit(&e.Facts)
			Expect(proof.NeedsSource(e.Facts)).To(BeTrue())
		},
		Entry("by another version of the Secret", func(f *proof.Facts) { f.SeenVersion = "101" }),
		Entry("by the Secret's end", func(f *proof.Facts) { f.SeenVersion = "" }),
		Entry("by another version of the CA", func(f *proof.Facts) { f.SeenCAVersion = "91" }),
		Entry("by the CA's end", func(f *proof.Facts) { f.SeenCAVersion = "" }),
		Entry("by an edit that takes the CA out", func(f *proof.Facts) { f.Export.Spec.IncludeCA = new(bool) }),
		Entry("by an edit", func(f *proof.Facts) { f.Export.Generation = 2 }),
		Entry("by a request", requested),
		Entry("by a restore", restored),
	)

	DescribeTable("without a login has nothing to retry",
		func(reason string, edits ...func(*proof.Facts)) {
			e := export(edits...)
			plan := e.at(0, succeeded)
			expectPublished(plan, "100", reason, metav1.ConditionUnknown)
			Expect(plan.RequeueAfter).To(BeZero())
			Expect(e.logins).To(BeZero())
			Expect(e.at(86400, succeeded).Keep).To(BeTrue())
		},
		Entry("verify: Off", v1alpha1.VerifyOffReason, verify(v1alpha1.VerifyOff)),
		Entry("any Secret", v1alpha1.NotApplicableReason, ofSecret),
	)
})

var _ = Describe("A database that can't be asked", func() {
	DescribeTable("holds BestEffort up for exactly two minutes",
		func(answer login.Result, reason string) {
			e := export()
			first := e.at(0, answer)
			expectPending(first, outcome.Waiting, reason, "Secret "+sourceName, answer.Message)
			Expect(verified(first).Status).To(Equal(metav1.ConditionUnknown))
			expectPending(e.at(119, answer), outcome.Waiting, reason)
			plan := e.at(124, answer)
			expectPublished(plan, "100", reason, metav1.ConditionUnknown)
			Expect(plan.Outcome.Message).To(And(ContainSubstring("unproven after 2m0s"), ContainSubstring("BestEffort"), ContainSubstring(answer.Message)))
			Expect(plan.RequeueAfter).To(Equal(31 * time.Second))
			Expect(plan.Verification.Since.Time).To(Equal(start))
		},
		Entry("no answer", unreachable, v1alpha1.UnreachableReason),
		Entry("no way in", notLetIn, v1alpha1.LoginRefusedReason),
		Entry("no TLS", tlsFailed, v1alpha1.UnreachableReason),
	)

	It("is asked at once when that was all that is known, and holds BestEffort up no longer for it", func() {
		e := export()
		e.at(0, unreachable)
		e.at(200, unreachable)
		e.Export.Status.Verification = proof.Due(e.Export.Status.Verification)
		expectPublished(e.at(201, unreachable), "100", v1alpha1.UnreachableReason, metav1.ConditionUnknown)
	})

	It("holds BestEffort up to the second", func() {
		for seconds, class := range map[int]outcome.Class{119: outcome.Waiting, 120: outcome.Ready} {
			e := export()
			e.at(0, unreachable)
			Expect(e.at(seconds, unreachable).Outcome.Class).To(Equal(class))
		}
	})

	It("holds the default up as BestEffort", func() {
		e := export(verify(""))
		e.at(0, unreachable)
		Expect(e.at(120, unreachable).Outcome.Class).To(Equal(outcome.Ready))
	})

	It("holds Required up for ever", func() {
		e := export(verify(v1alpha1.VerifyRequired))
		e.at(0, unreachable)
		for _, seconds := range []int{120, 3600, 86400} {
			plan := e.at(seconds, unreachable)
			expectPending(plan, outcome.Waiting, v1alpha1.UnreachableReason)
			Expect(plan.RequeueAfter).To(BeNumerically(">", 0))
		}
	})

	It("is asked on after BestEffort went on, until it answers", func() {
		e := export()
		e.at(0, unreachable)
		e.at(120, unreachable)
		Expect(e.at(130, succeeded).Keep).To(BeTrue())
		expectPublished(e.at(150, succeeded), "100", v1alpha1.LoginSucceededReason, metav1.ConditionTrue)
	})

	It("blocks at once when it refuses after BestEffort went on", func() {
		e := export()
		e.at(0, unreachable)
		e.at(120, unreachable)
		expectPending(e.at(150, refused), outcome.Waiting, v1alpha1.PasswordRefusedReason)
	})

	It("has two minutes for each revision", func() {
		e := export()
		e.at(0, unreachable)
		expectPending(e.at(120, unreachable, rewritten("101")), outcome.Waiting, v1alpha1.UnreachableReason)
		expectPublished(e.at(240, unreachable), "101", v1alpha1.UnreachableReason, metav1.ConditionUnknown)
	})
})

var _ = Describe("A password that the database refuses", func() {
	DescribeTable("always blocks",
		func(policy v1alpha1.VerifyPolicy) {
			e := export(verify(policy))
			plan := e.at(0, refused)
			expectPending(plan, outcome.Waiting, v1alpha1.PasswordRefusedReason, "Secret "+sourceName, "28P01", "trying again")
			Expect(verified(plan).Status).To(Equal(metav1.ConditionFalse))
			for _, seconds := range []int{10, 120, 86400} {
				expectPending(e.at(seconds, refused), outcome.Stalled, v1alpha1.PasswordRefusedReason, "spec.repair: ReapplyVerifier", "empty the key verifier")
			}
		},
		Entry("Required", v1alpha1.VerifyRequired),
		Entry("BestEffort", v1alpha1.VerifyBestEffort),
	)

	It("is refused for ten seconds before that is final: a restored database knows the old one for a moment", func() {
		for seconds, class := range map[int]outcome.Class{9: outcome.Waiting, 10: outcome.Stalled} {
			e := export(repairing)
			e.at(0, refused)
			plan := e.at(seconds, refused)
			Expect(plan.Repair == nil).To(Equal(class == outcome.Waiting))
		}
	})

	It("is refused without a break for that", func() {
		e := export()
		e.at(0, refused)
		e.at(5, unreachable)
		expectPending(e.at(11, refused), outcome.Waiting, v1alpha1.PasswordRefusedReason)
		expectPending(e.at(21, refused), outcome.Stalled, v1alpha1.PasswordRefusedReason)
	})

	It("heals when the database takes it (bootstrap restore)", func() {
		e := export()
		e.at(0, refused)
		expectPublished(e.at(1, succeeded), "100", v1alpha1.LoginSucceededReason, metav1.ConditionTrue)
	})

	It("leaves what was published, and Ready false", func() {
		e := export()
		before := e.at(0, succeeded).Publish.Revision
		expectPending(e.at(60, refused, restored), outcome.Waiting, v1alpha1.PasswordRefusedReason)
		Expect(e.Export.Status.Revision).To(Equal(before))
	})

	It("waits as long as PGO has not written a verifier", func() {
		e := export(content("verifier", ""), repairing)
		for _, seconds := range []int{0, 10, 3600} {
			plan := e.at(seconds, refused)
			expectPending(plan, outcome.Waiting, v1alpha1.PasswordRefusedReason, "trying again")
			Expect(plan.Repair).To(BeNil())
		}
	})

	DescribeTable("is known offline, without a login, at once",
		func(policy v1alpha1.VerifyPolicy) {
			e := export(verify(policy), content("verifier", verifierOf("another")))
			plan := e.at(0, succeeded)
			expectPending(plan, outcome.Stalled, v1alpha1.VerifierMismatchReason, "Secret "+sourceName, "verifier", "spec.repair: ReapplyVerifier")
			Expect(verified(plan).Status).To(Equal(metav1.ConditionFalse))
			Expect(plan.RequeueAfter).To(BeNumerically(">", 0))
			Expect(e.logins).To(BeZero())
		},
		Entry("Required", v1alpha1.VerifyRequired),
		Entry("BestEffort", v1alpha1.VerifyBestEffort),
		Entry("even with Off", v1alpha1.VerifyOff),
	)

	It("is tried by login where the verifier tells nothing", func() {
		e := export(content("verifier", "some other form"))
		expectPublished(e.at(0, succeeded), "100", v1alpha1.LoginSucceededReason, metav1.ConditionTrue)
		Expect(e.logins).To(Equal(1))
	})
})

var _ = Describe("A repair", func() {
	It("is asked for once, of the very version that was refused, and then waits for PGO", func() {
		e := export(repairing, restored)
		e.at(0, refused)
		plan := e.at(10, refused)
		expectPending(plan, outcome.Waiting, v1alpha1.RepairingReason, "emptied the key verifier")
		Expect(verified(plan).Status).To(Equal(metav1.ConditionFalse))
		Expect(plan.Repair.Revision).To(Equal("100"))
		Expect(plan.Repair.Database).To(Equal(e.Cluster.Database()))
		Expect(plan.Repair.Time.Time).To(Equal(start.Add(10 * time.Second)))

		// Our own patch empties the verifier; PGO fills it and applies the role.
		expectPending(e.at(11, refused, rewritten("101"), content("verifier", "")), outcome.Waiting, v1alpha1.PasswordRefusedReason)
		expectPublished(e.at(12, succeeded, rewritten("102"), content("verifier", verifierOf(password))), "102", v1alpha1.LoginSucceededReason, metav1.ConditionTrue)
		Expect(e.Export.Status.Repair.Revision).To(Equal("100"))
	})

	It("of a verifier that doesn't match is asked for at once", func() {
		plan := export(repairing, content("verifier", verifierOf("another"))).at(0, succeeded)
		expectPending(plan, outcome.Waiting, v1alpha1.RepairingReason)
		Expect(plan.Repair).NotTo(BeNil())
	})

	// failed is an export whose repair at second 10 did not help.
	failed := func() *exporter {
		e := export(repairing)
		e.at(0, refused)
		Expect(e.at(10, refused).Repair).NotTo(BeNil())
		e.at(11, refused, rewritten("101"))
		return e
	}

	It("that didn't help is not repeated, and says so", func() {
		e := failed()
		plan := e.at(21, refused)
		expectPending(plan, outcome.Stalled, v1alpha1.RepairFailedReason, "2026-03-01T10:00:10Z", "PGO's log")
		Expect(plan.Repair).To(BeNil())
		Expect(plan.RequeueAfter).To(BeNumerically(">", 0))
	})

	DescribeTable("is asked for again",
		func(seconds int, again bool, edits ...func(*proof.Facts)) {
			e := failed()
			e.at(21, refused)
			if len(edits) > 0 {
				e.at(seconds-10, refused, edits...)
			}
			Expect(e.at(seconds, refused).Repair != nil).To(Equal(again))
		},
		Entry("not before an hour", 3609, false),
		Entry("after an hour", 3610, true),
		Entry("after another restore", 100, true, restored),
	)
})

var _ = Describe("The schedule", func() {
	// waits plays attempts, each as soon as it is due.
	waits := func(e *exporter, answer login.Result, until int) []time.Duration {
		var out []time.Duration
		for seconds := 0; seconds < until; {
			plan := e.at(seconds, answer)
			Expect(plan.Keep).To(BeFalse(), "an attempt is due when the last plan said so")
			Expect(plan.RequeueAfter).To(BeNumerically(">", 0))
			out = append(out, plan.RequeueAfter)
			seconds += int((plan.RequeueAfter + time.Second - 1) / time.Second)
		}
		return out
	}

	It("is 1, 2, 4, then 5 s for two minutes, then a quarter of the age, at most 5 minutes", func() {
		plans := waits(export(verify(v1alpha1.VerifyRequired)), unreachable, 86400)
		Expect(plans[:5]).To(Equal([]time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second, 5 * time.Second}))
		Expect(plans).To(HaveLen(len(plans)))
		for i := 5; i < len(plans); i++ {
			Expect(plans[i]).To(BeNumerically(">=", plans[i-1]))
		}
		Expect(plans[len(plans)-1]).To(Equal(5 * time.Minute))
		Expect(len(plans)).To(BeNumerically("<", 330), "a day of refusals is no storm")
	})

	It("is kept when something else wakes the export", func() {
		e := export()
		e.at(0, refused)
		Expect(e.at(1, refused).RequeueAfter).To(Equal(2 * time.Second))
		plan := e.at(2, refused)
		Expect(plan.Keep).To(BeTrue())
		Expect(plan.RequeueAfter).To(Equal(time.Second))
		Expect(e.logins).To(Equal(2))
	})

	It("survives a clock that goes back", func() {
		e := export()
		e.at(86400, unreachable)
		expectPending(e.at(0, unreachable), outcome.Waiting, v1alpha1.UnreachableReason)
		Expect(e.Export.Status.Verification.Since.Time).To(Equal(start))
		Expect(e.at(120, unreachable).Outcome.Class).To(Equal(outcome.Ready))
	})

	It("survives a status that counts no attempts", func() {
		e := export()
		e.at(0, unreachable)
		e.Export.Status.Verification.Attempts = 0
		Expect(e.at(0, unreachable).RequeueAfter).To(Equal(time.Second))
	})
})

var _ = Describe("Facts and plans", func() {
	DescribeTable("print no value",
		func(verb string) {
			f := facts(func(f *proof.Facts) { f.Login = &refused })
			for _, printed := range []any{f, &f, f.Source, *f.Source, proof.Decide(f)} {
				Expect(strings.ToLower(fmt.Sprintf(verb, printed))).NotTo(Or(
					ContainSubstring("canary"), ContainSubstring("63616e617279"), ContainSubstring("99 97 110 97 114 121")))
			}
		},
		Entry("%v", "%v"), Entry("%+v", "%+v"), Entry("%#v", "%#v"), Entry("%s", "%s"), Entry("%q", "%q"), Entry("%x", "%x"), Entry("%d", "%d"),
	)
})
