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
			Expect(pods.Proof(&pod)).To(Equal(expected))
		},
		Entry("when the kubelet says so", began, condition(corev1.ConditionTrue), running),
		Entry("when a container runs, for a kubelet that says nothing", started.Time, running),
		Entry("when a container ran, and the sandbox is gone again", started.Time, condition(corev1.ConditionFalse), ended),
		Entry("not before", time.Time{}, condition(corev1.ConditionFalse)),
		Entry("not while its container waits", time.Time{}, container(corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{}})),
		Entry("not on the host's network", time.Time{}, running, func(p *corev1.Pod) { p.Spec.HostNetwork = true }),
		Entry("as a canary", started.Time, ended, func(p *corev1.Pod) { p.Labels[pods.ComponentLabel] = pods.CanaryComponent }),
		Entry("not as the controller, which may move away", time.Time{}, running, func(p *corev1.Pod) { p.Labels[pods.ComponentLabel] = "controller" }),
	)
})
