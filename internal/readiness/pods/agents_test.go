package pods_test

import (
	"net/netip"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/internal/readiness/pods"
	"github.com/tazzo/rebirth/internal/readiness/probes"
)

var _ = Describe("Agents", func() {
	find := func(edits ...edit) pods.Agents { return pods.FindAgents(name, objects(edits...)) }

	It("that run can be asked, in the order of their nodes", func() {
		Expect(find()).To(Equal(pods.Agents{
			Ready: []probes.Agent{
				{Node: "n1", Address: netip.MustParseAddrPort("10.244.0.5:8475")},
				{Node: "n2", Address: netip.MustParseAddrPort("10.244.1.5:8475")},
			},
			Waiting: map[string]string{}, Absent: map[string]string{},
		}))
	})

	It("are asked at their own port, not at that of a service mesh's container before theirs", func() {
		mesh := corev1.Container{Name: "mesh", Ports: []corev1.ContainerPort{{Name: "metrics", ContainerPort: 15090}}}
		agents := find(onN2(func(p *corev1.Pod) { p.Spec.Containers = append([]corev1.Container{mesh}, p.Spec.Containers...) }))
		Expect(agents.Ready).To(ContainElement(HaveField("Address", netip.MustParseAddrPort("10.244.1.5:8475"))))
	})

	DescribeTable("that can't be asked say why",
		func(message string, edit func(*corev1.Pod)) {
			agents := find(onN2(edit))
			Expect(agents.Ready).To(HaveLen(1))
			Expect(agents.Waiting).To(HaveKeyWithValue("n2", "the agent's pod rebirth/gate-agent-n2 "+message))
			Expect(agents.Absent).To(BeEmpty())
		},
		Entry("while a pod is new", "is not running yet (Pending)", func(p *corev1.Pod) { p.Status = corev1.PodStatus{} }),
		Entry("while a container waits", "is not running yet (Pending): ImagePullBackOff", func(p *corev1.Pod) {
			p.Status = corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}}}}
		}),
		Entry("without an address", "is not running yet (Running)", func(p *corev1.Pod) { p.Status.PodIP = "" }),
		Entry("with an address that is none", `has no usable address: ParseAddr("x"): unable to parse IP`, func(p *corev1.Pod) { p.Status.PodIP = "x" }),
		Entry("without a port", "has no port named agent: is it of this chart's version?", func(p *corev1.Pod) { p.Spec.Containers[0].Ports[0].Name = "metrics" }),
	)

	DescribeTable("of a node are not those",
		func(edit func(*corev1.Pod)) {
			agents := find(onN2(edit))
			Expect(agents.Ready).To(HaveLen(1))
			Expect(agents.Absent).To(HaveKey("n2"))
		},
		Entry("of another release", func(p *corev1.Pod) { p.OwnerReferences[0].Name, p.OwnerReferences[0].UID = "other-agent", "other" }),
		Entry("of a DaemonSet of the same name before", func(p *corev1.Pod) { p.OwnerReferences[0].UID = "before" }),
		Entry("of nobody", func(p *corev1.Pod) { p.OwnerReferences = nil }),
		Entry("of another namespace", func(p *corev1.Pod) { p.Namespace = "elsewhere" }),
		Entry("that are being deleted", func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: began} }),
	)

	DescribeTable("of which two are on a node, while one takes the other's place, are the one",
		func(edit func(first, second *corev1.Pod)) {
			o := objects()
			second := agent(&o.DaemonSets[0], "n2", func(p *corev1.Pod) { p.Name, p.Status.PodIP = "second", "10.244.1.6" })
			edit(&o.Pods[0], &second)
			for _, list := range [][]corev1.Pod{{o.Pods[0], second}, {second, o.Pods[0]}} {
				agents := pods.FindAgents(name, pods.Objects{Nodes: o.Nodes[:1], DaemonSets: o.DaemonSets, Pods: list})
				Expect(agents.Ready).To(ConsistOf(HaveField("Address", netip.MustParseAddrPort("10.244.1.6:8475"))))
			}
		},
		Entry("that runs", func(first, second *corev1.Pod) {
			first.Status.Phase = corev1.PodPending
			first.CreationTimestamp = metav1.NewTime(began.Add(time.Second))
		}),
		Entry("that is Ready, while the newer one does not serve yet", func(first, second *corev1.Pod) {
			first.CreationTimestamp = metav1.NewTime(began.Add(time.Second))
			second.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		}),
		Entry("that is newer", func(_, second *corev1.Pod) { second.CreationTimestamp = metav1.NewTime(began.Add(time.Second)) }),
	)

	DescribeTable("whose DaemonSet is missing are told of once for all nodes",
		func(edit func(*appsv1.DaemonSet)) {
			agents := find(func(o *pods.Objects) { edit(&o.DaemonSets[0]) })
			Expect(agents.Problem).To(ContainSubstring("there is no DaemonSet rebirth/gate-agent"))
			Expect(agents.Ready).To(BeEmpty())
			Expect(agents.Absent).To(HaveLen(2))
		},
		Entry("under its name", func(ds *appsv1.DaemonSet) { ds.Name = "other-agent" }),
		Entry("in its namespace", func(ds *appsv1.DaemonSet) { ds.Namespace = "other" }),
	)
})

var _ = Describe("A node without an agent's pod", func() {
	taint := func(taints ...corev1.Taint) edit { return func(o *pods.Objects) { o.Nodes[0].Spec.Taints = taints } }
	tolerate := func(tolerations ...corev1.Toleration) edit {
		return func(o *pods.Objects) { o.DaemonSets[0].Spec.Template.Spec.Tolerations = tolerations }
	}
	gpu := corev1.Taint{Key: "gpu", Value: "only", Effect: corev1.TaintEffectNoSchedule}
	const events = "look at the events of DaemonSet rebirth/gate-agent"

	DescribeTable("is told why",
		func(expected string, edits ...edit) {
			agents := pods.FindAgents(name, objects(edits...))
			Expect(agents.Absent).To(HaveKeyWithValue("n2", ContainSubstring(expected)))
			Expect(agents.Waiting).To(BeEmpty())
		},
		Entry("nobody knows", events, noPodOnN2),
		Entry("the DaemonSet is missing", "for its DaemonSet is missing", noPodOnN2, func(o *pods.Objects) { o.DaemonSets = nil }),
		Entry("a taint", "does not tolerate the node's taint gpu=only:NoSchedule: set the chart's value agent.tolerations", noPodOnN2, taint(gpu)),
		Entry("a taint behind one that is tolerated", "gpu=only:NoSchedule", noPodOnN2, taint(corev1.Taint{Key: "a", Effect: corev1.TaintEffectNoExecute}, gpu), tolerate(corev1.Toleration{Key: "a", Operator: corev1.TolerationOpExists})),
		Entry("no taint, for it is tolerated", events, noPodOnN2, taint(gpu), tolerate(corev1.Toleration{Key: "gpu", Value: "only"})),
		Entry("no taint, for all are tolerated", events, noPodOnN2, taint(gpu), tolerate(corev1.Toleration{Operator: corev1.TolerationOpExists})),
		Entry("no taint, for it is only a wish", events, noPodOnN2, taint(corev1.Taint{Key: "gpu", Effect: corev1.TaintEffectPreferNoSchedule})),
		Entry("no taint, for the DaemonSet controller tolerates it", events, noPodOnN2, taint(corev1.Taint{Key: "node.kubernetes.io/unschedulable", Effect: corev1.TaintEffectNoSchedule})),
		Entry("labels", "nodeSelector kubernetes.io/os=linux does not match the node's labels", noPodOnN2, func(o *pods.Objects) { o.Nodes[0].Labels = nil }),
		Entry("no scheduler", "the agent's pod rebirth/gate-agent-n2 is not scheduled yet: is the scheduler running?", onN2(unscheduled)),
		Entry("no room", "is not scheduled yet: 0/2 nodes are available: 1 Too many pods.", onN2(func(p *corev1.Pod) {
			unscheduled(p)
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "0/2 nodes are available: 1 Too many pods."}}
		})),
	)

	It("is none if an agent's pod is there in spite of a taint", func() {
		Expect(pods.FindAgents(name, objects(taint(gpu))).Absent).To(BeEmpty())
	})
})
