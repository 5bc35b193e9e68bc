package wire

import (
	"net/netip"
	"time"
)

// Kind is a kind of probe.
type Kind string

// The kinds of probes. Each has a field of Probe that describes it.
const (
	KindDNS  Kind = "dns"
	KindAPI  Kind = "api"
	KindEcho Kind = "echo"
	KindTCP  Kind = "tcp"
)

// Probe is one thing to try from an agent's pod.
type Probe struct {
	// ID names the probe in the Response: up to 128 printable ASCII characters,
	// unique in its Request.
	ID   string `json:"id"`
	Kind Kind   `json:"kind"`
	// Timeout is in nanoseconds on the wire, between MinTimeout and MaxTimeout.
	Timeout time.Duration `json:"timeout"`
	// Exactly the field of the Kind is set.
	DNS  *DNS  `json:"dns,omitempty"`
	API  *API  `json:"api,omitempty"`
	Echo *Echo `json:"echo,omitempty"`
	TCP  *TCP  `json:"tcp,omitempty"`
}

// Protocol is what carries a DNS query.
type Protocol string

// The protocols of DNS.
const (
	OverUDP Protocol = "udp"
	OverTCP Protocol = "tcp"
)

// RecordType is the type of address that a DNS query asks for.
type RecordType string

// The types of addresses.
const (
	A    RecordType = "A"
	AAAA RecordType = "AAAA"
)

// DNS asks one server for the addresses of a name.
type DNS struct {
	Server   netip.AddrPort `json:"server"`
	Protocol Protocol       `json:"protocol"`
	// Name is fully qualified and ends with a dot.
	Name string     `json:"name"`
	Type RecordType `json:"type"`
	// Want are addresses that the answer must hold, all of them; empty for any
	// address.
	Want []netip.Addr `json:"want,omitempty"`
}

// API asks an HTTPS server for anything: any HTTP status will do.
type API struct {
	Address netip.AddrPort `json:"address"`
	// CA is a PEM bundle that the server's certificate is verified with. Without
	// one it is not verified, and the result says so.
	CA string `json:"ca,omitempty"`
	// ServerName is what the certificate must name; Address' IP if empty.
	ServerName string `json:"serverName,omitempty"`
}

// Echo sends bytes to another agent and wants them back.
type Echo struct {
	Address netip.AddrPort `json:"address"`
	// Node is where the other agent must run: another one that answers at the
	// address (two nodes with one pod CIDR, say) is a failure.
	Node string `json:"node"`
	// Payload is the number of bytes, up to MaxPayload. See DefaultPayload.
	Payload int `json:"payload"`
}

// TCP opens a connection.
type TCP struct {
	// Host is an IP address or a fully qualified name, with or without a dot at its
	// end; search domains are not tried.
	Host string `json:"host"`
	Port uint16 `json:"port"`
	// Server resolves the name, by UDP and TCP; without one the pod's own resolver
	// does, which is the cluster's DNS in a pod with dnsPolicy ClusterFirst.
	Server netip.AddrPort `json:"server,omitzero"`
}
