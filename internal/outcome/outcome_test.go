package outcome_test

import (
	"strings"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/outcome"
)

func export(generation int64, outcomes ...outcome.Outcome) *v1alpha1.SecretExport {
	e := &v1alpha1.SecretExport{ObjectMeta: metav1.ObjectMeta{Generation: generation}}
	for _, o := range outcomes {
		o.Set(e)
	}
	return e
}

var (
	ready   = outcome.Outcome{Class: outcome.Ready, Reason: "Succeeded", Message: "in order, 100 %"}
	waiting = outcome.Outcome{Class: outcome.Waiting, Reason: "Restoring", Message: "waiting, 50 %d"}
	stalled = outcome.Outcome{Class: outcome.Stalled, Reason: "NoRights", Message: "set exports"}
)

var _ = Describe("An outcome", func() {
	// all is every class after every other: what the one left must not stay.
	for _, before := range []outcome.Outcome{{}, ready, waiting, stalled} {
		for _, o := range []outcome.Outcome{ready, waiting, stalled} {
			It("is said in kstatus' terms: "+o.Reason+" after "+before.Reason, func() {
				e := export(1, before, o)
				Expect(conditions.IsReady(e)).To(Equal(o.Class == outcome.Ready))
				Expect(conditions.Has(e, meta.ReconcilingCondition)).To(Equal(o.Class == outcome.Waiting))
				Expect(conditions.Has(e, meta.StalledCondition)).To(Equal(o.Class == outcome.Stalled))
				for _, of := range []string{meta.ReadyCondition, meta.ReconcilingCondition, meta.StalledCondition} {
					if c := conditions.Get(e, of); c != nil {
						Expect(c.Reason).To(Equal(o.Reason))
						Expect(c.Message).To(Equal(o.Message), "as it is, not as a format")
					}
				}
			})
		}
	}

	It("sets further conditions, leaves what it doesn't list, and removes what is absent", func() {
		first := ready
		first.Conditions = []outcome.Condition{
			outcome.True("Settled", "A", "a"), outcome.False("Verified", "B", "b"), outcome.Unknown("Synced", "C", "c"), outcome.True("Restarted", "D", "d"),
		}
		second := waiting
		second.Conditions, second.Absent = []outcome.Condition{outcome.Unknown("Settled", "E", "e")}, []string{"Restarted"}
		e := export(1, first, second)
		Expect(conditions.IsUnknown(e, "Settled")).To(BeTrue())
		Expect(conditions.IsFalse(e, "Verified")).To(BeTrue())
		Expect(conditions.GetMessage(e, "Verified")).To(Equal("b"))
		Expect(conditions.IsUnknown(e, "Synced")).To(BeTrue())
		Expect(conditions.Has(e, "Restarted")).To(BeFalse())
	})

	It("is about the object's generation, in every condition", func() {
		first := ready
		first.Conditions = []outcome.Condition{outcome.True("Settled", "A", "a")}
		e := export(1, first)
		e.Generation = 2
		waiting.Set(e)
		for _, c := range e.Status.Conditions {
			Expect(c.ObservedGeneration).To(BeEquivalentTo(2), c.Type)
		}
	})

	It("said twice changes nothing, so that no status is written", func() {
		o := stalled
		o.Conditions = []outcome.Condition{outcome.True("Settled", "A", "a"), outcome.False("Verified", "B", "b")}
		e := export(1, o)
		before := e.DeepCopy()
		o.Set(e)
		Expect(e).To(Equal(before))
	})

	It("leaves the conditions of a copy alone", func() {
		e := export(1, ready)
		shallow := *e
		waiting.Set(e.DeepCopy())
		Expect(conditions.IsReady(&shallow)).To(BeTrue())
	})
})

var _ = Describe("A transition", func() {
	otherMessage := ready
	otherMessage.Message = "still in order"

	DescribeTable("is worth an event",
		func(before, after *v1alpha1.SecretExport, eventType string) {
			event, worth := outcome.Transition(before, after)
			Expect(worth).To(Equal(eventType != ""))
			Expect(event.Type).To(Equal(eventType))
			if worth {
				Expect(event.Reason).To(Equal(conditions.GetReason(after, meta.ReadyCondition)))
				Expect(event.Message).To(Equal(conditions.GetMessage(after, meta.ReadyCondition)))
			}
		},
		Entry("the first word", export(1), export(1, waiting), corev1.EventTypeNormal),
		Entry("ready", export(1, waiting), export(1, ready), corev1.EventTypeNormal),
		Entry("waiting again", export(1, ready), export(1, waiting), corev1.EventTypeNormal),
		Entry("stalled, a warning", export(1, waiting), export(1, stalled), corev1.EventTypeWarning),
		Entry("not the same again", export(1, stalled), export(1, stalled), ""),
		Entry("not another message", export(1, ready), export(1, otherMessage), ""),
		Entry("not nothing", export(1, ready), export(1), ""),
	)

	DescribeTable("has an event no longer than the API server takes",
		func(message, said string) {
			long := stalled
			long.Message = message
			event, worth := outcome.Transition(export(1), export(1, long))
			Expect(worth).To(BeTrue())
			Expect(event.Message).To(Equal(said))
		},
		Entry("one that just fits", strings.Repeat("x", 1024), strings.Repeat("x", 1024)),
		Entry("one that doesn't", strings.Repeat("x", 1025), strings.Repeat("x", 1021)+"…"),
		Entry("not cut within a character", strings.Repeat("é", 513), strings.Repeat("é", 510)+"…"),
	)
})
