package pods_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/internal/readiness/pods"
)

var _ = Describe("A pod", func() {
	It("belongs to the node that it runs on or, before that, is meant for", func() {
		pod := objects().Pods[0]
		Expect(pods.NodeOf(&pod)).To(Equal("n2"))
		unscheduled(&pod)
		Expect(pods.NodeOf(&pod)).To(Equal("n2"))
		Expect(pods.NodeOf(&corev1.Pod{})).To(BeEmpty())
	})

	started := metav1.NewTime(began.Add(time.Second))
	condition := func(status corev1.ConditionStatus) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReadyToStartContainers, Status: status, LastTransitionTime: metav1.NewTime(began)}}
		}
	}
	container := func(state corev1.ContainerState) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Status.ContainerStatuses = []corev1.ContainerStatus{{State: state}} }
	}
	running := container(corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: started}})
	ended := container(corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{StartedAt: started}})

	DescribeTable("proves that its node makes sandboxes",
		func(expected time.Time, edits ...func(*corev1.Pod)) {
			pod := objects().Pods[0]
			for _, edit := range edits {
				edit(&pod)
			}
			Expect(pods.Proof(&pod, began.Add(time.Minute))).To(Equal(expected))
		},
		Entry("when the kubelet says so", began, condition(corev1.ConditionTrue), running),
		Entry("when a container runs, for a kubelet that says nothing", started.Time, running),
		Entry("when a container ran, and the sandbox is gone again", started.Time, condition(corev1.ConditionFalse), ended),
		Entry("not before", time.Time{}, condition(corev1.ConditionFalse)),
		Entry("not while its container waits", time.Time{}, container(corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{}})),
		Entry("not on the host's network", time.Time{}, running, func(p *corev1.Pod) { p.Spec.HostNetwork = true }),
		Entry("as a canary", started.Time, ended, func(p *corev1.Pod) { p.Labels[pods.ComponentLabel] = pods.CanaryComponent }),
		Entry("not by a clock that is ahead", time.Time{}, container(corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(began.Add(2*time.Minute + time.Second))}})),
		Entry("by a clock as far ahead as any may be", began.Add(2*time.Minute), container(corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(began.Add(2 * time.Minute))}})),
		Entry("not as the controller, which may move away", time.Time{}, running, func(p *corev1.Pod) { p.Labels[pods.ComponentLabel] = "controller" }),
	)
})

var _ = Describe("An event", func() {
	DescribeTable("is about a pod of the program's own",
		func(expected bool, edit func(*corev1.Event)) {
			event := &corev1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace}}
			event.InvolvedObject = corev1.ObjectReference{Kind: "Pod", Namespace: name.Namespace, Name: name.Name + "-x7k2p"}
			edit(event)
			Expect(pods.Concerns(event, name)).To(Equal(expected))
		},
		Entry("an agent's", true, func(*corev1.Event) {}),
		Entry("a canary pod", true, func(e *corev1.Event) { e.InvolvedObject.Name = pods.CanaryPrefix + "0123456789abcdef" }),
		Entry("not the controller's", false, func(e *corev1.Event) { e.InvolvedObject.Name = "gate-7df64fbcdf-8tgq2" }),
		Entry("not one of that name elsewhere", false, func(e *corev1.Event) { e.Namespace, e.InvolvedObject.Namespace = "elsewhere", "elsewhere" }),
		Entry("not by an event from elsewhere", false, func(e *corev1.Event) { e.Namespace = "elsewhere" }),
		Entry("not the DaemonSet", false, func(e *corev1.Event) { e.InvolvedObject.Kind = "DaemonSet" }),
	)
})
