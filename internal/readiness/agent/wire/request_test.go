package wire_test

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

func dnsProbe() wire.Probe {
	return wire.Probe{ID: "dns/udp/service", Kind: wire.KindDNS, Timeout: time.Second, DNS: &wire.DNS{
		Server: netip.MustParseAddrPort("10.96.0.10:53"), Protocol: wire.OverUDP, Name: "kubernetes.default.svc.cluster.local.",
		Type: wire.A, Want: []netip.Addr{netip.MustParseAddr("10.96.0.1")},
	}}
}

func apiProbe() wire.Probe {
	return wire.Probe{ID: "api", Kind: wire.KindAPI, Timeout: time.Second, API: &wire.API{
		Address: netip.MustParseAddrPort("10.96.0.1:443"), CA: "-----BEGIN CERTIFICATE-----\n", ServerName: "kubernetes.default.svc",
	}}
}

func echoProbe() wire.Probe {
	return wire.Probe{ID: "peer/worker-1", Kind: wire.KindEcho, Timeout: time.Second, Echo: &wire.Echo{
		Address: netip.MustParseAddrPort("[fd00::1]:8475"), Node: "worker-1.example.org", Payload: wire.DefaultPayload,
	}}
}

func tcpProbe() wire.Probe {
	return wire.Probe{ID: "vault", Kind: wire.KindTCP, Timeout: time.Second, TCP: &wire.TCP{
		Host: "vault.example.ts.net", Port: 8200, Server: netip.MustParseAddrPort("10.96.0.10:53"),
	}}
}

func request(probes ...wire.Probe) wire.Request {
	return wire.Request{Timeout: 10 * time.Second, Probes: probes}
}

var _ = Describe("a request", func() {
	It("survives the way", func() {
		sent := request(dnsProbe(), apiProbe(), echoProbe(), tcpProbe())
		body, err := sent.Encode()
		Expect(err).NotTo(HaveOccurred())
		Expect(wire.DecodeRequest(body)).To(Equal(sent))
	})

	It("may ask nothing but who answers", func() {
		body, err := request().Encode()
		Expect(err).NotTo(HaveOccurred())
		Expect(wire.DecodeRequest(body)).To(Equal(request()))
	})

	It("has room for as many probes as there may be", func() {
		var probes []wire.Probe
		for i := range wire.MaxProbes {
			probe := dnsProbe()
			probe.ID = fmt.Sprintf("%0128d", i)
			probe.DNS.Name = strings.Repeat(strings.Repeat("a", 62)+".", 4)
			probes = append(probes, probe)
		}
		body, err := request(probes...).Encode()
		Expect(err).NotTo(HaveOccurred())
		Expect(wire.DecodeRequest(body)).To(Equal(request(probes...)))
		probes = append(probes, echoProbe())
		Expect(request(probes...).Validate()).To(MatchError("257 probes are too many: ask at most 256 at a time"))
	})

	It("is not larger than its limit", func() {
		var probes []wire.Probe
		for i := range 20 {
			probe := apiProbe()
			probe.ID, probe.API.CA = fmt.Sprint(i), strings.Repeat("x", 64<<10)
			probes = append(probes, probe)
		}
		_, err := request(probes...).Encode()
		Expect(err).To(MatchError(ContainSubstring("at most 1048576 are possible")))
		_, err = wire.DecodeRequest(make([]byte, wire.MaxBody+1))
		Expect(err).To(MatchError(ContainSubstring("at most 1048576 are possible")))
	})

	DescribeTable("is refused if it was encoded in another way",
		func(change func(string) string) {
			body, err := request(dnsProbe()).Encode()
			Expect(err).NotTo(HaveOccurred())
			changed := change(string(body))
			Expect(changed).NotTo(Equal(string(body)))
			_, err = wire.DecodeRequest([]byte(changed))
			Expect(err).To(MatchError(ContainSubstring("is not JSON as this version writes it")))
		},
		Entry("no JSON", func(string) string { return "probes" }),
		Entry("nothing", func(string) string { return "" }),
		Entry("null", func(string) string { return "null" }),
		Entry("cut off", func(s string) string { return s[:len(s)-1] }),
		Entry("more after it", func(s string) string { return s + "{}" }),
		Entry("a space", func(s string) string { return strings.Replace(s, ":", ": ", 1) }),
		Entry("other letters", func(s string) string { return strings.Replace(s, "probes", "Probes", 1) }),
		Entry("an unknown field", func(s string) string { return strings.Replace(s, "{", `{"command":"id",`, 1) }),
		Entry("a field of a probe that is unknown", func(s string) string { return strings.Replace(s, `"kind"`, `"exec":1,"kind"`, 1) }),
		Entry("a repeated field", func(s string) string { return strings.Replace(s, `"kind"`, `"kind":"tcp","kind"`, 1) }),
		Entry("a number of another spelling", func(s string) string { return strings.Replace(s, "10000000000", "1e10", 1) }),
		Entry("a port of another spelling", func(s string) string { return strings.Replace(s, ":53", ":053", 1) }),
		Entry("an empty list", func(s string) string { return strings.Replace(s, `["10.96.0.1"]`, `[]`, 1) }),
		Entry("an address that is none", func(s string) string { return strings.Replace(s, "10.96.0.10:53", "kube-dns:53", 1) }),
	)

	DescribeTable("is refused with the field that is wrong",
		func(probe wire.Probe, change func(*wire.Probe), message string) {
			change(&probe)
			_, err := request(probe).Encode()
			Expect(err).To(MatchError(ContainSubstring(message)))
		},
		Entry("no ID", dnsProbe(), func(p *wire.Probe) { p.ID = "" }, "probes[0].id has 0 characters"),
		Entry("a long ID", dnsProbe(), func(p *wire.Probe) { p.ID = strings.Repeat("x", 129) }, "probes[0].id has 129 characters"),
		Entry("an ID of two lines", dnsProbe(), func(p *wire.Probe) { p.ID = "a\nb" }, `probes[0].id "a\nb" holds`),
		Entry("no timeout", dnsProbe(), func(p *wire.Probe) { p.Timeout = 0 }, `probe "dns/udp/service": timeout 0s`),
		Entry("a long timeout", dnsProbe(), func(p *wire.Probe) { p.Timeout = time.Hour }, "timeout 1h0m0s is not between 1ms and 30s"),
		Entry("an unknown kind", dnsProbe(), func(p *wire.Probe) { p.Kind = "exec" }, `kind "exec" is unknown`),
		Entry("another kind than its field", dnsProbe(), func(p *wire.Probe) { p.Kind = wire.KindTCP }, `kind "tcp"`),
		Entry("no field", dnsProbe(), func(p *wire.Probe) { p.DNS = nil }, "0 of dns, api, echo and tcp are set"),
		Entry("two fields", dnsProbe(), func(p *wire.Probe) { p.TCP = tcpProbe().TCP }, "2 of dns, api, echo and tcp are set"),
		Entry("no DNS server", dnsProbe(), func(p *wire.Probe) { p.DNS.Server = netip.AddrPort{} }, "dns.server is empty"),
		Entry("no port", dnsProbe(), func(p *wire.Probe) { p.DNS.Server = netip.MustParseAddrPort("10.0.0.1:0") }, "dns.server 10.0.0.1:0 has no port"),
		Entry("any address", dnsProbe(), func(p *wire.Probe) { p.DNS.Server = netip.MustParseAddrPort("0.0.0.0:53") }, "dns.server 0.0.0.0 is no address of one host"),
		Entry("a group's address", dnsProbe(), func(p *wire.Probe) { p.DNS.Server = netip.MustParseAddrPort("224.0.0.251:53") }, "no address of one host"),
		Entry("a zone", dnsProbe(), func(p *wire.Probe) { p.DNS.Server = netip.MustParseAddrPort("[fe80::1%eth0]:53") }, "no address of one host"),
		Entry("another protocol", dnsProbe(), func(p *wire.Probe) { p.DNS.Protocol = "quic" }, `dns.protocol "quic"`),
		Entry("a name that is not fully qualified", dnsProbe(), func(p *wire.Probe) { p.DNS.Name = "kubernetes.default" }, `dns.name "kubernetes.default" is not fully qualified: end it with a dot`),
		Entry("no name", dnsProbe(), func(p *wire.Probe) { p.DNS.Name = "." }, `dns.name "." is no name`),
		Entry("a name with an odd character", dnsProbe(), func(p *wire.Probe) { p.DNS.Name = "a b." }, `dns.name "a b." is no name`),
		Entry("a long label", dnsProbe(), func(p *wire.Probe) { p.DNS.Name = strings.Repeat("a", 64) + "." }, "is no name of DNS"),
		Entry("a long name", dnsProbe(), func(p *wire.Probe) { p.DNS.Name = strings.Repeat("a.", 128) }, "is no name of DNS"),
		Entry("another type", dnsProbe(), func(p *wire.Probe) { p.DNS.Type = "TXT" }, `dns.type "TXT"`),
		Entry("an address of the other family", dnsProbe(), func(p *wire.Probe) { p.DNS.Want = []netip.Addr{netip.MustParseAddr("::1")} }, "dns.want[0] ::1 is no address of type A"),
		Entry("too many addresses", dnsProbe(), func(p *wire.Probe) { p.DNS.Want = make([]netip.Addr, 17) }, "dns.want has 17 addresses"),
		Entry("no API server", apiProbe(), func(p *wire.Probe) { p.API.Address = netip.AddrPort{} }, "api.address is empty"),
		Entry("a large CA", apiProbe(), func(p *wire.Probe) { p.API.CA = strings.Repeat("x", 64<<10+1) }, "api.ca has 65537 bytes"),
		Entry("an odd server name", apiProbe(), func(p *wire.Probe) { p.API.ServerName = "a/b" }, `api.serverName "a/b"`),
		Entry("no peer", echoProbe(), func(p *wire.Probe) { p.Echo.Address = netip.AddrPort{} }, "echo.address is empty"),
		Entry("a peer without a node", echoProbe(), func(p *wire.Probe) { p.Echo.Node = "" }, `echo.node "" is no name of a node`),
		Entry("no payload", echoProbe(), func(p *wire.Probe) { p.Echo.Payload = 0 }, "echo.payload 0"),
		Entry("too large a payload", echoProbe(), func(p *wire.Probe) { p.Echo.Payload = 64<<10 + 1 }, "echo.payload 65537 is not between 1 and 65536"),
		Entry("no host", tcpProbe(), func(p *wire.Probe) { p.TCP.Host = "" }, `tcp.host ""`),
		Entry("a URL for a host", tcpProbe(), func(p *wire.Probe) { p.TCP.Host = "https://vault" }, `tcp.host "https://vault"`),
		Entry("any host", tcpProbe(), func(p *wire.Probe) { p.TCP.Host = "::" }, "tcp.host :: is no address of one host"),
		Entry("no port of the host", tcpProbe(), func(p *wire.Probe) { p.TCP.Port = 0 }, "tcp.port is 0"),
		Entry("an odd DNS server", tcpProbe(), func(p *wire.Probe) { p.TCP.Server = netip.MustParseAddrPort("10.0.0.1:0") }, "tcp.server 10.0.0.1:0 has no port"),
	)

	It("names no probe twice", func() {
		Expect(request(dnsProbe(), dnsProbe()).Validate()).To(MatchError(`probes[1].id "dns/udp/service" is the ID of an earlier probe, too`))
	})

	It("has its own limit of time", func() {
		Expect(wire.Request{}.Validate()).To(MatchError("timeout 0s is not between 1ms and 1m0s"))
		Expect(wire.Request{Timeout: wire.MaxRun + 1}.Validate()).NotTo(Succeed())
	})
})
