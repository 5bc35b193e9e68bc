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
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/internal/readiness/agent"
	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
	"github.com/tazzo/rebirth/test/kubelet"
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

// startNodes registers two nodes that call themselves Ready, and the network plugin's
// DaemonSet.
func startNodes(ctx context.Context) {
	GinkgoHelper()
	Expect(plane.ApplyYAML(ctx, []byte(flannelDaemonSet))).To(Succeed())
	Expect(kubelet.Join(ctx, admin, goodNode, "10.244.0.0/24")).To(Succeed())
	Expect(kubelet.Join(ctx, admin, brokenNode, "10.244.1.0/24")).To(Succeed())
}

// startFlannel has the network plugin run on the node, and register there.
func startFlannel(ctx context.Context, node string) {
	GinkgoHelper()
	Expect(kubelet.ReportRunning(ctx, admin, podOf(ctx, "kube-system", "kube-flannel", node), "192.0.2.1")).To(Succeed())
	Expect(kubelet.Annotate(ctx, admin, node, "flannel.alpha.coreos.com/public-ip", "192.0.2.1")).To(Succeed())
}

// crashFlannel is what the incident began with.
func crashFlannel(ctx context.Context, node string) {
	GinkgoHelper()
	Expect(kubelet.ReportCrashing(ctx, admin, podOf(ctx, "kube-system", "kube-flannel", node))).To(Succeed())
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
	Expect(kubelet.ReportRunning(ctx, admin, podOf(ctx, releaseName, releaseName+"-agent", node), addresses[node])).To(Succeed())
}

// failSandbox is what the kubelet of a node without a network says of each new pod.
func failSandbox(ctx context.Context, node string) {
	GinkgoHelper()
	Expect(kubelet.ReportNoSandbox(ctx, admin, podOf(ctx, releaseName, releaseName+"-agent", node),
		"plugin type=\"flannel\" failed (add): open /run/flannel/subnet.env: no such file or directory")).To(Succeed())
}

// mountedKeys is what the agents' pods have as a file.
func mountedKeys() (wire.Keys, error) {
	secret, err := get(context.Background(), releaseName, releaseName+"-agent-key", &corev1.Secret{})
	if err != nil {
		return nil, err
	}
	return wire.ParseKeys(secret.Data["key"])
}

func podOf(ctx context.Context, namespace, daemonSet, node string) *corev1.Pod {
	GinkgoHelper()
	pod, err := kubelet.DaemonPod(ctx, admin, client.ObjectKey{Namespace: namespace, Name: daemonSet}, node)
	Expect(err).NotTo(HaveOccurred())
	return pod
}

// setFlannelReady changes nothing else of the network plugin's pod on the node.
func setFlannelReady(ctx context.Context, node string, ready bool) {
	GinkgoHelper()
	Expect(kubelet.ReportReady(ctx, admin, podOf(ctx, "kube-system", "kube-flannel", node), ready)).To(Succeed())
}
