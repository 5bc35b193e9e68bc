package cni

import corev1 "k8s.io/api/core/v1"

// flannelNode: Flannel's kube subnet manager needs the node's podCIDR, and writes
// its backend's data on the node before it routes anything
// (flannel-io/flannel, pkg/subnet/kube).
func flannelNode(node *corev1.Node) string {
	switch {
	case node.Spec.PodCIDR == "":
		return podCIDR(node)
	case node.Annotations["flannel.alpha.coreos.com/public-ip"] == "" && node.Annotations["flannel.alpha.coreos.com/public-ipv6"] == "":
		return "Flannel has not registered this node yet (no annotation flannel.alpha.coreos.com/public-ip or public-ipv6): look at its log on this node; if it runs with another --kube-annotation-prefix, set spec.checks.cni.provider to Generic"
	default:
		return networkUnavailable(node)
	}
}

// ciliumNode: Cilium takes its taint away once its agent on the node is ready.
func ciliumNode(node *corev1.Node) string {
	for _, taint := range node.Spec.Taints {
		if taint.Key == "node.cilium.io/agent-not-ready" {
			return "Cilium's agent is not ready on this node (taint node.cilium.io/agent-not-ready): look at its log on this node"
		}
	}
	return networkUnavailable(node)
}

func podCIDR(node *corev1.Node) string {
	if node.Spec.PodCIDR == "" {
		return "the node has no podCIDR: the controller manager needs --allocate-node-cidrs and --cluster-cidr"
	}
	return networkUnavailable(node)
}

// networkUnavailable is the message of the node's condition of that name, which
// network plugins and cloud providers set.
func networkUnavailable(node *corev1.Node) string {
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeNetworkUnavailable && c.Status == corev1.ConditionTrue {
			return "the node's condition NetworkUnavailable is true: " + c.Message
		}
	}
	return ""
}

func everyNode(objects Objects, sign func(*corev1.Node) string) map[string]string {
	out := map[string]string{}
	for i := range objects.Nodes {
		if problem := sign(&objects.Nodes[i]); problem != "" {
			out[objects.Nodes[i].Name] = problem
		}
	}
	return out
}
