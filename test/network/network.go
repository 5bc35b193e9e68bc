package network

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/test/controlplane"
	"github.com/tazzo/rebirth/test/coredns"
	"github.com/tazzo/rebirth/test/relay"
)

// Prepare builds CoreDNS unless it was built before, and says so on progress (which may
// be nil). Start does the same.
func Prepare(ctx context.Context, progress io.Writer) error { return coredns.Prepare(ctx, progress) }

// Options of a network.
type Options struct {
	// Addresses, the Services' range of which the control plane was given.
	Addresses Addresses
	// Plane is the running control plane, and Admin a client of its administrator.
	Plane *controlplane.ControlPlane
	Admin client.Client
	// Agent is the built readiness-agent, and Release the name of readiness-gate's
	// release and of its namespace.
	Agent   string
	Release string
	// Dir takes the agents' key, and Logs their logs.
	Dir, Logs string
	// Progress takes lines about what is built. Nil: nothing is said.
	Progress io.Writer
}

// Network is a network that works, but for what its owner does to it.
type Network struct {
	// DNS is the CoreDNS behind the Service kube-dns.
	DNS    *coredns.Server
	o      Options
	nodes  []string
	relays []*relay.Relay
	agents []*Agent
}

// Start starts CoreDNS, creates its Service and Flannel's DaemonSet, and plays
// kube-proxy for the addresses of the DNS and of the API server.
func Start(ctx context.Context, o Options) (*Network, error) {
	n := &Network{o: o}
	if err := n.start(ctx); err != nil {
		return nil, errors.Join(err, n.Stop())
	}
	return n, nil
}

func (n *Network) start(ctx context.Context) error {
	endpoint, err := outside()
	if err != nil {
		return err
	}
	n.DNS, err = coredns.Start(ctx, coredns.Options{Progress: n.o.Progress, IP: endpoint, Answers: n.Answers()})
	if err != nil {
		return err
	}
	api, err := url.Parse(n.o.Plane.AdminConfig().Host)
	if err != nil {
		return err
	}
	for address, upstream := range map[string]string{n.o.Addresses.API(): api.Host, n.o.Addresses.dnsIP() + ":53": n.DNS.Addr()} {
		if _, err := n.carry(address, upstream); err != nil {
			return err
		}
	}
	if err := n.o.Plane.ApplyYAML(ctx, []byte(flannelDaemonSet)); err != nil {
		return err
	}
	return n.serveDNS(ctx, endpoint)
}

// Answers are those of a DNS that works.
func (n *Network) Answers() coredns.Answers {
	return coredns.Zone("kubernetes.default.svc.cluster.local. 30 IN A " + n.o.Addresses.apiIP())
}

func (n *Network) carry(address, upstream string) (*relay.Relay, error) {
	r, err := relay.Start(address, upstream)
	if err == nil {
		n.relays = append(n.relays, r)
	}
	return r, err
}

// serveDNS makes the Service kube-dns, with the one CoreDNS behind it.
func (n *Network) serveDNS(ctx context.Context, endpoint string) error {
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: "kube-dns"},
		Spec: corev1.ServiceSpec{ClusterIP: n.o.Addresses.dnsIP(), Ports: []corev1.ServicePort{
			{Name: "dns", Port: 53, Protocol: corev1.ProtocolUDP}, {Name: "dns-tcp", Port: 53, Protocol: corev1.ProtocolTCP},
		}},
	}
	port := int32(n.DNS.Port())
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: "kube-dns-1", Labels: map[string]string{discoveryv1.LabelServiceName: service.Name}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: new("dns"), Port: &port, Protocol: new(corev1.ProtocolUDP)}},
		Endpoints: []discoveryv1.Endpoint{{
			Addresses: []string{endpoint}, Conditions: discoveryv1.EndpointConditions{Ready: new(true)},
			TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: metav1.NamespaceSystem, Name: "coredns-1"},
		}},
	}
	return errors.Join(n.o.Admin.Create(ctx, service), n.o.Admin.Create(ctx, slice))
}

// Stop ends what was started, and leaves the objects. Stopping twice is no error.
func (n *Network) Stop() error {
	var errs []error
	for _, agent := range n.agents {
		errs = append(errs, agent.stop())
	}
	for _, r := range n.relays {
		errs = append(errs, r.Stop())
	}
	if n.DNS != nil {
		errs = append(errs, n.DNS.Stop())
	}
	n.agents, n.relays, n.DNS = nil, nil, nil
	return errors.Join(errs...)
}

func (n *Network) log(node string) string {
	return filepath.Join(n.o.Logs, fmt.Sprintf("readiness-agent-%s.jsonl", node))
}
