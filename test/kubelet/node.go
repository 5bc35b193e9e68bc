// Package kubelet plays what a control plane without kubelets and a scheduler lacks:
// nodes, the status of pods, and containers, which are processes of this machine. The
// pods themselves are kube-controller-manager's, which is real.
package kubelet

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Join creates a node that calls itself Ready, as a kubelet does that finds a file in
// /etc/cni/net.d: what the network behind that file does is nothing to it.
func Join(ctx context.Context, c client.Client, name, podCIDR string) error {
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelOSStable: "linux", corev1.LabelHostname: name}},
		Spec:       corev1.NodeSpec{PodCIDR: podCIDR, PodCIDRs: []string{podCIDR}},
	}
	if err := c.Create(ctx, node); err != nil {
		return fmt.Errorf("node %s: %w", name, err)
	}
	return reportStatus(ctx, c, node, func() {
		node.Status.NodeInfo.BootID = "boot-of-" + name
		node.Status.Conditions = []corev1.NodeCondition{{
			Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady", Message: "kubelet is posting ready status",
			LastHeartbeatTime: metav1.Now(), LastTransitionTime: metav1.Now(),
		}}
	})
}

// Annotate writes an annotation on a node, as network plugins do.
func Annotate(ctx context.Context, c client.Client, node, key, value string) error {
	object := &corev1.Node{}
	if err := c.Get(ctx, client.ObjectKey{Name: node}, object); err != nil {
		return err
	}
	before := client.MergeFrom(object.DeepCopy())
	metav1.SetMetaDataAnnotation(&object.ObjectMeta, key, value)
	return c.Patch(ctx, object, before)
}

// reportStatus patches, since controllers write the same objects.
func reportStatus(ctx context.Context, c client.Client, object client.Object, change func()) error {
	before := client.MergeFrom(object.DeepCopyObject().(client.Object))
	change()
	return c.Status().Patch(ctx, object, before)
}
