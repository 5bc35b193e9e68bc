package readiness_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// cluster is nodes with Flannel and agents, and a DNS service: all of it works until
// the spec breaks it.
type cluster struct {
	flannel *appsv1.DaemonSet
	nodes   map[string]*node
	service *corev1.Service
	slice   *discoveryv1.EndpointSlice
}

type node struct {
	object   *corev1.Node
	flannel  *corev1.Pod
	agent    *runningAgent
	agentPod *corev1.Pod
}

// joiningAtOnce bounds how many nodes are made at the same time.
const joiningAtOnce = 8

// newCluster makes n nodes, named n1 and on. All pods and nodes are gone again when
// the spec ends.
func newCluster(ctx context.Context, n int) *cluster {
	GinkgoHelper()
	c := &cluster{nodes: map[string]*node{}}
	DeferCleanup(c.remove)
	labels := map[string]string{"app": "flannel"}
	c.flannel = &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: "kube-flannel"},
		Spec: appsv1.DaemonSetSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "flannel", Image: "flannel:test"}}},
		}},
	}
	create(ctx, c.flannel)
	before := c.flannel.DeepCopy()
	c.flannel.Status.ObservedGeneration = c.flannel.Generation
	c.flannel.Status.DesiredNumberScheduled = int32(n)
	Expect(admin.Status().Patch(ctx, c.flannel, client.MergeFrom(before))).To(Succeed())
	for i := range n {
		c.nodes[nodeName(i)] = &node{}
	}
	var workers sync.WaitGroup
	for worker := range joiningAtOnce {
		workers.Go(func() {
			defer GinkgoRecover()
			for i := worker; i < n; i += joiningAtOnce {
				c.start(ctx, i)
			}
		})
	}
	workers.Wait()
	c.serveDNS(ctx, "kube-dns")
	return c
}

func nodeName(i int) string { return "n" + strconv.Itoa(i+1) }

// join adds the i-th node to a cluster that is there.
func (c *cluster) join(ctx context.Context, i int) *node {
	GinkgoHelper()
	c.nodes[nodeName(i)] = &node{}
	return c.start(ctx, i)
}

// start makes what the i-th node consists of.
func (c *cluster) start(ctx context.Context, i int) *node {
	GinkgoHelper()
	name := nodeName(i)
	n := c.nodes[name]
	n.object = &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Labels: map[string]string{corev1.LabelOSStable: "linux"},
			Annotations: map[string]string{"flannel.alpha.coreos.com/public-ip": "192.0.2." + strconv.Itoa(i%250+1)},
		},
		Spec: corev1.NodeSpec{PodCIDR: fmt.Sprintf("10.%d.%d.0/24", 100+i/250, i%250)},
	}
	Expect(admin.Create(ctx, n.object)).To(Succeed())
	n.setReady(ctx, true, time.Now())
	c.startFlannel(ctx, name)
	n.agent = startAgent(name, i)
	n.agentPod = agentPod("agent-"+name, name, n.agent.address.Port())
	Expect(admin.Create(ctx, n.agentPod)).To(Succeed())
	// For longer than a hint of a failed sandbox waits after a proof.
	setRunning(ctx, n.agentPod, n.agent.address.Addr().String(), time.Now().Add(-2*time.Minute))
	return n
}

func (c *cluster) startFlannel(ctx context.Context, name string) {
	GinkgoHelper()
	n := c.nodes[name]
	n.flannel = pod(metav1.NamespaceSystem, "kube-flannel-"+name, name)
	n.flannel.Spec.HostNetwork = true
	n.flannel.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(c.flannel, appsv1.SchemeGroupVersion.WithKind("DaemonSet"))}
	Expect(admin.Create(ctx, n.flannel)).To(Succeed())
	setRunning(ctx, n.flannel, "192.0.2.1", time.Now().Add(-3*time.Minute))
}

// remove takes away nodes, pods and agents, whoever made them.
func (c *cluster) remove(ctx context.Context) {
	GinkgoHelper()
	for _, n := range c.nodes {
		n.agent.stop()
	}
	now := client.GracePeriodSeconds(0)
	Expect(admin.DeleteAllOf(ctx, &corev1.Node{}, now)).To(Succeed())
	for _, namespace := range []string{releaseNamespace, metav1.NamespaceSystem} {
		Expect(admin.DeleteAllOf(ctx, &corev1.Pod{}, client.InNamespace(namespace), now)).To(Succeed())
	}
	Eventually(func() int {
		var nodes corev1.NodeList
		var pods corev1.PodList
		Expect(admin.List(ctx, &nodes)).To(Succeed())
		Expect(admin.List(ctx, &pods)).To(Succeed())
		return len(nodes.Items) + len(pods.Items)
	}).Should(BeZero())
}

// setReady writes the node's condition, as of since.
func (n *node) setReady(ctx context.Context, ready bool, since time.Time) {
	GinkgoHelper()
	condition := corev1.NodeCondition{Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(since)}
	if !ready {
		condition.Status, condition.Reason, condition.Message = corev1.ConditionUnknown, "NodeStatusUnknown", "Kubelet stopped posting node status."
	}
	before := n.object.DeepCopy()
	n.object.Status.Conditions = []corev1.NodeCondition{condition}
	n.object.Status.NodeInfo.BootID = "boot-of-" + n.object.Name
	Expect(admin.Status().Patch(ctx, n.object, client.MergeFrom(before))).To(Succeed())
}

// serveDNS makes the DNS service, with the suite's CoreDNS behind it.
func (c *cluster) serveDNS(ctx context.Context, name string) {
	GinkgoHelper()
	udp, port := corev1.ProtocolUDP, int32(dns.Port())
	c.service = &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: name}, Spec: corev1.ServiceSpec{
		ClusterIP: dnsAddress, Ports: []corev1.ServicePort{{Name: "dns", Port: 53, Protocol: corev1.ProtocolUDP}, {Name: "dns-tcp", Port: 53, Protocol: corev1.ProtocolTCP}},
	}}
	yes, portName := true, "dns"
	c.slice = &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: name + "-1", Labels: map[string]string{discoveryv1.LabelServiceName: name}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: &portName, Port: &port, Protocol: &udp}},
		Endpoints: []discoveryv1.Endpoint{{
			Addresses: []string{hostAddress()}, Conditions: discoveryv1.EndpointConditions{Ready: &yes},
			TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: metav1.NamespaceSystem, Name: "coredns-1"},
		}},
	}
	create(ctx, c.service, c.slice)
}

func (c *cluster) setDNSReady(ctx context.Context, ready bool) {
	GinkgoHelper()
	c.slice.Endpoints[0].Conditions.Ready = &ready
	Expect(admin.Update(ctx, c.slice)).To(Succeed())
}

func pod(namespace, name, node string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "main", Image: "image:test"}}},
	}
}

// agentPod is a pod of the agents' DaemonSet.
func agentPod(name, node string, port uint16) *corev1.Pod {
	p := pod(releaseNamespace, name, node)
	p.Labels = agents.Spec.Template.Labels
	p.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(agents, appsv1.SchemeGroupVersion.WithKind("DaemonSet"))}
	p.Spec.Containers[0].Ports = []corev1.ContainerPort{{Name: "agent", ContainerPort: int32(port)}}
	return p
}

// setRunning plays the kubelet: the pod got its sandbox, and its container started, at;
// and it is Ready.
func setRunning(ctx context.Context, p *corev1.Pod, ip string, at time.Time) {
	GinkgoHelper()
	setStarted(ctx, p, ip, at, corev1.ConditionTrue)
}

func setStarted(ctx context.Context, p *corev1.Pod, ip string, at time.Time, ready corev1.ConditionStatus) {
	GinkgoHelper()
	before, started := p.DeepCopy(), metav1.NewTime(at)
	p.Status.Phase, p.Status.PodIP, p.Status.PodIPs = corev1.PodRunning, ip, []corev1.PodIP{{IP: ip}}
	p.Status.Conditions = []corev1.PodCondition{
		{Type: corev1.PodReady, Status: ready, LastTransitionTime: started},
		{Type: corev1.PodReadyToStartContainers, Status: corev1.ConditionTrue, LastTransitionTime: started},
	}
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "main", Ready: true, Image: "image:test", ImageID: "test", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: started}}}}
	Expect(admin.Status().Patch(ctx, p, client.MergeFrom(before))).To(Succeed())
}

// create creates the objects and deletes them, and waits for that, when the spec ends.
func create(ctx context.Context, objects ...client.Object) {
	GinkgoHelper()
	for _, object := range objects {
		Expect(admin.Create(ctx, object)).To(Succeed())
		DeferCleanup(func(ctx context.Context) { remove(ctx, object) })
	}
}

func remove(ctx context.Context, object client.Object) {
	GinkgoHelper()
	Expect(client.IgnoreNotFound(admin.Delete(ctx, object, client.GracePeriodSeconds(0)))).To(Succeed())
	Eventually(func() error {
		return admin.Get(ctx, client.ObjectKeyFromObject(object), object.DeepCopyObject().(client.Object))
	}).ShouldNot(Succeed())
}
