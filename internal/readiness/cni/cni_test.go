package cni_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/readiness/cni"
)

var auto = v1alpha1.CNICheck{Provider: v1alpha1.CNIAuto}

func asked(provider v1alpha1.CNIProvider) v1alpha1.CNICheck {
	return v1alpha1.CNICheck{Provider: provider}
}

var _ = Describe("The network plugin", func() {
	DescribeTable("is detected by the DaemonSet of its own manifests, and says why",
		func(namespace, name string, provider v1alpha1.CNIProvider) {
			f := cni.Read(auto, cluster(namespace, name))
			Expect(f.Provider).To(Equal(provider))
			Expect(f.Why).To(ContainSubstring(namespace + "/" + name))
			Expect(f.Cluster).To(BeEmpty())
			Expect(f.Nodes).To(BeEmpty())
		},
		Entry("Talos' Flannel", "kube-system", "kube-flannel", v1alpha1.CNIFlannel),
		Entry("Flannel's own", "kube-flannel", "kube-flannel-ds", v1alpha1.CNIFlannel),
		Entry("Cilium", "kube-system", "cilium", v1alpha1.CNICilium),
		Entry("Calico by its manifest", "kube-system", "calico-node", v1alpha1.CNICalico),
		Entry("Calico by its operator", "calico-system", "calico-node", v1alpha1.CNICalico),
		Entry("Canal", "kube-system", "canal", v1alpha1.CNICalico),
		Entry("kindnet", "kube-system", "kindnet", v1alpha1.CNIKindnet),
	)

	It("that nobody names is detected, too", func() {
		Expect(cni.Read(v1alpha1.CNICheck{}, flannel()).Provider).To(Equal(v1alpha1.CNIFlannel))
	})

	It("that is none of the known ones leaves the decision to traffic", func() {
		f := cni.Read(auto, cluster("kube-system", "antrea-agent"))
		Expect(f.Provider).To(Equal(v1alpha1.CNIGeneric))
		Expect(f.Why).To(ContainSubstring("traffic alone decides"))
		Expect(f.Cluster).To(BeEmpty())
		Expect(f.Nodes).To(BeEmpty())
	})

	It("that runs is taken, and not what is left of the one before it, in any order of the lists", func() {
		left := daemon("kube-system", "kube-flannel", 0)
		for _, edit := range []func(*cni.Objects){
			func(o *cni.Objects) { o.DaemonSets = append(o.DaemonSets, left) },
			func(o *cni.Objects) { o.DaemonSets = append([]appsv1.DaemonSet{left}, o.DaemonSets...) },
		} {
			f := cni.Read(auto, cluster("kube-system", "cilium", edit))
			Expect(f.Provider).To(Equal(v1alpha1.CNICilium))
			Expect(f.Cluster).To(BeEmpty())
			f = cni.Read(asked(v1alpha1.CNIFlannel), cluster("kube-flannel", "kube-flannel-ds", edit))
			Expect(f.Cluster).To(BeEmpty(), "of two of one plugin as well")
		}
	})

	It("is the same one each time, whatever the order of the lists", func() {
		a, b := daemon("a", "kube-flannel", 1), daemon("b", "kube-flannel", 1)
		for _, list := range [][]appsv1.DaemonSet{{a, b}, {b, a}} {
			Expect(cni.Read(auto, cni.Objects{DaemonSets: list}).Why).To(ContainSubstring("a/kube-flannel"))
		}
		two := cluster("kube-system", "cilium", func(o *cni.Objects) { o.DaemonSets = append(o.DaemonSets, daemon("kube-system", "kube-flannel", 2)) })
		Expect(cni.Read(auto, two).Provider).To(Equal(v1alpha1.CNIFlannel), "of two plugins that run")
	})

	It("that was asked for is read as such, though another one is there", func() {
		f := cni.Read(asked(v1alpha1.CNICilium), flannel())
		Expect(f.Provider).To(Equal(v1alpha1.CNICilium))
		Expect(f.Cluster).To(And(ContainSubstring("no DaemonSet of Cilium"), ContainSubstring("(cilium)"), ContainSubstring("spec.checks.cni")))
	})

	It("that was asked for and is unknown is refused by name, and nothing passes", func() {
		f := cni.Read(asked("Weave"), flannel())
		Expect(f.Cluster).To(And(ContainSubstring(`"Weave"`), ContainSubstring("spec.checks.cni.provider"), ContainSubstring("Generic")))
	})

	It("is found under the name and in the namespace that the gate says", func() {
		check := v1alpha1.CNICheck{Provider: v1alpha1.CNIFlannel, Namespace: "net", DaemonSet: "my-flannel"}
		Expect(cni.Read(check, cluster("net", "my-flannel")).Cluster).To(BeEmpty())
		Expect(cni.Read(check, cluster("other", "my-flannel")).Cluster).To(ContainSubstring("my-flannel"))
		Expect(cni.Read(check, cluster("net", "kube-flannel")).Cluster).To(ContainSubstring("my-flannel"), "and the usual name is not taken instead")
	})

	It("is looked for in the namespace alone that the gate says", func() {
		check := v1alpha1.CNICheck{Provider: v1alpha1.CNIAuto, Namespace: "net"}
		Expect(cni.Read(check, cluster("net", "cilium")).Provider).To(Equal(v1alpha1.CNICilium))
		Expect(cni.Read(check, flannel()).Provider).To(Equal(v1alpha1.CNIGeneric))
	})

	It("is not told by a name of the user's own", func() {
		check := v1alpha1.CNICheck{Provider: v1alpha1.CNIAuto, DaemonSet: "my-net"}
		Expect(cni.Read(check, cluster("kube-system", "my-net")).Provider).To(Equal(v1alpha1.CNIGeneric))
	})
})

var _ = Describe("The plugin's signs", func() {
	DescribeTable("that are wrong for all nodes",
		func(edit func(*appsv1.DaemonSet), message string) {
			f := cni.Read(auto, flannel(func(o *cni.Objects) { edit(&o.DaemonSets[0]) }))
			Expect(f.Provider).To(Equal(v1alpha1.CNIFlannel))
			Expect(f.Cluster).To(And(ContainSubstring("kube-system/kube-flannel"), ContainSubstring(message)))
		},
		Entry("a DaemonSet that wants no pod, which kstatus calls Current",
			func(ds *appsv1.DaemonSet) { ds.Status.DesiredNumberScheduled = 0 }, "wants no pod on any node"),
		Entry("a DaemonSet whose status is about an older spec",
			func(ds *appsv1.DaemonSet) { ds.Status.ObservedGeneration = 1 }, "has not been looked at"),
		Entry("a new DaemonSet that nobody looked at",
			func(ds *appsv1.DaemonSet) { ds.Status = appsv1.DaemonSetStatus{} }, "has not been looked at"),
	)

	DescribeTable("that are wrong on one node name it, and no other",
		func(provider v1alpha1.CNIProvider, daemonSet string, edit func(*cni.Objects), messages ...string) {
			f := cni.Read(asked(provider), cluster("kube-system", daemonSet, edit))
			Expect(f.Cluster).To(BeEmpty())
			Expect(f.Nodes).To(HaveLen(1))
			for _, message := range messages {
				Expect(f.Nodes["n2"]).To(ContainSubstring(message))
			}
		},
		Entry("no pod there", v1alpha1.CNIFlannel, "kube-flannel",
			func(o *cni.Objects) { o.Pods = o.Pods[:1] }, "kube-system/kube-flannel has no pod on this node", "taints"),
		Entry("a pod there of somebody else's", v1alpha1.CNIFlannel, "kube-flannel",
			podOn2(func(p *corev1.Pod) { p.OwnerReferences[0].UID = "another" }), "has no pod on this node"),
		Entry("a pod there that is going", v1alpha1.CNIFlannel, "kube-flannel",
			podOn2(func(p *corev1.Pod) { now := metav1.NewTime(started); p.DeletionTimestamp = &now }), "has no pod on this node"),
		Entry("a pod that is not Ready", v1alpha1.CNIFlannel, "kube-flannel",
			podOn2(notReady), "kube-flannel-n2", "not Ready", "phase Running"),
		Entry("a pod without conditions", v1alpha1.CNIFlannel, "kube-flannel",
			podOn2(func(p *corev1.Pod) { p.Status = corev1.PodStatus{Phase: corev1.PodPending} }), "not Ready", "phase Pending"),
		Entry("a pod that crashes", v1alpha1.CNIFlannel, "kube-flannel",
			podOn2(waitsFor("CrashLoopBackOff")), "kube-flannel-n2", "container agent: CrashLoopBackOff"),
		Entry("a pod whose initContainer's image is missing", v1alpha1.CNIFlannel, "kube-flannel",
			podOn2(func(p *corev1.Pod) {
				waitsFor("PodInitializing")(p)
				p.Status.InitContainerStatuses = []corev1.ContainerStatus{{
					Name: "install-cni", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull"}},
				}}
			}), "container install-cni: ErrImagePull"),
		Entry("Flannel, a node without a podCIDR", v1alpha1.CNIFlannel, "kube-flannel",
			onNode2(func(n *corev1.Node) { n.Spec.PodCIDR = "" }), "no podCIDR", "--allocate-node-cidrs"),
		Entry("Flannel, a node that it has not registered", v1alpha1.CNIFlannel, "kube-flannel",
			onNode2(func(n *corev1.Node) { n.Annotations = nil }), "flannel.alpha.coreos.com/public-ip", "Generic"),
		Entry("Flannel, the condition NetworkUnavailable", v1alpha1.CNIFlannel, "kube-flannel",
			onNode2(networkUnavailable), "NetworkUnavailable", "no route created"),
		Entry("Cilium's taint", v1alpha1.CNICilium, "cilium",
			onNode2(func(n *corev1.Node) {
				n.Spec.Taints = []corev1.Taint{{Key: "node.cilium.io/agent-not-ready", Effect: corev1.TaintEffectNoSchedule}}
			}), "node.cilium.io/agent-not-ready"),
		Entry("Cilium, the condition NetworkUnavailable", v1alpha1.CNICilium, "cilium", onNode2(networkUnavailable), "no route created"),
		Entry("Calico, the condition NetworkUnavailable", v1alpha1.CNICalico, "calico-node", onNode2(networkUnavailable), "no route created"),
		Entry("kindnet, a node without a podCIDR", v1alpha1.CNIKindnet, "kindnet",
			onNode2(func(n *corev1.Node) { n.Spec.PodCIDR = "" }), "no podCIDR"),
		Entry("kindnet, the condition NetworkUnavailable", v1alpha1.CNIKindnet, "kindnet", onNode2(networkUnavailable), "no route created"),
		Entry("anybody's, the condition NetworkUnavailable", v1alpha1.CNIGeneric, "some", onNode2(networkUnavailable), "no route created"),
	)

	DescribeTable("that are no fault",
		func(provider v1alpha1.CNIProvider, daemonSet string, edit func(*cni.Objects)) {
			f := cni.Read(asked(provider), cluster("kube-system", daemonSet, edit))
			Expect(f.Cluster).To(BeEmpty())
			Expect(f.Nodes).To(BeEmpty())
		},
		Entry("Flannel with IPv6 alone", v1alpha1.CNIFlannel, "kube-flannel", onNode2(func(n *corev1.Node) {
			n.Annotations = map[string]string{"flannel.alpha.coreos.com/public-ipv6": "2001:db8::1"}
		})),
		Entry("an old pod that is going beside the new one", v1alpha1.CNIFlannel, "kube-flannel", func(o *cni.Objects) {
			old, now := podOf(&o.DaemonSets[0], "n2"), metav1.NewTime(started)
			old.DeletionTimestamp = &now
			o.Pods = append(o.Pods, old)
		}),
		Entry("an old pod that failed beside the new one", v1alpha1.CNIFlannel, "kube-flannel", func(o *cni.Objects) {
			old := podOf(&o.DaemonSets[0], "n2")
			old.CreationTimestamp = metav1.NewTime(started.Add(-time.Hour))
			notReady(&old)
			o.Pods = append(o.Pods, old)
		}),
		Entry("another taint than Cilium's", v1alpha1.CNICilium, "cilium", onNode2(func(n *corev1.Node) {
			n.Spec.Taints = []corev1.Taint{{Key: "node-role.kubernetes.io/control-plane", Effect: corev1.TaintEffectNoSchedule}}
		})),
		Entry("Cilium with its own addresses, without a podCIDR", v1alpha1.CNICilium, "cilium", onNode2(func(n *corev1.Node) { n.Spec.PodCIDR = "" })),
		Entry("the condition NetworkUnavailable is false", v1alpha1.CNICalico, "calico-node", onNode2(func(n *corev1.Node) {
			networkUnavailable(n)
			n.Status.Conditions[0].Status = corev1.ConditionFalse
		})),
		Entry("Generic reads nobody's pods", v1alpha1.CNIGeneric, "kube-flannel", podOn2(waitsFor("CrashLoopBackOff"))),
	)

	It("tell when the plugin last started on each node", func() {
		f := cni.Read(auto, flannel(podOn2(func(p *corev1.Pod) {
			later := corev1.ContainerStatus{Name: "again", State: corev1.ContainerState{
				Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(started.Add(time.Minute))},
			}}
			p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, later)
		})))
		Expect(f.Started).To(Equal(map[string]int64{"n1": started.Unix(), "n2": started.Add(time.Minute).Unix()}))
	})

	It("tell when the pod was made where its container started by a clock that was ahead, or nothing if that was ahead too", func() {
		ahead := metav1.NewTime(started.Add(time.Hour))
		future := podOn2(func(p *corev1.Pod) { p.Status.ContainerStatuses[0].State.Running.StartedAt = ahead })
		Expect(cni.Read(auto, flannel(future)).Started).To(HaveKeyWithValue("n2", started.Add(-time.Minute).Unix()))
		made := podOn2(func(p *corev1.Pod) { p.CreationTimestamp = ahead })
		Expect(cni.Read(auto, flannel(future, made)).Started).To(HaveKeyWithValue("n2", BeZero()))
	})
})
