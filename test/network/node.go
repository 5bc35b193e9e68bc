package network

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/test/kubelet"
)

// Flannel is the network plugin's DaemonSet.
var Flannel = client.ObjectKey{Namespace: metav1.NamespaceSystem, Name: "kube-flannel"}

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

// hostAddress is that of every node: nobody connects to it.
const hostAddress = "192.0.2.1"

// Join adds a node that calls itself Ready. Flannel does not run on it yet.
func (n *Network) Join(ctx context.Context, node string) error {
	if len(n.nodes) == maxNodes {
		return fmt.Errorf("node %s: this network has room for %d", node, maxNodes)
	}
	n.nodes = append(n.nodes, node)
	return kubelet.Join(ctx, n.o.Admin, node, fmt.Sprintf("10.244.%d.0/24", len(n.nodes)))
}

// StartFlannel has Flannel's pod run on the node, and register the node.
func (n *Network) StartFlannel(ctx context.Context, node string) error {
	pod, err := n.FlannelPod(ctx, node)
	if err != nil {
		return err
	}
	if err := kubelet.ReportRunning(ctx, n.o.Admin, pod, hostAddress); err != nil {
		return err
	}
	return kubelet.Annotate(ctx, n.o.Admin, node, "flannel.alpha.coreos.com/public-ip", hostAddress)
}

// CrashFlannel has Flannel's pod on the node crash, again and again.
func (n *Network) CrashFlannel(ctx context.Context, node string) error {
	pod, err := n.FlannelPod(ctx, node)
	if err != nil {
		return err
	}
	return kubelet.ReportCrashing(ctx, n.o.Admin, pod)
}

// FlannelPod is Flannel's pod on the node.
func (n *Network) FlannelPod(ctx context.Context, node string) (*corev1.Pod, error) {
	return kubelet.DaemonPod(ctx, n.o.Admin, Flannel, node)
}

// place of a node among all that joined, from 0.
func (n *Network) place(node string) int { return slices.Index(n.nodes, node) }
