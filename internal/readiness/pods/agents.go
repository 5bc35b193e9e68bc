package pods

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tazzo/rebirth/internal/readiness/probes"
)

// Objects is what agents are looked for in. DaemonSets and pods of other namespaces
// may be among them.
type Objects struct {
	Nodes      []corev1.Node
	DaemonSets []appsv1.DaemonSet
	Pods       []corev1.Pod
}

// Agents are the agents of one DaemonSet.
type Agents struct {
	// Problem is what is wrong with the DaemonSet itself; "" if nothing is.
	Problem string
	// Ready can be asked, sorted by node.
	Ready []probes.Agent
	// Waiting says of nodes with an agent's pod why it can't be asked, by node.
	Waiting map[string]string
	// Absent says of nodes without an agent's pod why there is none, by node.
	Absent map[string]string
}

// FindAgents finds the agents of the DaemonSet of that name. The pods of any other
// one, another release's, say, are none of them: they hold another key.
func FindAgents(name types.NamespacedName, o Objects) Agents {
	out := Agents{Waiting: map[string]string{}, Absent: map[string]string{}}
	ds := daemonSet(name, o.DaemonSets)
	if ds == nil {
		out.Problem = fmt.Sprintf("there is no DaemonSet %s, whose pods are the agents: is the chart of readiness-gate installed as a whole?", name)
	}
	found := byNode(ds, o.Pods)
	for i := range o.Nodes {
		node := &o.Nodes[i]
		pod := found[node.Name]
		if pod == nil || pod.Spec.NodeName == "" {
			out.Absent[node.Name] = absent(ds, node, pod)
			continue
		}
		address, err := address(pod)
		if err != nil {
			out.Waiting[node.Name] = fmt.Sprintf("the agent's pod %s/%s %s", pod.Namespace, pod.Name, err)
			continue
		}
		out.Ready = append(out.Ready, probes.Agent{Node: node.Name, Address: address})
	}
	slices.SortFunc(out.Ready, func(a, b probes.Agent) int { return cmp.Compare(a.Node, b.Node) })
	return out
}

func daemonSet(name types.NamespacedName, all []appsv1.DaemonSet) *appsv1.DaemonSet {
	for i := range all {
		if all[i].Namespace == name.Namespace && all[i].Name == name.Name {
			return &all[i]
		}
	}
	return nil
}

// byNode are the DaemonSet's pods by the node that they are meant for. Of two, while
// one takes the other's place, it is the one that can be asked; then the one that is
// Ready, for an agent that has just started does not listen yet; then the newer one.
func byNode(ds *appsv1.DaemonSet, all []corev1.Pod) map[string]*corev1.Pod {
	out := map[string]*corev1.Pod{}
	for i := range all {
		pod := &all[i]
		if ds == nil || pod.Namespace != ds.Namespace || pod.DeletionTimestamp != nil || !metav1.IsControlledBy(pod, ds) {
			continue
		}
		if known := out[NodeOf(pod)]; known == nil || better(pod, known) {
			out[NodeOf(pod)] = pod
		}
	}
	return out
}

func better(a, b *corev1.Pod) bool {
	_, errA := address(a)
	_, errB := address(b)
	if (errA == nil) != (errB == nil) {
		return errA == nil
	}
	if isReady(a) != isReady(b) {
		return isReady(a)
	}
	if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return b.CreationTimestamp.Before(&a.CreationTimestamp)
	}
	return a.Name < b.Name
}

func isReady(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// agentPort is the chart's name for the port that agents serve on. Other containers,
// such as a service mesh's, may stand before the agent's.
const agentPort = "agent"

// address is where the agent of a running pod listens.
func address(pod *corev1.Pod) (netip.AddrPort, error) {
	if pod.Status.Phase != corev1.PodRunning || pod.Status.PodIP == "" {
		return netip.AddrPort{}, fmt.Errorf("is not running yet (%s)%s", cmp.Or(string(pod.Status.Phase), "Pending"), waitsFor(pod))
	}
	ip, err := netip.ParseAddr(pod.Status.PodIP)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("has no usable address: %w", err)
	}
	for _, c := range pod.Spec.Containers {
		for _, p := range c.Ports {
			if p.Name == agentPort {
				return netip.AddrPortFrom(ip, uint16(p.ContainerPort)), nil
			}
		}
	}
	return netip.AddrPort{}, fmt.Errorf("has no port named %s: is it of this chart's version?", agentPort)
}

func waitsFor(pod *corev1.Pod) string {
	for _, s := range pod.Status.ContainerStatuses {
		if s.State.Waiting != nil && s.State.Waiting.Reason != "" {
			return ": " + s.State.Waiting.Reason
		}
	}
	return ""
}
