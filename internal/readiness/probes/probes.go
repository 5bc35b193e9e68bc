// Package probes plans what each agent tries in a round, and turns its answers into
// evidence. It is pure.
package probes

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
	"github.com/tazzo/rebirth/internal/readiness/evidence"
)

const (
	// timeout of one probe. A DNS client gives up after five seconds.
	timeout = 3 * time.Second
	// mostEndpoints bounds how many DNS endpoints each node asks directly.
	mostEndpoints = 8
)

// Agent is an agent that can be asked, and be a peer.
type Agent struct {
	Node    string
	Address netip.AddrPort
}

// Plan is the probes of one agent, and what each of them means.
type Plan struct {
	Probes   []wire.Probe
	meanings []meaning
}

type meaning struct {
	kind     evidence.Kind
	target   string
	optional bool
}

// For plans the probes of one agent. agents are all of them, in a fixed order;
// round makes the peers change from round to round, so that every pair is tried.
func For(spec v1alpha1.ReadinessGateSpec, e evidence.Cluster, self Agent, agents []Agent, round int) Plan {
	var p Plan
	if !spec.Checks.DNS.Disabled {
		p.dns(spec.Checks.DNS, e)
	}
	if address, err := netip.ParseAddrPort(e.API); err == nil && !spec.Checks.Service.Disabled {
		p.add(evidence.ServiceProbe, "the API server through its ClusterIP "+e.API, false,
			wire.Probe{Kind: wire.KindAPI, API: &wire.API{Address: address}})
	}
	if !spec.Checks.Peers.Disabled {
		for _, peer := range peers(self, agents, int(spec.Checks.Peers.Fanout), round) {
			p.add(evidence.PeerProbe, "the agent on node "+peer.Node, false,
				wire.Probe{Kind: wire.KindEcho, Echo: &wire.Echo{Address: peer.Address, Node: peer.Node, Payload: int(spec.Checks.Peers.Payload.Value())}})
		}
	}
	for _, endpoint := range spec.Checks.Endpoints {
		host, port, err := SplitEndpoint(endpoint.TCP)
		if err != nil {
			continue // Validate names it
		}
		p.add(evidence.EndpointProbe, fmt.Sprintf("endpoint %s (%s)", endpoint.Name, endpoint.TCP), !endpoint.Required,
			wire.Probe{Kind: wire.KindTCP, TCP: &wire.TCP{Host: host, Port: port}})
	}
	return p
}

// dns asks for the API server's own name, whose address is known: through the
// service, as pods do, and each endpoint itself, so that the one that fails is named.
func (p *Plan) dns(check v1alpha1.DNSCheck, e evidence.Cluster) {
	domain := strings.Trim(cmp.Or(check.ClusterDomain, "cluster.local"), ".")
	name := "kubernetes.default.svc." + domain + "."
	var want []netip.Addr
	kind := wire.A
	if api, err := netip.ParseAddrPort(e.API); err == nil {
		want = []netip.Addr{api.Addr()}
		if api.Addr().Is6() {
			kind = wire.AAAA
		}
	}
	ask := func(what string, server netip.AddrPort, over wire.Protocol, name string, want []netip.Addr) {
		p.add(evidence.DNSProbe, fmt.Sprintf("%s from %s over %s", strings.TrimSuffix(name, "."), what, strings.ToUpper(string(over))), false,
			wire.Probe{Kind: wire.KindDNS, DNS: &wire.DNS{Server: server, Protocol: over, Name: name, Type: kind, Want: want}})
	}
	if service, err := netip.ParseAddr(e.DNS.ClusterIP); err == nil {
		address := netip.AddrPortFrom(service, 53)
		for _, over := range []wire.Protocol{wire.OverUDP, wire.OverTCP} {
			ask("the DNS service "+service.String(), address, over, name, want)
		}
		for _, external := range check.ExternalNames {
			ask("the DNS service "+service.String(), address, wire.OverUDP, strings.TrimSuffix(external, ".")+".", nil)
		}
	}
	for _, endpoint := range e.DNS.Ready[:min(len(e.DNS.Ready), mostEndpoints)] {
		if address, err := netip.ParseAddrPort(endpoint); err == nil {
			for _, over := range []wire.Protocol{wire.OverUDP, wire.OverTCP} {
				ask("endpoint "+endpoint, address, over, name, want)
			}
		}
	}
}

func (p *Plan) add(kind evidence.Kind, target string, optional bool, probe wire.Probe) {
	probe.ID = fmt.Sprintf("%s-%d", kind, len(p.Probes))
	probe.Timeout = timeout
	p.Probes = append(p.Probes, probe)
	p.meanings = append(p.meanings, meaning{kind, target, optional})
}

// Request is what the agent is asked.
func (p Plan) Request() wire.Request {
	return wire.Request{Timeout: 2 * timeout, Probes: p.Probes}
}

// Read turns the agent's answer into evidence.
func (p Plan) Read(response wire.Response) evidence.Report {
	report := evidence.Report{PodUID: response.Agent.PodUID, Started: response.Agent.StartedAt}
	for i, result := range response.Results {
		m := p.meanings[i]
		out := evidence.Result{Kind: m.kind, Target: m.target, OK: result.OK, Optional: m.optional}
		if !result.OK {
			out.Message = strings.TrimSuffix(string(result.Reason)+": "+result.Message, ": ")
		}
		report.Results = append(report.Results, out)
	}
	return report
}

// peers are the next k agents behind self in a ring, further on each round.
func peers(self Agent, agents []Agent, k, round int) []Agent {
	others := slices.DeleteFunc(slices.Clone(agents), func(a Agent) bool { return a.Node == self.Node })
	if len(others) == 0 {
		return nil
	}
	at := slices.IndexFunc(agents, func(a Agent) bool { return a.Node == self.Node })
	k = min(max(k, 1), len(others))
	out := make([]Agent, 0, k)
	for i := range k {
		out = append(out, others[(at+round*k+i)%len(others)])
	}
	return out
}
