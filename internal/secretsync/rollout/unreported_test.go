package rollout_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/rollout"
)

// onNode gives the pod a node, whose kubelet may have started it.
func onNode(p *corev1.Pod) { p.Spec.NodeName = "node-1" }

var _ = Describe("A start that the kubelet has not reported yet", func() {
	starting := func(w rollout.Workload, edits ...func(*corev1.Pod)) corev1.Pod {
		edits = append([]func(*corev1.Pod){onNode, inState(waiting("ContainerCreating"), corev1.ContainerState{})}, edits...)
		return podOf(w, sec(-5), edits...)
	}
	at := func(now time.Time, w rollout.Workload, pods ...corev1.Pod) rollout.Facts {
		f := factsOf([]rollout.Workload{w}, pods...)
		f.Now, f.HandledUpTo = now, sec(-600)
		return f
	}

	It("is waited for: nothing is restarted, and the change doesn't count as handled", func() {
		w := deployment("grafana")
		plan := rollout.Decide(at(sec(3), w, starting(w)))
		Expect(plan.Restarts).To(BeEmpty())
		Expect(plan.HandledUpTo).To(Equal(sec(-600)))
		Expect(plan.WaitUntil).To(Equal(sec(8)))
		Expect(plan.Status).To(Equal(metav1.ConditionTrue))
		Expect(plan.Reason).To(Equal(v1alpha1.NothingToRestartReason))
		Expect(plan.Message).To(Equal(`looking again whether container app of pod grafana-0 started before the change of key "password", which its kubelet has not reported yet`))
	})

	DescribeTable("ends the wait once it is reported",
		func(started time.Time, restarts int) {
			w := deployment("grafana")
			plan := rollout.Decide(at(sec(8), w, starting(w, inState(running(started), corev1.ContainerState{}))))
			Expect(plan.Restarts).To(HaveLen(restarts))
			Expect(plan.HandledUpTo).To(Equal(changedAt))
			Expect(plan.WaitUntil).To(BeZero())
		},
		Entry("with the old value", sec(-1), 1),
		Entry("with what may be the old value", sec(1), 1),
		Entry("with the new value", sec(2), 0),
	)

	DescribeTable("is waited for by what the container says",
		func(state, last corev1.ContainerState, wait bool) {
			w := deployment("grafana")
			plan := rollout.Decide(at(sec(3), w, starting(w, inState(state, last))))
			Expect(plan.Restarts).To(BeEmpty())
			Expect(plan.WaitUntil.IsZero()).To(Equal(!wait))
			Expect(plan.HandledUpTo.Equal(changedAt)).To(Equal(!wait))
		},
		Entry("nothing", corev1.ContainerState{}, corev1.ContainerState{}, true),
		Entry("waiting for no reason", waiting(""), corev1.ContainerState{}, true),
		Entry("being created", waiting("ContainerCreating"), corev1.ContainerState{}, true),
		Entry("behind init containers", waiting("PodInitializing"), corev1.ContainerState{}, true),
		Entry("without its Secret", waiting("CreateContainerConfigError"), corev1.ContainerState{}, true),
		Entry("without its Secret, after a run", waiting("CreateContainerConfigError"), terminated(sec(-9)), true),
		Entry("without its image", waiting("ImagePullBackOff"), corev1.ContainerState{}, false),
		Entry("crashing since after the change", waiting("CrashLoopBackOff"), terminated(sec(2)), false),
	)

	It("is waited for where the pod has no status at all", func() {
		w := deployment("grafana")
		pod := starting(w, func(p *corev1.Pod) { p.Status = corev1.PodStatus{} })
		Expect(rollout.Decide(at(sec(3), w, pod)).WaitUntil).To(Equal(sec(8)))
	})

	It("is waited for a minute at most", func() {
		w := deployment("grafana")
		Expect(rollout.Decide(at(sec(59), w, starting(w))).HandledUpTo).To(Equal(sec(-600)))
		plan := rollout.Decide(at(sec(60), w, starting(w)))
		Expect(plan.HandledUpTo).To(Equal(changedAt))
		Expect(plan.WaitUntil).To(BeZero())
	})

	DescribeTable("is not waited for where nothing old can come of it",
		func(edit func(*corev1.Pod)) {
			w := deployment("grafana")
			plan := rollout.Decide(at(sec(3), w, starting(w, edit)))
			Expect(plan.HandledUpTo).To(Equal(changedAt))
			Expect(plan.WaitUntil).To(BeZero())
		},
		Entry("a pod without a node", func(p *corev1.Pod) { p.Spec.NodeName = "" }),
		Entry("a pod created after the change", func(p *corev1.Pod) { p.CreationTimestamp = metav1.NewTime(sec(1)) }),
		Entry("a pod that is stamped with the change", func(p *corev1.Pod) {
			p.Annotations[rollout.AnnotationKey(importName)] = changedAt.Format(time.RFC3339)
		}),
		Entry("a pod that is going away", func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: sec(1)} }),
		Entry("a pod that doesn't read the key", func(p *corev1.Pod) { p.Spec.Containers[0].Env = []corev1.EnvVar{envKey("user")} }),
	)

	DescribeTable("is not waited for of a workload that needs no look",
		func(edit func(*rollout.Workload)) {
			plan := rollout.Decide(at(sec(3), deployment("grafana", edit), starting(deployment("grafana"))))
			Expect(plan.HandledUpTo).To(Equal(changedAt))
			Expect(plan.WaitUntil).To(BeZero())
		},
		Entry("its restart is asked for already", stampedFor(importName, changedAt)),
		Entry("it is to be left alone", annotated(v1alpha1.RestartAnnotation, v1alpha1.RestartNever)),
	)

	It("doesn't hold back the restart of another workload", func() {
		grafana, loki := deployment("grafana"), deployment("loki")
		f := at(sec(3), grafana, starting(grafana), podOf(loki, sec(-9)))
		f.Workloads = append(f.Workloads, loki)
		plan := rollout.Decide(f)
		Expect(restarted(plan)).To(ConsistOf(ref("Deployment", "loki")))
		Expect(plan.Reason).To(Equal(v1alpha1.RestartedReason))
		Expect(plan.Status).To(Equal(metav1.ConditionTrue))
		Expect(plan.HandledUpTo).To(Equal(sec(-600)))
		Expect(plan.WaitUntil).To(Equal(sec(8)))
	})

	It("counts in mode Listed for every change", func() {
		w := deployment("grafana", reading(corev1.PodSpec{Containers: []corev1.Container{{Name: "app"}}}))
		f := at(sec(3), w, starting(w))
		f.Spec = v1alpha1.RestartSpec{Mode: v1alpha1.RestartModeListed, Workloads: []v1alpha1.WorkloadReference{ref("Deployment", "grafana")}}
		Expect(rollout.Decide(f).WaitUntil).To(Equal(sec(8)))
	})
})
