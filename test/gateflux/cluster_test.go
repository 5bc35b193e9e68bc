package gateflux_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/internal/readiness/agent"
	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
	"github.com/tazzo/rebirth/test/process"
)

const (
	goodNode   = "worker-1"
	brokenNode = "worker-2"
)

// addresses are the pod network: loopback addresses of this run's own, since every
// agent listens on the port that the chart gives it.
var addresses = map[string]string{
	goodNode:   fmt.Sprintf("127.%d.%d.1", 64+os.Getpid()>>8&63, os.Getpid()&255),
	brokenNode: fmt.Sprintf("127.%d.%d.2", 64+os.Getpid()>>8&63, os.Getpid()&255),
}

// flannelDaemonSet is as Talos has it: without a readiness probe.
const flannelDaemonSet = `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: kube-flannel, namespace: kube-system}
spec:
  selector: {matchLabels: {k8s-app: flannel}}
  template:
    metadata: {labels: {k8s-app: flannel}}
    spec:
      hostNetwork: true
      tolerations: [{operator: Exists}]
      containers: [{name: kube-flannel, image: flannel}]
`

// startNodes registers two nodes that call themselves Ready, as kubelets with a file
// in /etc/cni/net.d do, and the network plugin's DaemonSet.
func startNodes(ctx context.Context) {
	GinkgoHelper()
	Expect(plane.ApplyYAML(ctx, []byte(flannelDaemonSet))).To(Succeed())
	for i, name := range []string{goodNode, brokenNode} {
		node := &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelOSStable: "linux"}},
			Spec:       corev1.NodeSpec{PodCIDR: fmt.Sprintf("10.244.%d.0/24", i)},
		}
		Expect(admin.Create(ctx, node)).To(Succeed())
		report(ctx, node, func() {
			node.Status.NodeInfo.BootID = name
			node.Status.Conditions = []corev1.NodeCondition{{
				Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady",
				LastHeartbeatTime: metav1.Now(), LastTransitionTime: metav1.Now(),
			}}
		})
	}
}

// startFlannel has the network plugin run on the node, and register there.
func startFlannel(ctx context.Context, node string) {
	GinkgoHelper()
	pod := podOf(ctx, "kube-system", "kube-flannel", node)
	report(ctx, pod, func() { runPod(pod, "192.0.2.1") })
	object, err := get(ctx, "", node, &corev1.Node{})
	Expect(err).NotTo(HaveOccurred())
	before := client.MergeFrom(object.DeepCopy())
	metav1.SetMetaDataAnnotation(&object.ObjectMeta, "flannel.alpha.coreos.com/public-ip", "192.0.2.1")
	Expect(admin.Patch(ctx, object, before)).To(Succeed())
}

// crashFlannel is what the incident began with.
func crashFlannel(ctx context.Context, node string) {
	GinkgoHelper()
	pod := podOf(ctx, "kube-system", "kube-flannel", node)
	report(ctx, pod, func() {
		pod.Status.Phase = corev1.PodRunning
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: metav1.Now()}}
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
			Name: "kube-flannel", Image: "flannel", RestartCount: 3,
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
		}}
	})
}

// serveAgent runs the node's agent, a real one, until the container ends. Nobody
// knows of it before joinAgent.
func serveAgent(ctx context.Context, node string) {
	GinkgoHelper()
	pod := podOf(ctx, releaseName, releaseName+"-agent", node)
	Eventually(mountedKeys).ShouldNot(BeEmpty(), "the kubelet waits for the Secret that the controller makes")
	port := int(pod.Spec.Containers[0].Ports[0].ContainerPort)
	listener, err := net.Listen("tcp", net.JoinHostPort(addresses[node], strconv.Itoa(port)))
	Expect(err).NotTo(HaveOccurred())
	running, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- agent.Serve(running, listener, agent.Options{
			Node: node, PodUID: string(pod.UID), BootID: node, Keys: mountedKeys,
			Clock: clock.RealClock{}, Log: slog.New(slog.NewTextHandler(GinkgoWriter, nil)),
		})
	}()
	DeferCleanup(func() { cancel(); Expect(<-done).To(Succeed()) })
}

// joinAgent plays the kubelet for the agent's pod: its sandbox could be made.
func joinAgent(ctx context.Context, node string) {
	GinkgoHelper()
	pod := podOf(ctx, releaseName, releaseName+"-agent", node)
	report(ctx, pod, func() { runPod(pod, addresses[node]) })
}

// failSandbox is what the kubelet of a node without a network says of each new pod.
func failSandbox(ctx context.Context, node string) {
	GinkgoHelper()
	pod := podOf(ctx, releaseName, releaseName+"-agent", node)
	now := metav1.Now()
	Expect(admin.Create(ctx, &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: pod.Namespace, GenerateName: "sandbox-"},
		InvolvedObject: corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
		Type:           corev1.EventTypeWarning, Reason: "FailedCreatePodSandBox", Count: 1, FirstTimestamp: now, LastTimestamp: now,
		Message: "plugin type=\"flannel\" failed (add): open /run/flannel/subnet.env: no such file or directory",
		Source:  corev1.EventSource{Component: "kubelet", Host: node},
	})).To(Succeed())
}

// mountedKeys is what the agents' pods have as a file.
func mountedKeys() (wire.Keys, error) {
	secret, err := get(context.Background(), releaseName, releaseName+"-agent-key", &corev1.Secret{})
	if err != nil {
		return nil, err
	}
	return wire.ParseKeys(secret.Data["key"])
}

// podOf is the pod that kube-controller-manager made of a DaemonSet for the node. It
// plays the scheduler: it binds the pod to its node.
func podOf(ctx context.Context, namespace, daemonSet, node string) *corev1.Pod {
	GinkgoHelper()
	var pod *corev1.Pod
	Eventually(ctx, func(ctx context.Context) (*corev1.Pod, error) {
		var err error
		pod, err = findPod(ctx, namespace, daemonSet, node)
		return pod, err
	}).ShouldNot(BeNil(), "a pod of DaemonSet %s/%s for node %s", namespace, daemonSet, node)
	if pod.Spec.NodeName == "" {
		binding := &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: pod.Name}, Target: corev1.ObjectReference{Kind: "Node", Name: node}}
		Expect(admin.SubResource("binding").Create(ctx, pod, binding)).To(Succeed())
	}
	pod, err := get(ctx, namespace, pod.Name, &corev1.Pod{})
	Expect(err).NotTo(HaveOccurred())
	return pod
}

func findPod(ctx context.Context, namespace, daemonSet, node string) (*corev1.Pod, error) {
	owner, err := get(ctx, namespace, daemonSet, &appsv1.DaemonSet{})
	if err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	var pods corev1.PodList
	if err := admin.List(ctx, &pods, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	for i := range pods.Items {
		if pod := &pods.Items[i]; metav1.IsControlledBy(pod, owner) && meantFor(pod) == node {
			return pod, nil
		}
	}
	return nil, nil
}

// meantFor reads the node affinity that the DaemonSet controller gives its pods.
func meantFor(pod *corev1.Pod) string {
	for _, term := range pod.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
		for _, field := range term.MatchFields {
			if field.Key == metav1.ObjectNameField {
				return field.Values[0]
			}
		}
	}
	return ""
}

// runPod writes the status of a pod whose container runs and is ready.
func runPod(pod *corev1.Pod, address string) {
	now := metav1.Now()
	pod.Status.Phase, pod.Status.PodIP = corev1.PodRunning, address
	pod.Status.PodIPs = []corev1.PodIP{{IP: address}}
	pod.Status.Conditions = nil
	for _, condition := range []corev1.PodConditionType{corev1.PodReadyToStartContainers, corev1.PodReady} {
		pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: condition, Status: corev1.ConditionTrue, LastTransitionTime: now})
	}
	container := pod.Spec.Containers[0]
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: container.Name, Image: container.Image, Ready: true, Started: new(true),
		State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}},
	}}
}

// setFlannelReady changes nothing else of the network plugin's pod on the node.
func setFlannelReady(ctx context.Context, node string, ready corev1.ConditionStatus) {
	GinkgoHelper()
	pod := podOf(ctx, "kube-system", "kube-flannel", node)
	report(ctx, pod, func() {
		for i := range pod.Status.Conditions {
			if condition := &pod.Status.Conditions[i]; condition.Type == corev1.PodReady {
				condition.Status, condition.LastTransitionTime = ready, metav1.Now()
			}
		}
	})
}

// report writes a status as a kubelet does. A patch, since controllers write the
// same objects.
func report(ctx context.Context, object client.Object, change func()) {
	GinkgoHelper()
	before := client.MergeFrom(object.DeepCopyObject().(client.Object))
	change()
	Expect(admin.Status().Patch(ctx, object, before)).To(Succeed())
}

func freePort() int {
	GinkgoHelper()
	port, err := process.FreePort()
	Expect(err).NotTo(HaveOccurred())
	return port
}
