package wire

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
)

// Validate says what is wrong with the request first, and what would be right.
func (r Request) Validate() error {
	if r.Timeout < MinTimeout || r.Timeout > MaxRun {
		return fmt.Errorf("timeout %s is not between %s and %s", r.Timeout, MinTimeout, MaxRun)
	}
	if len(r.Probes) > MaxProbes {
		return fmt.Errorf("%d probes are too many: ask at most %d at a time", len(r.Probes), MaxProbes)
	}
	known := make(map[string]bool, len(r.Probes))
	for i, probe := range r.Probes {
		if err := validateID(probe.ID); err != nil {
			return fmt.Errorf("probes[%d].id %w", i, err)
		}
		if known[probe.ID] {
			return fmt.Errorf("probes[%d].id %q is the ID of an earlier probe, too", i, probe.ID)
		}
		known[probe.ID] = true
		if err := probe.validate(); err != nil {
			return fmt.Errorf("probe %q: %w", probe.ID, err)
		}
	}
	return nil
}

func validateID(id string) error {
	if id == "" || len(id) > maxID {
		return fmt.Errorf("has %d characters: from 1 to %d are possible", len(id), maxID)
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return fmt.Errorf("%q holds a space or what is not printable ASCII", id)
		}
	}
	return nil
}

func (p Probe) validate() error {
	if p.Timeout < MinTimeout || p.Timeout > MaxTimeout {
		return fmt.Errorf("timeout %s is not between %s and %s", p.Timeout, MinTimeout, MaxTimeout)
	}
	described := 0
	for _, is := range []bool{p.DNS != nil, p.API != nil, p.Echo != nil, p.TCP != nil} {
		if is {
			described++
		}
	}
	if described != 1 {
		return fmt.Errorf("%d of dns, api, echo and tcp are set: set one", described)
	}
	switch {
	case p.Kind == KindDNS && p.DNS != nil:
		return p.DNS.validate()
	case p.Kind == KindAPI && p.API != nil:
		return p.API.validate()
	case p.Kind == KindEcho && p.Echo != nil:
		return p.Echo.validate()
	case p.Kind == KindTCP && p.TCP != nil:
		return p.TCP.validate()
	}
	return fmt.Errorf("kind %q is unknown, or is not the field that is set: dns, api, echo and tcp are the kinds", p.Kind)
}

func (d DNS) validate() error {
	if err := validateAddress(d.Server); err != nil {
		return fmt.Errorf("dns.server %w", err)
	}
	if d.Protocol != OverUDP && d.Protocol != OverTCP {
		return fmt.Errorf("dns.protocol %q is neither udp nor tcp", d.Protocol)
	}
	if !strings.HasSuffix(d.Name, ".") {
		return fmt.Errorf("dns.name %q is not fully qualified: end it with a dot", d.Name)
	}
	if !isName(d.Name) {
		return fmt.Errorf("dns.name %q is no name of DNS", d.Name)
	}
	if d.Type != A && d.Type != AAAA {
		return fmt.Errorf("dns.type %q is neither A nor AAAA", d.Type)
	}
	if len(d.Want) > maxWant {
		return fmt.Errorf("dns.want has %d addresses: at most %d are possible", len(d.Want), maxWant)
	}
	for i, ip := range d.Want {
		if !ip.IsValid() || ip.Zone() != "" || ip.Is4() != (d.Type == A) {
			return fmt.Errorf("dns.want[%d] %s is no address of type %s", i, ip, d.Type)
		}
	}
	return nil
}

func (a API) validate() error {
	if err := validateAddress(a.Address); err != nil {
		return fmt.Errorf("api.address %w", err)
	}
	if len(a.CA) > maxCA {
		return fmt.Errorf("api.ca has %d bytes: at most %d are possible", len(a.CA), maxCA)
	}
	if a.ServerName == "" {
		return nil
	}
	if _, err := netip.ParseAddr(a.ServerName); err != nil && !isName(a.ServerName) {
		return fmt.Errorf("api.serverName %q is neither a name of DNS nor an IP address", a.ServerName)
	}
	return nil
}

func (e Echo) validate() error {
	if err := validateAddress(e.Address); err != nil {
		return fmt.Errorf("echo.address %w", err)
	}
	if err := validateNode(e.Node); err != nil {
		return fmt.Errorf("echo.node %w", err)
	}
	if e.Payload < 1 || e.Payload > MaxPayload {
		return fmt.Errorf("echo.payload %d is not between 1 and %d", e.Payload, MaxPayload)
	}
	return nil
}

func (t TCP) validate() error {
	if ip, err := netip.ParseAddr(t.Host); err == nil {
		if err := validateIP(ip); err != nil {
			return fmt.Errorf("tcp.host %w", err)
		}
	} else if !isName(t.Host) {
		return fmt.Errorf("tcp.host %q is neither a name of DNS nor an IP address", t.Host)
	}
	if t.Port == 0 {
		return errors.New("tcp.port is 0: name the port")
	}
	if t.Server == (netip.AddrPort{}) {
		return nil
	}
	if err := validateAddress(t.Server); err != nil {
		return fmt.Errorf("tcp.server %w", err)
	}
	return nil
}

func validateAddress(address netip.AddrPort) error {
	if !address.IsValid() {
		return errors.New("is empty: give an IP address and a port")
	}
	if address.Port() == 0 {
		return fmt.Errorf("%s has no port", address)
	}
	return validateIP(address.Addr())
}

func validateIP(ip netip.Addr) error {
	if ip.Zone() != "" || ip.IsUnspecified() || ip.IsMulticast() || ip.Is4In6() {
		return fmt.Errorf("%s is no address of one host", ip)
	}
	return nil
}

// The names of DNS (RFC 1035), with the underscores that services use; lower case,
// so that a name has one spelling.
var (
	namePattern = regexp.MustCompile(`^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$`)
	nodePattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)
)

const maxName = 253

func isName(name string) bool {
	name = strings.TrimSuffix(name, ".")
	return len(name) <= maxName && namePattern.MatchString(name)
}

func validateNode(node string) error {
	if len(node) > maxName || !nodePattern.MatchString(node) {
		return fmt.Errorf("%q is no name of a node", shorten(node))
	}
	return nil
}

func shorten(text string) string {
	if len(text) <= maxName {
		return text
	}
	return strings.ToValidUTF8(text[:maxName], "") + "…"
}
