package probes_test

import (
	"fmt"
	"net/netip"
	"slices"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
	"github.com/tazzo/rebirth/internal/readiness/evidence"
	"github.com/tazzo/rebirth/internal/readiness/probes"
)

type edit = func(*v1alpha1.ReadinessGateSpec, *evidence.Cluster)

// plan plans the probes of the first of n agents in its first round.
func plan(n int, edits ...edit) probes.Plan {
	return planOf(0, agents(n), 0, edits...)
}

func planOf(self int, all []probes.Agent, round int, edits ...edit) probes.Plan {
	spec := v1alpha1.ReadinessGateSpec{Checks: v1alpha1.GateChecks{
		DNS:   v1alpha1.DNSCheck{ClusterDomain: "cluster.local"},
		Peers: v1alpha1.PeersCheck{Fanout: 3, Payload: resource.MustParse("8Ki")},
	}}
	e := evidence.Cluster{
		API: "10.96.0.1:443",
		DNS: evidence.DNS{Service: "kube-system/kube-dns", ClusterIP: "10.96.0.10", Ready: []string{"10.244.0.2:53", "10.244.1.2:1053"}},
	}
	for _, edit := range edits {
		edit(&spec, &e)
	}
	p := probes.For(spec, e, all[self], all, round)
	ExpectWithOffset(1, p.Request().Validate()).To(Succeed(), "agents take the request as it is")
	return p
}

func agents(n int) []probes.Agent {
	var out []probes.Agent
	for i := range n {
		address := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 244, byte(i >> 8), byte(i)}).Next(), 8475)
		out = append(out, probes.Agent{Node: fmt.Sprintf("n%04d", i), Address: address})
	}
	return out
}

// ipv6 makes all addresses of the cluster such ones.
func ipv6(_ *v1alpha1.ReadinessGateSpec, e *evidence.Cluster) {
	e.API, e.DNS.ClusterIP, e.DNS.Ready = "[fd00::1]:443", "fd00::a", []string{"[fd00:1::2]:53"}
}

func endpoints(list ...v1alpha1.EndpointCheck) edit {
	return func(spec *v1alpha1.ReadinessGateSpec, _ *evidence.Cluster) { spec.Checks.Endpoints = list }
}

func only(p probes.Plan, kind wire.Kind) []wire.Probe {
	return slices.DeleteFunc(slices.Clone(p.Probes), func(probe wire.Probe) bool { return probe.Kind != kind })
}

// asked are "name type server protocol wanted" of the DNS probes.
func asked(p probes.Plan) []string {
	var out []string
	for _, probe := range only(p, wire.KindDNS) {
		d := probe.DNS
		out = append(out, fmt.Sprintf("%s %s %s %s %v", d.Name, d.Type, d.Server, d.Protocol, d.Want))
	}
	return out
}

func peersOf(p probes.Plan) []string {
	var out []string
	for _, probe := range only(p, wire.KindEcho) {
		out = append(out, probe.Echo.Node)
	}
	return out
}

// answers is an agent's answer in which everything went well.
func answers(p probes.Plan) wire.Response {
	r := wire.Response{Agent: wire.Agent{Node: "n0000"}}
	for _, probe := range p.Probes {
		r.Results = append(r.Results, wire.Result{ID: probe.ID, OK: true})
	}
	return r
}
