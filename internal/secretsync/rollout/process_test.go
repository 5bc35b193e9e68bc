package rollout_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/rollout"
)

// createdAt is when the pod was created; its containers start when podOf says.
func createdAt(at time.Time) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.CreationTimestamp = metav1.NewTime(at) }
}

// restartedInPlace has the kubelet have restarted the first container.
func restartedInPlace(p *corev1.Pod) { p.Status.ContainerStatuses[0].RestartCount = 1 }

func scheduled(status corev1.ConditionStatus, at time.Time) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{
			Type: corev1.PodScheduled, Status: status, LastTransitionTime: metav1.NewTime(at),
		})
	}
}

// optional has the pod start without the Secret as well.
func optional(volume corev1.Volume) corev1.Volume {
	if volume.Secret != nil {
		volume.Secret.Optional = ptr.To(true)
		return volume
	}
	for _, source := range volume.Projected.Sources {
		if source.Secret != nil {
			source.Secret.Optional = ptr.To(true)
		}
	}
	return volume
}

// optionalEnv has the container start without the Secret as well.
func optionalEnv() corev1.PodSpec {
	return corev1.PodSpec{Containers: []corev1.Container{{Name: "app", EnvFrom: []corev1.EnvFromSource{{
		SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: secretName}, Optional: ptr.To(true)},
	}}}}}
}

// mirrorCreated is the facts' MirrorCreated.
func mirrorCreated(at time.Time) func(*rollout.Facts) {
	return func(f *rollout.Facts) { f.MirrorCreated = at }
}

var _ = Describe("A value in the environment", func() {
	DescribeTable("may have been read up to a second before the start that is reported",
		func(created, started time.Time, old bool, edits ...func(*rollout.Facts)) {
			w := deployment("grafana")
			f := factsOf([]rollout.Workload{w}, podOf(w, started, createdAt(created)))
			for _, edit := range edits {
				edit(&f)
			}
			Expect(rollout.Decide(f).Restarts).To(HaveLen(map[bool]int{true: 1, false: 0}[old]))
		},
		Entry("a second after the change", sec(-5), sec(1), true),
		Entry("two seconds after it", sec(-5), sec(2), false),
		Entry("a second after it, in a pod from after it", sec(1), sec(1), false),
		Entry("S8: a second after it, as it made the mirror", sec(-5), sec(1), false, mirrorCreated(sec(1))),
		Entry("at its second, though it made the mirror", sec(-5), sec(0), true, mirrorCreated(sec(1))),
	)
})

var _ = Describe("A value in a volume, which is mounted before images are pulled", func() {
	mounts := reading(mounting(secretVolume(), ""))
	decide := func(w rollout.Workload, pod corev1.Pod, edits ...func(*rollout.Facts)) rollout.Plan {
		f := factsOf([]rollout.Workload{w}, pod)
		f.HandledUpTo = sec(-600)
		for _, edit := range edits {
			edit(&f)
		}
		return rollout.Decide(f)
	}

	DescribeTable("is as old as the pod, however young the container is",
		func(old bool, edits ...func(*corev1.Pod)) {
			w := deployment("grafana", mounts)
			plan := decide(w, podOf(w, sec(30), edits...))
			Expect(plan.Restarts).To(HaveLen(map[bool]int{true: 1, false: 0}[old]))
			Expect(plan.HandledUpTo).To(Equal(changedAt))
		},
		Entry("a pod from before the change", true, createdAt(sec(-5))),
		Entry("a pod from its second", true, createdAt(sec(0))),
		Entry("a pod from after it", false, createdAt(sec(1))),
		Entry("a pod that came to its node before it", true, createdAt(sec(-5)), scheduled(corev1.ConditionTrue, sec(-4))),
		Entry("a pod that came to its node after it", false, createdAt(sec(-5)), scheduled(corev1.ConditionTrue, sec(1))),
		Entry("a pod that was long in coming", true, createdAt(sec(-5)), scheduled(corev1.ConditionFalse, sec(1))),
		Entry("a container that was restarted since", false, createdAt(sec(-5)), restartedInPlace),
		Entry("a container that was restarted in its pod before it", true, createdAt(sec(-5)), restartedInPlace, inState(running(sec(-1)), terminated(sec(-3)))),
		Entry("a pod that is stamped with it", false, createdAt(sec(-5)), func(p *corev1.Pod) {
			p.Annotations[rollout.AnnotationKey(importName)] = changedAt.Format(time.RFC3339)
		}),
	)

	DescribeTable("was waited for where the change made the mirror (S8)",
		func(created time.Time, old bool) {
			w := deployment("grafana", mounts)
			plan := decide(w, podOf(w, sec(30), createdAt(sec(-5))), mirrorCreated(created))
			Expect(plan.Restarts).To(HaveLen(map[bool]int{true: 1, false: 0}[old]))
		},
		Entry("the second after, as it is written", sec(1), false),
		Entry("the same second", sec(0), false),
		Entry("not where the mirror is older", sec(-1), true),
	)

	DescribeTable("was not waited for where the reference is optional, although the change made the mirror",
		func(spec corev1.PodSpec, started int, old bool) {
			w := deployment("grafana", reading(spec))
			plan := decide(w, podOf(w, sec(started), createdAt(sec(-5))), mirrorCreated(sec(1)))
			Expect(plan.Restarts).To(HaveLen(map[bool]int{true: 1, false: 0}[old]))
		},
		Entry("of a volume", mounting(optional(secretVolume()), ""), 30, true),
		Entry("of a projected volume", mounting(optional(projectedVolume()), ""), 30, true),
		Entry("of a variable, a moment after the change", optionalEnv(), 1, true),
		Entry("of a variable, later", optionalEnv(), 2, false),
	)

	It("is told to be why", func() {
		w := deployment("grafana", mounts)
		plan := decide(w, podOf(w, sec(30), createdAt(sec(-5))))
		Expect(plan.Message).To(ContainSubstring(`container app of pod grafana-0 started at 2026-03-01T10:00:30Z, with a volume that may have been mounted before the change of key "password" at 2026-03-01T10:00:00Z`))
	})

	It("causes one restart: neither what replaces the pod nor a second look causes another", func() {
		w := deployment("grafana", mounts, stampedFor(importName, changedAt))
		Expect(decide(w, podOf(w, sec(30), createdAt(sec(-5)), withoutStamps)).Restarts).To(BeEmpty())
		for _, edit := range []func(*corev1.Pod){named("grafana-1"), withoutStamps} {
			Expect(decide(w, podOf(w, sec(300), createdAt(sec(61)), edit)).Restarts).To(BeEmpty())
		}
	})

	Describe("of a container that has not started", func() {
		// starting is a pod on a node, from before the change.
		starting := func(w rollout.Workload, edits ...func(*corev1.Pod)) corev1.Pod {
			return podOf(w, sec(-5), append([]func(*corev1.Pod){onNode, inState(waiting("ContainerCreating"), corev1.ContainerState{})}, edits...)...)
		}
		now := func(at time.Time) func(*rollout.Facts) { return func(f *rollout.Facts) { f.Now = at } }

		DescribeTable("is waited for until it has",
			func(seconds, next int, edits ...func(*corev1.Pod)) {
				w := deployment("grafana", mounts)
				plan := decide(w, starting(w, edits...), now(sec(seconds)))
				Expect(plan.Restarts).To(BeEmpty())
				Expect(plan.HandledUpTo).To(Equal(sec(-600)))
				Expect(plan.WaitUntil).To(Equal(sec(seconds + next)))
				Expect(plan.Status).To(Equal(metav1.ConditionTrue))
				Expect(plan.Reason).To(Equal(v1alpha1.NothingToRestartReason))
				Expect(plan.Message).To(Equal(`container app of pod grafana-0 is restarted once it has started: what is mounted may be from before the change of key "password"`))
			},
			Entry("soon", 3, 5),
			Entry("after a minute", 60, 30),
			Entry("after an hour, for want of its image", 3600, 30, inState(waiting("ImagePullBackOff"), corev1.ContainerState{})),
			Entry("behind init containers", 600, 30, inState(waiting("PodInitializing"), corev1.ContainerState{})),
			Entry("without a status", 600, 30, func(p *corev1.Pod) { p.Status = corev1.PodStatus{} }),
		)

		DescribeTable("is not waited for where it will be the new one",
			func(seconds int, edit func(*corev1.Pod), facts ...func(*rollout.Facts)) {
				w := deployment("grafana", mounts)
				plan := decide(w, starting(w, edit), append(facts, now(sec(seconds)))...)
				Expect(plan.HandledUpTo).To(Equal(changedAt))
				Expect(plan.WaitUntil).To(BeZero())
			},
			Entry("a pod without a node", 3, func(p *corev1.Pod) { p.Spec.NodeName = "" }),
			Entry("a pod from after the change", 3, createdAt(sec(1))),
			Entry("a pod that came to its node after it", 3, scheduled(corev1.ConditionTrue, sec(1))),
			Entry("a mirror that the change made, after a minute (S8)", 60, createdAt(sec(-5)), mirrorCreated(sec(1))),
		)
	})
})
