package reconciler

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/readiness/cni"
	"github.com/tazzo/rebirth/internal/readiness/evidence"
	"github.com/tazzo/rebirth/internal/readiness/pods"
)

// observe makes one round of reads and probes. What can't be read is part of the
// evidence: unknown is not ready. round counts them.
func (r *Reconciler) observe(ctx context.Context, gate *v1alpha1.ReadinessGate, round int) evidence.Cluster {
	e, agents, err := r.observeObjects(ctx, gate)
	if err != nil {
		return evidence.Cluster{Now: r.Clock.Now(), Unobserved: err.Error()}
	}
	r.sendCanaries(ctx, e)
	e.Reports = r.askAgents(ctx, gate, e, agents, round)
	e.Now = r.Clock.Now()
	return e
}

// objects are the lists that one round reads from the cache.
type objects struct {
	nodes      corev1.NodeList
	daemonSets appsv1.DaemonSetList
	pods       corev1.PodList
	failures   corev1.EventList
}

func (r *Reconciler) listObjects(ctx context.Context) (o objects, err error) {
	for _, l := range []struct {
		what string
		list client.ObjectList
	}{{"nodes", &o.nodes}, {"DaemonSets", &o.daemonSets}, {"pods", &o.pods}, {"events", &o.failures}} {
		if err := r.Client.List(ctx, l.list); err != nil {
			return o, fmt.Errorf("%s can't be listed: %w", l.what, err)
		}
	}
	return o, nil
}

func (r *Reconciler) observeObjects(ctx context.Context, gate *v1alpha1.ReadinessGate) (evidence.Cluster, pods.Agents, error) {
	o, err := r.listObjects(ctx)
	if err != nil {
		return evidence.Cluster{}, pods.Agents{}, err
	}
	agents := pods.FindAgents(r.AgentDaemonSet, pods.Objects{Nodes: o.nodes.Items, DaemonSets: o.daemonSets.Items, Pods: o.pods.Items})
	e := evidence.Cluster{Now: r.Clock.Now(), Agents: agents.Problem}
	e.CNI = cni.Read(gate.Spec.Checks.CNI, cni.Objects{Nodes: o.nodes.Items, DaemonSets: o.daemonSets.Items, Pods: o.pods.Items, Now: e.Now})
	for i := range o.nodes.Items {
		n := node(&o.nodes.Items[i])
		n.AgentAbsent = agents.Absent[n.Name]
		e.Nodes = append(e.Nodes, n)
	}
	own := slices.DeleteFunc(o.pods.Items, func(pod corev1.Pod) bool { return pod.Namespace != r.AgentDaemonSet.Namespace })
	e.Sandboxes = sandboxes(gate.Spec.Checks.Sandbox, e, own, failuresByNode(o.failures.Items, r.AgentDaemonSet, e.Now))
	if e.DNS, err = r.observeDNS(ctx, gate); err != nil {
		return e, agents, err
	}
	e.API, err = r.serviceAddress(ctx, client.ObjectKey{Namespace: "default", Name: "kubernetes"})
	return e, agents, err
}

func node(n *corev1.Node) evidence.Node {
	out := evidence.Node{
		Name: n.Name, Created: n.CreationTimestamp.Time, Deleting: n.DeletionTimestamp != nil,
		ReadyChanged: n.CreationTimestamp.Time, NotReadyReason: "the kubelet has not reported yet",
	}
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			out.Ready = c.Status == corev1.ConditionTrue
			out.NotReadyReason, out.ReadyChanged = cmp.Or(c.Message, c.Reason), c.LastTransitionTime.Time
		}
	}
	return out
}

// observeDNS reads the DNS service by its name, and its endpoints by the service:
// whoever runs behind it, under whatever labels.
func (r *Reconciler) observeDNS(ctx context.Context, gate *v1alpha1.ReadinessGate) (evidence.DNS, error) {
	dns := evidence.DNS{Service: cmp.Or(gate.Spec.Checks.DNS.Service, "kube-system/kube-dns")}
	if gate.Spec.Checks.DNS.Disabled {
		return dns, nil
	}
	namespace, name, _ := strings.Cut(dns.Service, "/")
	service, err := r.service(ctx, client.ObjectKey{Namespace: namespace, Name: name})
	if err != nil || service == nil {
		return dns, err
	}
	if service.Spec.ClusterIP != corev1.ClusterIPNone {
		dns.ClusterIP = service.Spec.ClusterIP
	}
	for _, p := range service.Spec.Ports {
		if p.Protocol == corev1.ProtocolUDP {
			dns.Port = uint16(p.Port)
		}
	}
	var slicesOf discoveryv1.EndpointSliceList
	if err := r.Live.List(ctx, &slicesOf, client.InNamespace(namespace), client.MatchingLabels{discoveryv1.LabelServiceName: name}); err != nil {
		return dns, fmt.Errorf("the endpoints of Service %s can't be listed: %w", dns.Service, err)
	}
	for i := range slicesOf.Items {
		// A pod with two families of addresses has two slices, and is one endpoint.
		if slice := &slicesOf.Items[i]; string(slice.AddressType) == string(family(service)) {
			readyEndpoints(&dns, slice)
		}
	}
	// While endpoints move between slices they stand in both.
	slices.Sort(dns.Ready)
	dns.Ready = slices.Compact(dns.Ready)
	slices.Sort(dns.Waiting)
	dns.Waiting = slices.Compact(dns.Waiting)
	return dns, nil
}

// family is that of the service's first address, the one that pods use.
func family(service *corev1.Service) corev1.IPFamily {
	if len(service.Spec.IPFamilies) > 0 {
		return service.Spec.IPFamilies[0]
	}
	return corev1.IPv4Protocol
}

func readyEndpoints(dns *evidence.DNS, slice *discoveryv1.EndpointSlice) {
	port := int32(53)
	for _, p := range slice.Ports {
		if p.Protocol != nil && *p.Protocol == corev1.ProtocolUDP && p.Port != nil {
			port = *p.Port
		}
	}
	for _, endpoint := range slice.Endpoints {
		if endpoint.Conditions.Ready != nil && !*endpoint.Conditions.Ready {
			if endpoint.TargetRef != nil {
				dns.Waiting = append(dns.Waiting, fmt.Sprintf("pod %s/%s is not Ready", endpoint.TargetRef.Namespace, endpoint.TargetRef.Name))
			}
			continue
		}
		for _, address := range endpoint.Addresses {
			dns.Ready = append(dns.Ready, net.JoinHostPort(address, strconv.Itoa(int(port))))
		}
	}
}

func (r *Reconciler) service(ctx context.Context, key client.ObjectKey) (*corev1.Service, error) {
	service := &corev1.Service{}
	if err := r.Live.Get(ctx, key, service); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("reading Service %s: %w", key, err)
	}
	return service, nil
}

// serviceAddress is ip:port of a service with a ClusterIP; "" if there is none.
func (r *Reconciler) serviceAddress(ctx context.Context, key client.ObjectKey) (string, error) {
	service, err := r.service(ctx, key)
	if err != nil || service == nil || service.Spec.ClusterIP == "" || service.Spec.ClusterIP == corev1.ClusterIPNone || len(service.Spec.Ports) == 0 {
		return "", err
	}
	return net.JoinHostPort(service.Spec.ClusterIP, strconv.Itoa(int(service.Spec.Ports[0].Port))), nil
}
