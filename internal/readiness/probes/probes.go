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
	// mostEndpoints bounds how many DNS endpoints each node asks directly: each node
	// others, if there are more.
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
	peer     string
	optional bool
	// orBefore: it suffices that this probe or the one before it succeeds.
	orBefore bool
}

// For plans the probes of one agent. agents are all of them, self among them, in a
// fixed order; round makes the peers change from round to round, so that every pair
// is tried. Endpoints come last: what is only reported takes no time from the rest.
func For(spec v1alpha1.ReadinessGateSpec, e evidence.Cluster, self Agent, agents []Agent, round int) Plan {
	var p Plan
	at := max(0, slices.IndexFunc(agents, func(a Agent) bool { return a.Node == self.Node }))
	if !spec.Checks.DNS.Disabled {
		p.dns(spec.Checks.DNS, e, at)
	}
	if address, err := netip.ParseAddrPort(e.API); err == nil && !spec.Checks.Service.Disabled {
		p.add(meaning{kind: evidence.ServiceProbe, target: "the API server through its ClusterIP " + e.API},
			wire.Probe{Kind: wire.KindAPI, API: &wire.API{Address: address}})
	}
	if !spec.Checks.Peers.Disabled {
		for _, peer := range peers(agents, at, int(spec.Checks.Peers.Fanout), round) {
			p.add(meaning{kind: evidence.PeerProbe, target: "the agent on node " + peer.Node, peer: peer.Node},
				wire.Probe{Kind: wire.KindEcho, Echo: &wire.Echo{Address: peer.Address, Node: peer.Node, Payload: int(spec.Checks.Peers.Payload.Value())}})
		}
	}
	for _, endpoint := range spec.Checks.Endpoints {
		tcp, err := readEndpoint(endpoint.TCP)
		if err != nil {
			continue // Validate names it
		}
		p.add(meaning{kind: evidence.EndpointProbe, target: fmt.Sprintf("endpoint %s (%s)", endpoint.Name, endpoint.TCP), optional: !endpoint.Required},
			wire.Probe{Kind: wire.KindTCP, TCP: &tcp})
	}
	return p
}

// dns asks for the API server's own name, whose address is known: through the
// service, as pods do, and each endpoint itself, so that the one that fails is named.
// at is the agent's place among all.
func (p *Plan) dns(check v1alpha1.DNSCheck, e evidence.Cluster, at int) {
	name := apiName(check.ClusterDomain)
	var want []netip.Addr
	kind := wire.A
	if api, err := netip.ParseAddrPort(e.API); err == nil {
		want = []netip.Addr{api.Addr()}
		if api.Addr().Is6() {
			kind = wire.AAAA
		}
	}
	ask := func(what string, server netip.AddrPort, over wire.Protocol) {
		p.add(meaning{kind: evidence.DNSProbe, target: fmt.Sprintf("%s from %s over %s", strings.TrimSuffix(name, "."), what, strings.ToUpper(string(over)))},
			wire.Probe{Kind: wire.KindDNS, DNS: &wire.DNS{Server: server, Protocol: over, Name: name, Type: kind, Want: want}})
	}
	if service, err := netip.ParseAddr(e.DNS.ClusterIP); err == nil {
		address := netip.AddrPortFrom(service, cmp.Or(e.DNS.Port, 53))
		for _, over := range []wire.Protocol{wire.OverUDP, wire.OverTCP} {
			ask("the DNS service "+service.String(), address, over)
		}
		for _, external := range check.ExternalNames {
			p.external(fqdn(external), address)
		}
	}
	for i := range min(len(e.DNS.Ready), mostEndpoints) {
		endpoint := e.DNS.Ready[(at*mostEndpoints+i)%len(e.DNS.Ready)]
		if address, err := netip.ParseAddrPort(endpoint); err == nil {
			for _, over := range []wire.Protocol{wire.OverUDP, wire.OverTCP} {
				ask("endpoint "+endpoint, address, over)
			}
		}
	}
}

// external asks for a name outside of the cluster in both families: it may have
// addresses of one alone, whichever the cluster's own is.
func (p *Plan) external(name string, service netip.AddrPort) {
	target := fmt.Sprintf("%s from the DNS service %s over UDP", strings.TrimSuffix(name, "."), service.Addr())
	for i, kind := range []wire.RecordType{wire.A, wire.AAAA} {
		p.add(meaning{kind: evidence.DNSProbe, target: target, orBefore: i > 0},
			wire.Probe{Kind: wire.KindDNS, DNS: &wire.DNS{Server: service, Protocol: wire.OverUDP, Name: name, Type: kind}})
	}
}

func (p *Plan) add(m meaning, probe wire.Probe) {
	probe.ID = fmt.Sprintf("%s-%d", m.kind, len(p.Probes))
	probe.Timeout = timeout
	p.Probes = append(p.Probes, probe)
	p.meanings = append(p.meanings, m)
}

// Request is what the agent is asked.
func (p Plan) Request() wire.Request {
	return wire.Request{Timeout: 2 * timeout, Probes: p.Probes}
}

// Read turns the agent's answer into evidence: one result for each probe of the plan, or
// for two of which one suffices. One that has no answer is not OK.
func (p Plan) Read(response wire.Response) evidence.Report {
	var report evidence.Report
	answers := map[string]wire.Result{}
	for _, result := range response.Results {
		answers[result.ID] = result
	}
	for i, m := range p.meanings {
		result, answered := answers[p.Probes[i].ID]
		out := evidence.Result{Kind: m.kind, Target: m.target, Peer: m.peer, OK: result.OK, Optional: m.optional}
		switch {
		case !answered:
			out.Message = "the agent's answer says nothing of it"
		case !result.OK:
			out.Message = strings.TrimSuffix(string(result.Reason)+": "+result.Message, ": ")
		}
		if last := len(report.Results) - 1; m.orBefore {
			report.Results[last] = either(report.Results[last], out)
			continue
		}
		report.Results = append(report.Results, out)
	}
	return report
}

// either is the result of two probes of which one suffices.
func either(a, b evidence.Result) evidence.Result {
	switch {
	case a.OK:
		return a
	case b.OK:
		return b
	case a.Message != b.Message:
		a.Message += "; " + b.Message
	}
	return a
}

// peers are the next k agents behind the one at that place in a ring, further on each
// round.
func peers(agents []Agent, at, k, round int) []Agent {
	others := len(agents) - 1
	if others < 1 {
		return nil
	}
	k = min(max(k, 1), others)
	out := make([]Agent, 0, k)
	for i := range k {
		out = append(out, agents[(at+1+(round*k+i)%others)%len(agents)])
	}
	return out
}
