// Package cni reads the signs that network plugins give of themselves: their
// DaemonSets, pods, and what they write on nodes. It is pure, one adapter each.
//
// The hazard: these signs are necessary and not sufficient. Flannel has no
// readiness probe at all, so its pod is Ready before it has routed anything. They
// name the culprit early; the agents' traffic is the proof.
package cni

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

// Objects is what the adapters read.
type Objects struct {
	Nodes      []corev1.Node
	DaemonSets []appsv1.DaemonSet
	// Pods of the plugin's namespaces.
	Pods []corev1.Pod
	// Now: what is said to have started later did so by a clock that was ahead.
	Now time.Time
}

// Finding is what the plugin's objects say.
type Finding struct {
	// Provider that the objects were read as.
	Provider v1alpha1.CNIProvider
	// Why says how the provider was found.
	Why string
	// Cluster is what is wrong for all nodes; empty if nothing is.
	Cluster string
	// Nodes is what is wrong on single nodes, by name.
	Nodes map[string]string
	// Started is when the plugin's container on a node last started, as Unix
	// seconds, by node: sandboxes older than that prove nothing. Zero is unknown.
	Started map[string]int64
}

// adapter knows one network plugin.
type adapter struct {
	provider v1alpha1.CNIProvider
	// daemonSets are the usual names.
	daemonSets []string
	// node says what the plugin wrote on the node that shows a fault, "" for none.
	node func(*corev1.Node) string
}

// The usual names are those of the plugins' own manifests: kube-flannel.yml and
// Talos' own Flannel; Cilium's and Tigera's charts; kind.
var adapters = []adapter{
	{v1alpha1.CNIFlannel, []string{"kube-flannel", "kube-flannel-ds"}, flannelNode},
	{v1alpha1.CNICilium, []string{"cilium"}, ciliumNode},
	{v1alpha1.CNICalico, []string{"calico-node", "canal"}, networkUnavailable},
	{v1alpha1.CNIKindnet, []string{"kindnet"}, podCIDR},
}

// Read reads the objects as the check asks.
func Read(check v1alpha1.CNICheck, objects Objects) Finding {
	switch check.Provider {
	case v1alpha1.CNIGeneric:
		return Finding{Provider: v1alpha1.CNIGeneric, Why: "the gate asks for it: traffic alone decides", Nodes: everyNode(objects, networkUnavailable)}
	case v1alpha1.CNIAuto, "":
		return detect(check, objects)
	}
	for _, a := range adapters {
		if a.provider == check.Provider {
			return a.read(check, objects, "the gate asks for it")
		}
	}
	return Finding{Provider: check.Provider, Cluster: fmt.Sprintf("spec.checks.cni.provider %q is unknown: use Auto or Generic", check.Provider)}
}

func detect(check v1alpha1.CNICheck, objects Objects) Finding {
	check.DaemonSet = "" // a name of the user's own doesn't tell whose it is
	var found *appsv1.DaemonSet
	var by adapter
	for _, a := range adapters {
		if ds := a.find(check, objects); ds != nil && (found == nil || wantsPods(ds) && !wantsPods(found)) {
			found, by = ds, a
		}
	}
	if found != nil {
		return by.read(check, objects, fmt.Sprintf("DaemonSet %s/%s is there", found.Namespace, found.Name))
	}
	return Finding{
		Provider: v1alpha1.CNIGeneric,
		Why:      "no DaemonSet of a known network plugin is there: traffic alone decides",
		Nodes:    everyNode(objects, networkUnavailable),
	}
}

// find returns the adapter's DaemonSet. Of several, what is left of a migration, say,
// it is the one that wants pods; then the first by name.
func (a adapter) find(check v1alpha1.CNICheck, objects Objects) *appsv1.DaemonSet {
	var found *appsv1.DaemonSet
	for i := range objects.DaemonSets {
		ds := &objects.DaemonSets[i]
		if check.Namespace != "" && ds.Namespace != check.Namespace {
			continue
		}
		if !slices.Contains(a.names(check), ds.Name) {
			continue
		}
		if found == nil || likelier(ds, found) {
			found = ds
		}
	}
	return found
}

// likelier reports whether a is the network plugin that runs rather than b.
func likelier(a, b *appsv1.DaemonSet) bool {
	if wantsPods(a) != wantsPods(b) {
		return wantsPods(a)
	}
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name)) < 0
}

func wantsPods(ds *appsv1.DaemonSet) bool { return ds.Status.DesiredNumberScheduled > 0 }

func (a adapter) read(check v1alpha1.CNICheck, objects Objects, why string) Finding {
	f := Finding{Provider: a.provider, Why: why, Nodes: map[string]string{}, Started: map[string]int64{}}
	ds := a.find(check, objects)
	if ds == nil {
		f.Cluster = fmt.Sprintf("no DaemonSet of %s is there (%s): is the network plugin installed? Name it in spec.checks.cni otherwise", a.provider, strings.Join(a.names(check), " or "))
		return f
	}
	name := ds.Namespace + "/" + ds.Name
	if ds.Status.ObservedGeneration < ds.Generation {
		f.Cluster = fmt.Sprintf("DaemonSet %s has not been looked at by the DaemonSet controller yet", name)
	} else if !wantsPods(ds) {
		f.Cluster = fmt.Sprintf("DaemonSet %s wants no pod on any node: look at its nodeSelector and tolerations", name)
	}
	pods := podsByNode(objects.Pods, ds)
	for i := range objects.Nodes {
		node := &objects.Nodes[i]
		pod := pods[node.Name]
		if pod != nil {
			f.Started[node.Name] = started(pod, objects.Now)
		}
		if problem := a.problem(node, pod, name); problem != "" {
			f.Nodes[node.Name] = problem
		}
	}
	return f
}

func (a adapter) names(check v1alpha1.CNICheck) []string {
	if check.DaemonSet != "" {
		return []string{check.DaemonSet}
	}
	return a.daemonSets
}

// problem is the first thing that is wrong on a node.
func (a adapter) problem(node *corev1.Node, pod *corev1.Pod, daemonSet string) string {
	switch {
	case pod == nil:
		return fmt.Sprintf("DaemonSet %s has no pod on this node: look at the node's taints and the DaemonSet's events", daemonSet)
	case !isReady(pod):
		return fmt.Sprintf("pod %s/%s of the network plugin is not Ready%s", pod.Namespace, pod.Name, because(pod))
	default:
		return a.node(node)
	}
}

// podsByNode are the newest pods of the DaemonSet on each node.
func podsByNode(pods []corev1.Pod, ds *appsv1.DaemonSet) map[string]*corev1.Pod {
	newest := map[string]*corev1.Pod{}
	for i := range pods {
		pod := &pods[i]
		if pod.Namespace != ds.Namespace || pod.DeletionTimestamp != nil || !ownedBy(pod, ds) {
			continue
		}
		if known := newest[pod.Spec.NodeName]; known == nil || known.CreationTimestamp.Before(&pod.CreationTimestamp) {
			newest[pod.Spec.NodeName] = pod
		}
	}
	return newest
}

func ownedBy(pod *corev1.Pod, ds *appsv1.DaemonSet) bool {
	for _, owner := range pod.OwnerReferences {
		if owner.UID == ds.UID {
			return true
		}
	}
	return false
}

func isReady(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// because is what a container of the pod waits for.
func because(pod *corev1.Pod) string {
	for _, s := range append(slices.Clone(pod.Status.InitContainerStatuses), pod.Status.ContainerStatuses...) {
		if s.State.Waiting != nil && s.State.Waiting.Reason != "" {
			return fmt.Sprintf(" (container %s: %s)", s.Name, s.State.Waiting.Reason)
		}
	}
	return fmt.Sprintf(" (phase %s)", pod.Status.Phase)
}

// started is when the pod's newest container started; of one that can't have started
// when it says, when the pod was made. Zero if that is not known either.
func started(pod *corev1.Pod, now time.Time) int64 {
	var newest int64
	for _, s := range pod.Status.ContainerStatuses {
		if s.State.Running == nil {
			continue
		}
		at := s.State.Running.StartedAt.Time
		if at.After(now) {
			at = pod.CreationTimestamp.Time
		}
		if !at.After(now) {
			newest = max(newest, at.Unix())
		}
	}
	return newest
}
