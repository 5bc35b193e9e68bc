package reconciler

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

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

var agentDaemonSet = types.NamespacedName{Namespace: "rebirth", Name: "gate-agent"}

// noSandbox is the event of a pod of that namespace and name which got no sandbox then.
func noSandbox(namespace, name string, at time.Time, message string) corev1.Event {
	return corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: namespace, CreationTimestamp: metav1.NewTime(at)},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: namespace, Name: name},
		Source:         corev1.EventSource{Host: "n1"}, Message: message, LastTimestamp: metav1.NewTime(at),
	}
}

// ours is that of a canary pod, theirs of somebody else's pod.
func ours(at time.Time, message string) corev1.Event {
	return noSandbox("rebirth", pods.CanaryPrefix+"1", at, message)
}

func theirs(at time.Time) corev1.Event {
	return noSandbox("default", "web", at, "RuntimeClass gvisor not found")
}

// sandboxOf is what is known of the node then, and the canary pods that it wants.
func sandboxOf(e evidence.Cluster, own []corev1.Pod, failures ...corev1.Event) (evidence.Sandbox, []canary.Want) {
	return sandboxBy(30*time.Minute, e, own, failures...)
}

func sandboxBy(every time.Duration, e evidence.Cluster, own []corev1.Pod, failures ...corev1.Event) (evidence.Sandbox, []canary.Want) {
	check := v1alpha1.SandboxCheck{CanaryEvery: metav1.Duration{Duration: every}}
	e.Sandboxes = sandboxes(check, e, own, failuresByNode(failures, agentDaemonSet, e.Now))
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
		s, _ := sandboxBy(0, oneNode(1000*time.Hour), []corev1.Pod{ran(start)})
		Expect(s.Due).To(BeFalse())
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

	It("fails by the newest failure of a pod of ours since the last proof, in whatever order events come", func() {
		older, newer := ours(start.Add(2*time.Minute), "old"), ours(start.Add(3*time.Minute), "new")
		for _, events := range [][]corev1.Event{{newer, older}, {older, newer}} {
			s, wanted := sandboxOf(oneNode(4*time.Minute), []corev1.Pod{ran(start)}, events...)
			Expect(s.Failed).To(Equal("new"))
			Expect(wanted).To(Equal([]canary.Want{{Node: "n1", Proven: start}}))
		}
		s, _ := sandboxOf(oneNode(4*time.Minute), []corev1.Pod{ran(start.Add(3 * time.Minute))}, older)
		Expect(s.Failed).To(BeEmpty())
		Expect(holds(s)).To(BeTrue())
	})

	DescribeTable("does not fail because somebody else's pod got none, which may be that pod's own fault: a canary pod is to tell",
		func(event corev1.Event) {
			for _, every := range []time.Duration{0, 30 * time.Minute} {
				s, wanted := sandboxBy(every, oneNode(4*time.Minute), []corev1.Pod{ran(start)}, event)
				Expect(s.Failed).To(BeEmpty())
				Expect(holds(s)).To(BeTrue())
				Expect(wanted).To(Equal([]canary.Want{{Node: "n1", Proven: start, Routine: true}}))
			}
		},
		Entry("of another namespace", theirs(start.Add(3*time.Minute))),
		Entry("of another namespace, under a name of ours", noSandbox("default", pods.CanaryPrefix+"1", start.Add(3*time.Minute), "forged")),
		Entry("of our namespace", noSandbox("rebirth", "gate-7df64fbcdf-8tgq2", start.Add(3*time.Minute), "another")),
	)

	It("gets one canary pod a minute at most, however many events come", func() {
		proven := []corev1.Pod{ran(start.Add(3 * time.Minute))}
		_, wanted := sandboxOf(oneNode(4*time.Minute-time.Second), proven, theirs(start.Add(3*time.Minute+time.Second)))
		Expect(wanted).To(BeEmpty())
		_, wanted = sandboxOf(oneNode(4*time.Minute), proven, theirs(start.Add(3*time.Minute+time.Second)))
		Expect(wanted).To(HaveLen(1))
		_, wanted = sandboxOf(oneNode(4*time.Minute), proven, theirs(start.Add(3*time.Minute)))
		Expect(wanted).To(BeEmpty(), "for what the last one has answered")
	})

	It("is not proven any more when no canary pod came round for long after somebody's pod got none, in the same words each round", func() {
		proven, events := []corev1.Pod{ran(start)}, []corev1.Event{theirs(start.Add(9 * time.Minute)), theirs(start.Add(time.Minute)), theirs(start.Add(5 * time.Minute))}
		for _, every := range []time.Duration{0, 30 * time.Minute} {
			s, _ := sandboxBy(every, oneNode(31*time.Minute-time.Second), proven, events...)
			Expect(holds(s)).To(BeTrue())
			for _, after := range []time.Duration{31 * time.Minute, 45 * time.Minute} {
				s, wanted := sandboxBy(every, oneNode(after), proven, events...)
				Expect(holds(s)).To(BeFalse())
				Expect(s.Why).To(ContainSubstring("no canary pod came round"))
				Expect(s.NeededSince).To(Equal(start.Add(31 * time.Minute)))
				Expect(wanted).To(HaveLen(1))
			}
		}
	})

	It("is not called overdue by an event that says of itself that it is old", func() {
		forged := theirs(start.Add(40 * time.Minute))
		forged.LastTimestamp = metav1.NewTime(start.Add(time.Second))
		s, _ := sandboxBy(0, oneNode(41*time.Minute), []corev1.Pod{ran(start)}, forged)
		Expect(holds(s)).To(BeTrue())
	})

	Context("with a clock that is ahead", func() {
		const tooFar = 5*time.Minute + time.Second // a minute and a second after the fourth

		It("is not proven by it, and wants a canary pod", func() {
			s, wanted := sandboxOf(oneNode(4*time.Minute), []corev1.Pod{ran(start.Add(tooFar)), ran(start.Add(-time.Hour))})
			Expect(s.Proven).To(Equal(start.Add(-time.Hour)))
			Expect(holds(s)).To(BeFalse())
			Expect(wanted).To(HaveLen(1))
		})

		DescribeTable("does not fail by its event", func(event corev1.Event) {
			s, wanted := sandboxOf(oneNode(4*time.Minute), []corev1.Pod{ran(start)}, event)
			Expect(s.Failed).To(BeEmpty())
			Expect(holds(s)).To(BeTrue())
			Expect(wanted).To(BeEmpty())
		},
			Entry("of a pod of ours", ours(start.Add(tooFar), "of the future")),
			Entry("of another's", theirs(start.Add(tooFar))),
		)
	})
})
