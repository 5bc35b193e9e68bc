package probes_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/readiness/probes"
)

// A probe that agents refuse takes all the others with it: then no node ever passes,
// for a word that is wrong in an endpoint that is only reported.
var _ = Describe("The spec's addresses", func() {
	ok := v1alpha1.EndpointCheck{Name: "ok", TCP: "192.0.2.1:80"}

	DescribeTable("that are endpoints",
		func(address string) {
			checks := v1alpha1.GateChecks{Endpoints: []v1alpha1.EndpointCheck{ok, {Name: "vault", TCP: address}}}
			Expect(probes.Validate(checks)).To(BeEmpty())
			Expect(plan(1, endpoints(checks.Endpoints...)).Probes).NotTo(BeEmpty())
		},
		Entry("a name", "vault.example.ts.net:8200"),
		Entry("a name in capital letters", "Vault.Example.ts.net:8200"),
		Entry("a name with a dot at its end", "vault.example.ts.net.:8200"),
		Entry("a short name", "vault:8200"),
		Entry("IPv4", "192.0.2.7:65535"),
		Entry("IPv6", "[2001:db8::7]:1"),
	)

	DescribeTable("that are no endpoints are refused, by field and name",
		func(address, message string) {
			problems := probes.Validate(v1alpha1.GateChecks{Endpoints: []v1alpha1.EndpointCheck{ok, {Name: "vault", TCP: address}}})
			Expect(problems).To(ConsistOf(MatchError(And(HavePrefix("spec.checks.endpoints[1] (vault): "), ContainSubstring(message)))))
		},
		Entry("empty", "", "not host:port"),
		Entry("no port", "vault.example.ts.net", "not host:port"),
		Entry("no host", ":8200", "neither a name of DNS nor an IP address"),
		Entry("IPv6 without brackets", "2001:db8::7:80", "not host:port"),
		Entry("port 0", "vault:0", "between 1 and 65535"),
		Entry("a port beyond all", "vault:65536", "between 1 and 65535"),
		Entry("a port that is a word", "vault:https", "between 1 and 65535"),
		Entry("a URL", "http//vault:80", "neither a name of DNS nor an IP address"),
		Entry("a name with a letter that none has", "väult:80", "neither a name of DNS nor an IP address"),
		Entry("a name with an empty label", "vault..net:80", "neither a name of DNS nor an IP address"),
		Entry("a label that is too long", strings.Repeat("a", 64)+".net:80", "neither a name of DNS nor an IP address"),
		Entry("no address of one host", "0.0.0.0:80", "no address of one host"),
		Entry("an address of many hosts", "[ff02::1]:80", "no address of one host"),
	)

	It("that are names to resolve are read, whatever their case", func() {
		Expect(probes.Validate(v1alpha1.GateChecks{DNS: v1alpha1.DNSCheck{ExternalNames: []string{"Example.com", "a.example.com."}, ClusterDomain: "K8s.local."}})).To(BeEmpty())
	})

	It("that are no names to resolve are refused", func() {
		dns := v1alpha1.DNSCheck{ExternalNames: []string{"example.com", "exa mple.com"}}
		Expect(probes.Validate(v1alpha1.GateChecks{DNS: dns})).To(ConsistOf(MatchError(And(HavePrefix("spec.checks.dns.externalNames[1]: "), ContainSubstring("exa mple.com")))))
		dns = v1alpha1.DNSCheck{ClusterDomain: "cluster local"}
		Expect(probes.Validate(v1alpha1.GateChecks{DNS: dns})).To(ConsistOf(MatchError(HavePrefix("spec.checks.dns.clusterDomain: "))))
		dns.Disabled = true
		Expect(probes.Validate(v1alpha1.GateChecks{DNS: dns})).To(BeEmpty(), "nobody is asked for them")
	})
	It("that are wrong are all named at once", func() {
		Expect(probes.Validate(v1alpha1.GateChecks{
			Endpoints: []v1alpha1.EndpointCheck{{Name: "vault", TCP: "vault"}, ok, {Name: "nas", TCP: "nas:0"}},
			DNS:       v1alpha1.DNSCheck{ExternalNames: []string{"a b"}, ClusterDomain: "c d"},
		})).To(HaveExactElements(
			MatchError(HavePrefix("spec.checks.endpoints[0] (vault): ")), MatchError(HavePrefix("spec.checks.endpoints[2] (nas): ")),
			MatchError(HavePrefix("spec.checks.dns.externalNames[0]: ")), MatchError(HavePrefix("spec.checks.dns.clusterDomain: ")),
		))
	})
})
