package reconciler

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/readiness/canary"
	"github.com/tazzo/rebirth/internal/readiness/cni"
	"github.com/tazzo/rebirth/internal/readiness/evidence"
	"github.com/tazzo/rebirth/internal/readiness/pods"
)

var start = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

// oneNode is a node whose plugin started at the beginning, so long after that.
func oneNode(after time.Duration) evidence.Cluster {
	return evidence.Cluster{
		Now: start.Add(after), Nodes: []evidence.Node{{Name: "n1", Ready: true}},
		CNI: cni.Finding{Started: map[string]int64{"n1": start.Unix()}},
	}
}

// ran is a canary pod that ran on the node at that moment.
func ran(at time.Time) corev1.Pod {
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "rebirth", Name: "canary", Labels: map[string]string{pods.ComponentLabel: pods.CanaryComponent}},
		Spec:       corev1.PodSpec{NodeName: "n1"},
		Status: corev1.PodStatus{Phase: corev1.PodSucceeded, ContainerStatuses: []corev1.ContainerStatus{{State: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{StartedAt: metav1.NewTime(at)},
		}}}},
	}
}

// sandboxOf is what is known of the node then, and the canary pods that it wants.
func sandboxOf(e evidence.Cluster, own []corev1.Pod, failures ...corev1.Event) (evidence.Sandbox, []canary.Want) {
	check := v1alpha1.SandboxCheck{CanaryEvery: metav1.Duration{Duration: 30 * time.Minute}}
	e.Sandboxes = sandboxes(check, e, own, failures)
	return e.Sandboxes["n1"], wantCanaries(e)
}

var _ = Describe("The sandbox of a node", func() {
	holds := func(s evidence.Sandbox) bool { return !s.Proven.IsZero() && !s.Proven.Before(s.NeededSince) }

	It("is proven by a pod after the plugin's start, and nothing more is wanted", func() {
		s, wanted := sandboxOf(oneNode(2*time.Minute), []corev1.Pod{ran(start.Add(time.Minute))})
		Expect(holds(s)).To(BeTrue())
		Expect(wanted).To(BeEmpty())
	})

	It("is no longer proven by a pod of before the plugin's start", func() {
		before := start.Add(-time.Minute)
		s, wanted := sandboxOf(oneNode(time.Minute), []corev1.Pod{ran(before)})
		Expect(holds(s)).To(BeFalse())
		Expect(s.Why).To(ContainSubstring("plugin's pod started"))
		Expect(wanted).To(Equal([]canary.Want{{Node: "n1", Proven: before}}))
	})

	It("wants a canary where no pod ever started, also of a plugin that nobody knows", func() {
		e := oneNode(time.Minute)
		e.CNI = cni.Finding{}
		_, wanted := sandboxOf(e, nil)
		Expect(wanted).To(Equal([]canary.Want{{Node: "n1"}}))
	})

	It("stays proven when the next canary by routine is due", func() {
		s, wanted := sandboxOf(oneNode(30*time.Minute), []corev1.Pod{ran(start)})
		Expect(holds(s)).To(BeTrue())
		Expect(wanted).To(Equal([]canary.Want{{Node: "n1", Proven: start, Routine: true}}))

		s, wanted = sandboxOf(oneNode(32*time.Minute), []corev1.Pod{ran(start.Add(31 * time.Minute)), ran(start)})
		Expect(s.Proven).To(Equal(start.Add(31 * time.Minute)))
		Expect(wanted).To(BeEmpty())
	})

	It("is not proven any more when no canary came round for twice as long, in the same words each round", func() {
		s, wanted := sandboxOf(oneNode(time.Hour), []corev1.Pod{ran(start)})
		Expect(holds(s)).To(BeFalse())
		Expect(wanted).To(HaveLen(1))
		later, _ := sandboxOf(oneNode(2*time.Hour), []corev1.Pod{ran(start)})
		Expect(later.NeededSince).To(Equal(s.NeededSince))
	})

	It("is never due without a routine", func() {
		e := oneNode(1000 * time.Hour)
		Expect(sandboxes(v1alpha1.SandboxCheck{}, e, []corev1.Pod{ran(start)}, nil)["n1"].Due).To(BeFalse())
	})

	It("is not looked at where the check is disabled", func() {
		e := oneNode(time.Minute)
		e.Sandboxes = sandboxes(v1alpha1.SandboxCheck{Disabled: true}, e, nil, nil)
		Expect(e.Sandboxes).To(BeNil())
		Expect(wantCanaries(e)).To(BeEmpty())
	})

	DescribeTable("wants no canary while the node is",
		func(edit func(*evidence.Node)) {
			e := oneNode(time.Minute)
			edit(&e.Nodes[0])
			_, wanted := sandboxOf(e, nil)
			Expect(wanted).To(BeEmpty())
		},
		Entry("NotReady", func(n *evidence.Node) { n.Ready = false }),
		Entry("being removed", func(n *evidence.Node) { n.Deleting = true }),
	)

	It("says what the scheduler says of a canary pod that finds no room", func() {
		waiting := ran(start)
		waiting.Status = corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "Too many pods."}}}
		s, _ := sandboxOf(oneNode(time.Minute), []corev1.Pod{waiting})
		Expect(s.Canary).To(Equal("canary pod rebirth/canary is not scheduled: Too many pods."))
	})

	It("names the newest failure since the last proof, in whatever order events come", func() {
		event := func(minute int, message string) corev1.Event {
			return corev1.Event{Source: corev1.EventSource{Host: "n1"}, Message: message, LastTimestamp: metav1.NewTime(start.Add(time.Duration(minute) * time.Minute))}
		}
		for _, events := range [][]corev1.Event{{event(3, "new"), event(2, "old")}, {event(2, "old"), event(3, "new")}} {
			s, wanted := sandboxOf(oneNode(4*time.Minute), []corev1.Pod{ran(start)}, events...)
			Expect(s.Failed).To(Equal("new"))
			Expect(wanted).To(HaveLen(1))
		}
		s, _ := sandboxOf(oneNode(4*time.Minute), []corev1.Pod{ran(start.Add(3 * time.Minute))}, event(2, "old"))
		Expect(s.Failed).To(BeEmpty())
		Expect(holds(s)).To(BeTrue())
	})
})
