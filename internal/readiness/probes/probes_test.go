package probes_test

import (
	"fmt"
	"net/netip"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
	"github.com/tazzo/rebirth/internal/readiness/evidence"
)

const apiName = "kubernetes.default.svc.cluster.local."

var _ = Describe("A plan for DNS", func() {
	It("asks for the API server's name, whose address is known, through the service and at each endpoint, over UDP and TCP", func() {
		Expect(asked(plan(1))).To(Equal([]string{
			apiName + " A 10.96.0.10:53 udp [10.96.0.1]", apiName + " A 10.96.0.10:53 tcp [10.96.0.1]",
			apiName + " A 10.244.0.2:53 udp [10.96.0.1]", apiName + " A 10.244.0.2:53 tcp [10.96.0.1]",
			apiName + " A 10.244.1.2:1053 udp [10.96.0.1]", apiName + " A 10.244.1.2:1053 tcp [10.96.0.1]",
		}))
	})

	It("asks the service at its own port", func() {
		p := plan(1, func(_ *v1alpha1.ReadinessGateSpec, e *evidence.Cluster) { e.DNS.Port, e.DNS.Ready = 5353, nil })
		Expect(asked(p)[0]).To(Equal(apiName + " A 10.96.0.10:5353 udp [10.96.0.1]"))
	})

	It("asks for IPv6 addresses in a cluster of those", func() {
		Expect(asked(plan(1, ipv6))).To(Equal([]string{
			apiName + " AAAA [fd00::a]:53 udp [fd00::1]", apiName + " AAAA [fd00::a]:53 tcp [fd00::1]",
			apiName + " AAAA [fd00:1::2]:53 udp [fd00::1]", apiName + " AAAA [fd00:1::2]:53 tcp [fd00::1]",
		}))
	})

	It("asks for external names in both families, and takes any address", func() {
		p := plan(1, func(spec *v1alpha1.ReadinessGateSpec, e *evidence.Cluster) {
			spec.Checks.DNS.ExternalNames, e.DNS.Ready = []string{"Registry.Example.COM", "s3.example.com."}, nil
		})
		Expect(asked(p)[2:]).To(Equal([]string{
			"registry.example.com. A 10.96.0.10:53 udp []", "registry.example.com. AAAA 10.96.0.10:53 udp []",
			"s3.example.com. A 10.96.0.10:53 udp []", "s3.example.com. AAAA 10.96.0.10:53 udp []",
		}))
	})

	DescribeTable("asks in the cluster's own domain",
		func(domain, name string) {
			p := plan(1, func(spec *v1alpha1.ReadinessGateSpec, _ *evidence.Cluster) { spec.Checks.DNS.ClusterDomain = domain })
			Expect(asked(p)[0]).To(HavePrefix(name + " "))
		},
		Entry("of that name", "k8s.example.com", "kubernetes.default.svc.k8s.example.com."),
		Entry("with a dot at its end", "K8s.example.com.", "kubernetes.default.svc.k8s.example.com."),
		Entry("by default", "", apiName),
	)

	It("wants any address where the API server's is not known", func() {
		p := plan(1, func(_ *v1alpha1.ReadinessGateSpec, e *evidence.Cluster) { e.API = "" })
		Expect(asked(p)[0]).To(Equal(apiName + " A 10.96.0.10:53 udp []"))
		Expect(only(p, wire.KindAPI)).To(BeEmpty())
	})

	It("asks a bounded number of endpoints from each node, and all of them from all", func() {
		many := func(_ *v1alpha1.ReadinessGateSpec, e *evidence.Cluster) {
			e.DNS.Ready = nil
			for i := range 20 {
				e.DNS.Ready = append(e.DNS.Ready, fmt.Sprintf("10.244.0.%d:53", i+1))
			}
		}
		seen := map[netip.AddrPort]bool{}
		all := agents(3)
		for self := range all {
			list := only(planOf(self, all, 0, many), wire.KindDNS)
			Expect(list).To(HaveLen(2 + 2*8))
			for _, probe := range list[2:] {
				seen[probe.DNS.Server] = true
			}
		}
		Expect(seen).To(HaveLen(20))
	})

	It("leaves out an endpoint that has no address", func() {
		p := plan(1, func(_ *v1alpha1.ReadinessGateSpec, e *evidence.Cluster) { e.DNS.Ready = []string{"dns.example.com:53"} })
		Expect(asked(p)).To(HaveLen(2))
	})
})

var _ = Describe("A plan", func() {
	It("goes to the API server through its ClusterIP", func() {
		Expect(only(plan(1), wire.KindAPI)[0].API.Address.String()).To(Equal("10.96.0.1:443"))
		Expect(only(plan(1, ipv6), wire.KindAPI)[0].API.Address.String()).To(Equal("[fd00::1]:443"))
	})

	It("sends the payload to other nodes, and says which node must answer", func() {
		all := agents(5)
		list := only(planOf(1, all, 0), wire.KindEcho)
		Expect(list).To(HaveLen(3))
		for i, probe := range list {
			Expect(*probe.Echo).To(Equal(wire.Echo{Address: all[i+2].Address, Node: all[i+2].Node, Payload: 8192}))
		}
	})

	It("leaves out what is switched off", func() {
		p := plan(3, func(spec *v1alpha1.ReadinessGateSpec, _ *evidence.Cluster) {
			spec.Checks.DNS.Disabled, spec.Checks.Service.Disabled, spec.Checks.Peers.Disabled = true, true, true
		})
		Expect(p.Probes).To(BeEmpty())
	})

	It("tries endpoints last, so that what is only reported takes no time from the rest", func() {
		p := plan(3, endpoints(v1alpha1.EndpointCheck{Name: "vault", TCP: "Vault.example.ts.net:8200"}, v1alpha1.EndpointCheck{Name: "nas", TCP: "[fd00::5]:2049", Required: true}))
		last := p.Probes[len(p.Probes)-2:]
		Expect(*last[0].TCP).To(Equal(wire.TCP{Host: "vault.example.ts.net", Port: 8200}))
		Expect(*last[1].TCP).To(Equal(wire.TCP{Host: "fd00::5", Port: 2049}))
	})

	It("gives each probe an ID and a time of its own", func() {
		p := plan(20, endpoints(v1alpha1.EndpointCheck{Name: "vault", TCP: "vault.example.ts.net:8200"}))
		ids := map[string]bool{}
		for _, probe := range p.Probes {
			ids[probe.ID] = true
			Expect(probe.Timeout).To(BeNumerically(">", 0))
			Expect(probe.Timeout).To(BeNumerically("<", p.Request().Timeout), "or one that hangs would leave none for the others")
		}
		Expect(ids).To(HaveLen(len(p.Probes)))
	})

	It("of all that a gate can ask for is one that agents take", func() {
		p := plan(100, func(spec *v1alpha1.ReadinessGateSpec, e *evidence.Cluster) {
			spec.Checks.Peers.Fanout = 16
			for i := range 16 {
				spec.Checks.DNS.ExternalNames = append(spec.Checks.DNS.ExternalNames, fmt.Sprintf("n%d.example.com", i))
				spec.Checks.Endpoints = append(spec.Checks.Endpoints, v1alpha1.EndpointCheck{Name: fmt.Sprint("e", i), TCP: fmt.Sprintf("e%d.example.com:1", i)})
				e.DNS.Ready = append(e.DNS.Ready, fmt.Sprintf("10.244.9.%d:53", i+1))
			}
		})
		Expect(p.Probes).To(HaveLen(2 + 2*16 + 16 + 1 + 16 + 16))
	})

	It("is the same in the same round", func() {
		Expect(planOf(2, agents(9), 4)).To(Equal(planOf(2, agents(9), 4)))
	})
})

var _ = Describe("The peers of a round", func() {
	It("are none for a node alone", func() {
		Expect(peersOf(plan(1))).To(BeEmpty())
	})

	It("are the others alone, each once, where they are few", func() {
		Expect(peersOf(planOf(1, agents(3), 5))).To(ConsistOf("n0000", "n0002"))
	})

	DescribeTable("cover every pair over the rounds, and no node is tried more than others",
		func(n, fanout int) {
			all := agents(n)
			k := min(fanout, n-1)
			rounds := (n - 2 + k) / k // (n-1)/k, rounded up
			tried := map[string]bool{}
			for round := range rounds {
				times := map[string]int{}
				for self := range all {
					list := peersOf(planOf(self, all, round, func(spec *v1alpha1.ReadinessGateSpec, _ *evidence.Cluster) { spec.Checks.Peers.Fanout = int32(fanout) }))
					Expect(list).To(HaveLen(k))
					for _, peer := range list {
						Expect(peer).NotTo(Equal(all[self].Node))
						tried[all[self].Node+" "+peer] = true
						times[peer]++
					}
				}
				for _, a := range all {
					Expect(times[a.Node]).To(Equal(k))
				}
			}
			Expect(tried).To(HaveLen(n * (n - 1)))
		},
		Entry("two nodes", 2, 3), Entry("four", 4, 3), Entry("five", 5, 3), Entry("eleven, one at a time", 11, 1), Entry("twenty", 20, 16), Entry("thirty-one", 31, 3),
	)
})

var _ = Describe("An agent's answer", func() {
	It("is read probe by probe, each with its kind, target and weight", func() {
		p := plan(2, endpoints(v1alpha1.EndpointCheck{Name: "vault", TCP: "vault.example.ts.net:8200"}, v1alpha1.EndpointCheck{Name: "nas", TCP: "192.0.2.5:2049", Required: true}))
		results := p.Read(answers(p)).Results
		Expect(results).To(HaveLen(len(p.Probes)))
		Expect(results[0]).To(Equal(evidence.Result{Kind: evidence.DNSProbe, Target: "kubernetes.default.svc.cluster.local from the DNS service 10.96.0.10 over UDP", OK: true}))
		Expect(results[3].Target).To(HaveSuffix("from endpoint 10.244.0.2:53 over TCP"))
		Expect(results[6]).To(Equal(evidence.Result{Kind: evidence.ServiceProbe, Target: "the API server through its ClusterIP 10.96.0.1:443", OK: true}))
		Expect(results[7]).To(Equal(evidence.Result{Kind: evidence.PeerProbe, Target: "the agent on node n0001", Peer: "n0001", OK: true}))
		Expect(results[8]).To(Equal(evidence.Result{Kind: evidence.EndpointProbe, Target: "endpoint vault (vault.example.ts.net:8200)", OK: true, Optional: true}))
		Expect(results[9]).To(Equal(evidence.Result{Kind: evidence.EndpointProbe, Target: "endpoint nas (192.0.2.5:2049)", OK: true}))
	})

	DescribeTable("that says no is read with its cause",
		func(result wire.Result, message string) {
			p := plan(1)
			response := answers(p)
			result.ID = response.Results[0].ID
			response.Results[0] = result
			got := p.Read(response).Results[0]
			Expect(got.OK).To(BeFalse())
			Expect(got.Message).To(Equal(message))
		},
		Entry("in words", wire.Result{Reason: wire.NXDomain, Message: "the server says that it does not exist"}, "NXDomain: the server says that it does not exist"),
		Entry("without words", wire.Result{Reason: wire.Timeout}, "Timeout"),
	)

	DescribeTable("on an external name is one result, and OK with an address of any family",
		func(a, aaaa wire.Result, ok bool, message string) {
			p := plan(1, func(spec *v1alpha1.ReadinessGateSpec, e *evidence.Cluster) {
				spec.Checks.DNS.ExternalNames, e.DNS.Ready = []string{"s3.example.com"}, nil
			})
			response := answers(p)
			a.ID, aaaa.ID = response.Results[2].ID, response.Results[3].ID
			response.Results[2], response.Results[3] = a, aaaa
			results := p.Read(response).Results
			Expect(results).To(HaveLen(len(p.Probes) - 1))
			Expect(results[2]).To(Equal(evidence.Result{
				Kind: evidence.DNSProbe, Target: "s3.example.com from the DNS service 10.96.0.10 over UDP", OK: ok, Message: message,
			}))
			Expect(results[3].Kind).To(Equal(evidence.ServiceProbe))
		},
		Entry("of both", wire.Result{OK: true}, wire.Result{OK: true}, true, ""),
		Entry("of IPv4", wire.Result{OK: true}, wire.Result{Reason: wire.NoAddress, Message: "none of type AAAA"}, true, ""),
		Entry("of IPv6", wire.Result{Reason: wire.NoAddress, Message: "none of type A"}, wire.Result{OK: true}, true, ""),
		Entry("not of none", wire.Result{Reason: wire.NoAddress, Message: "none of type A"}, wire.Result{Reason: wire.NoAddress, Message: "none of type AAAA"},
			false, "NoAddress: none of type A; NoAddress: none of type AAAA"),
		Entry("not without the name, and says so once", wire.Result{Reason: wire.NXDomain, Message: "it does not exist"}, wire.Result{Reason: wire.NXDomain, Message: "it does not exist"},
			false, "NXDomain: it does not exist"),
	)

	It("with a remark on what went well is no failure", func() {
		p := plan(1)
		response := answers(p)
		response.Results[0].Message = "the second datagram got through"
		Expect(p.Read(response).Results[0]).To(And(HaveField("OK", true), HaveField("Message", "")))
	})

	It("that leaves something out or answers something else counts as no for that", func() {
		p := plan(2)
		response := answers(p)
		response.Results[1].ID = "another"
		response.Results = append(response.Results[:len(response.Results)-1], wire.Result{ID: "more", OK: true})
		results := p.Read(response).Results
		Expect(results).To(HaveLen(len(p.Probes)))
		for i, result := range results {
			Expect(result.OK).To(Equal(i != 1 && i != len(results)-1), result.Target)
			Expect(result.Message == "").To(Equal(result.OK))
		}
		Expect(p.Read(wire.Response{}).Results).To(HaveEach(HaveField("OK", false)))
	})
})
