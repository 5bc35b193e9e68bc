package probes

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

// readEndpoint reads "host:port".
func readEndpoint(endpoint string) (wire.TCP, error) {
	host, text, err := net.SplitHostPort(endpoint)
	if err != nil {
		return wire.TCP{}, fmt.Errorf("%q is not host:port, such as vault.example.ts.net:8200", endpoint)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return wire.TCP{}, fmt.Errorf("%q has no port between 1 and 65535", endpoint)
	}
	return wire.TCP{Host: strings.ToLower(host), Port: uint16(port)}, nil
}

// fqdn is a name as agents take it: in lower case, with a dot at its end.
func fqdn(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) + "." }

// apiName is the API server's own name in the cluster's domain.
func apiName(domain string) string {
	return fqdn("kubernetes.default.svc." + strings.Trim(cmp.Or(domain, "cluster.local"), "."))
}

// Validate finds every address and name of the spec that is none. An agent refuses a
// request that holds one, and with it all the other probes, so none may get there.
func Validate(checks v1alpha1.GateChecks) (problems []error) {
	for i, endpoint := range checks.Endpoints {
		tcp, err := readEndpoint(endpoint.TCP)
		if err == nil {
			err = accepted(wire.Probe{ID: endpoint.Name, Kind: wire.KindTCP, TCP: &tcp})
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("spec.checks.endpoints[%d] (%s): %w", i, endpoint.Name, err))
		}
	}
	if checks.DNS.Disabled {
		return problems
	}
	for i, name := range checks.DNS.ExternalNames {
		if err := accepted(lookUp(fqdn(name))); err != nil {
			problems = append(problems, fmt.Errorf("spec.checks.dns.externalNames[%d]: %w", i, err))
		}
	}
	if err := accepted(lookUp(apiName(checks.DNS.ClusterDomain))); err != nil {
		problems = append(problems, fmt.Errorf("spec.checks.dns.clusterDomain: %w", err))
	}
	return problems
}

func lookUp(name string) wire.Probe {
	return wire.Probe{ID: "dns", Kind: wire.KindDNS, DNS: &wire.DNS{
		Server: netip.AddrPortFrom(netip.IPv6Loopback(), 53), Protocol: wire.OverUDP, Name: name, Type: wire.A,
	}}
}

// accepted says why agents would not take the probe.
func accepted(probe wire.Probe) error {
	probe.Timeout = timeout
	return wire.Request{Timeout: timeout, Probes: []wire.Probe{probe}}.Validate()
}
