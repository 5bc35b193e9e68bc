package probe

import (
	"context"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
	"github.com/tazzo/rebirth/test/coredns"
)

func asking(server netip.AddrPort, protocol wire.Protocol, name string, want ...string) wire.Probe {
	q := &wire.DNS{Server: server, Protocol: protocol, Name: name, Type: wire.A}
	for _, ip := range want {
		q.Want = append(q.Want, netip.MustParseAddr(ip))
	}
	return wire.Probe{Kind: wire.KindDNS, DNS: q}
}

// odd is a server over UDP that answers as no real one should.
func odd(handle func(w dns.ResponseWriter, question, answer *dns.Msg)) netip.AddrPort {
	GinkgoHelper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	s := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, question *dns.Msg) {
		handle(w, question, new(dns.Msg).SetReply(question))
	})}
	ended := make(chan error, 1)
	started := make(chan struct{})
	s.NotifyStartedFunc = func() { close(started) }
	go func() { ended <- s.ActivateAndServe() }()
	Eventually(started).WithTimeout(5 * time.Second).Should(BeClosed())
	DeferCleanup(func() {
		Expect(s.Shutdown()).To(Succeed())
		Expect(<-ended).To(Succeed())
	})
	return at(conn.LocalAddr().String())
}

func rr(text string) dns.RR {
	GinkgoHelper()
	record, err := dns.NewRR(text)
	Expect(err).NotTo(HaveOccurred())
	return record
}

var _ = Describe("DNS", func() {
	for _, protocol := range []wire.Protocol{wire.OverUDP, wire.OverTCP} {
		Context("over "+string(protocol), func() {
			It("finds the address that is wanted", func(ctx context.Context) {
				Expect(run(ctx, asking(at(server.Addr()), protocol, apiName, "10.96.0.1"))).To(succeeds())
			})

			It("takes any address if none is wanted", func(ctx context.Context) {
				Expect(run(ctx, asking(at(server.Addr()), protocol, apiName))).To(succeeds())
			})

			It("follows aliases", func(ctx context.Context) {
				Expect(run(ctx, asking(at(server.Addr()), protocol, vaultName, "127.0.0.1"))).To(succeeds())
			})

			It("finds addresses of IPv6", func(ctx context.Context) {
				probe := asking(at(server.Addr()), protocol, apiName, "fd00::1")
				probe.DNS.Type = wire.AAAA
				Expect(run(ctx, probe)).To(succeeds())
			})

			It("sees a wrong answer, and says which one it is", func(ctx context.Context) {
				Expect(run(ctx, asking(at(server.Addr()), protocol, apiName, "10.96.0.1", "10.43.0.1"))).
					To(fails(wire.WrongAnswer, apiName+" is 10.96.0.1, and not 10.43.0.1"))
			})

			It("sees a name without an address", func(ctx context.Context) {
				Expect(run(ctx, asking(at(server.Addr()), protocol, "text.example.org."))).
					To(fails(wire.NoAddress, "text.example.org. has no address of type A"))
			})

			It("sees NXDOMAIN for one name", func(ctx context.Context) {
				Expect(run(ctx, asking(at(server.Addr()), protocol, "nothing.cluster.local."))).
					To(fails(wire.NXDomain, "nothing.cluster.local. does not exist"))
			})

			DescribeTable("sees a CoreDNS that runs and is of no use",
				func(ctx context.Context, answers coredns.Answers, reason wire.Reason) {
					Expect(server.Answer(ctx, answers)).To(Succeed())
					DeferCleanup(func(ctx context.Context) { Expect(server.Answer(ctx, records)).To(Succeed()) })
					Expect(run(ctx, asking(at(server.Addr()), protocol, apiName, "10.96.0.1"))).To(fails(reason, ""))
				},
				Entry("which knows no name", coredns.NXDomain(), wire.NXDomain),
				Entry("which fails", coredns.ServFail(), wire.ServFail),
				Entry("which wants no questions", coredns.Plugins("template IN ANY {\n rcode REFUSED\n}"), wire.QueryRefused),
			)

			It("sees that nothing listens", func(ctx context.Context) {
				Expect(run(ctx, asking(closed(), protocol, apiName))).To(fails(wire.ConnectionRefused, "connection refused"))
			})
		})
	}

	It("tells UDP and TCP apart", func(ctx context.Context) {
		relay, err := coredns.OverUDPAlone(server)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(relay.Stop)
		Expect(run(ctx, asking(at(relay.Addr()), wire.OverUDP, apiName))).To(succeeds())
		Expect(run(ctx, asking(at(relay.Addr()), wire.OverTCP, apiName))).To(fails(wire.ConnectionRefused, ""))
	})

	It("waits no longer than it may", func(ctx context.Context) {
		probe := asking(odd(func(dns.ResponseWriter, *dns.Msg, *dns.Msg) {}), wire.OverUDP, apiName)
		probe.Timeout = 200 * time.Millisecond
		result := run(ctx, probe)
		Expect(result).To(fails(wire.Timeout, "no answer in time"))
		Expect(result.Duration).To(BeNumerically("~", probe.Timeout, 150*time.Millisecond))
	})

	It("waits no longer than it may over TCP", func(ctx context.Context) {
		probe := asking(silent(), wire.OverTCP, apiName)
		probe.Timeout = 100 * time.Millisecond
		Expect(run(ctx, probe)).To(fails(wire.Timeout, "no answer in time"))
	})

	It("forgives one lost datagram, and says so", func(ctx context.Context) {
		var questions atomic.Int32
		address := odd(func(w dns.ResponseWriter, _, answer *dns.Msg) {
			if questions.Add(1) > 1 {
				answer.Answer = []dns.RR{rr(apiName + " 30 IN A 10.96.0.1")}
				_ = w.WriteMsg(answer)
			}
		})
		result := run(ctx, asking(address, wire.OverUDP, apiName))
		Expect(result).To(succeeds())
		Expect(result.Message).To(Equal("the first datagram got no answer, the second one did"))
		Expect(questions.Load()).To(BeEquivalentTo(2))
	})

	It("sees what doesn't speak DNS", func(ctx context.Context) {
		Expect(run(ctx, asking(speaks("HTTP/1.1 400 Bad Request\r\n\r\n"), wire.OverTCP, apiName)).Reason).
			To(BeElementOf(wire.ConnectionClosed, wire.BadResponse))
		Expect(run(ctx, asking(speaks("\x00\x02hi"), wire.OverTCP, apiName))).To(fails(wire.BadResponse, ""))
	})

	It("doesn't take the answer to a question that was never asked", func(ctx context.Context) {
		probe := asking(odd(func(w dns.ResponseWriter, _, answer *dns.Msg) {
			answer.Id++
			answer.Answer = []dns.RR{rr(apiName + " 30 IN A 10.96.0.1")}
			_ = w.WriteMsg(answer)
		}), wire.OverUDP, apiName)
		probe.Timeout = 200 * time.Millisecond
		Expect(run(ctx, probe)).To(fails(wire.Timeout, ""))
	})

	DescribeTable("judges odd answers",
		func(ctx context.Context, change func(answer *dns.Msg), matches OmegaMatcher) {
			address := odd(func(w dns.ResponseWriter, _, answer *dns.Msg) {
				change(answer)
				_ = w.WriteMsg(answer)
			})
			Expect(run(ctx, asking(address, wire.OverUDP, apiName, "10.96.0.1"))).To(matches)
		},
		Entry("cut off", func(m *dns.Msg) { m.Truncated = true }, fails(wire.Truncated, "cut off")),
		Entry("cut off behind what is wanted", func(m *dns.Msg) {
			m.Truncated, m.Answer = true, []dns.RR{rr(apiName + " 30 IN A 10.96.0.1")}
		}, succeeds()),
		Entry("to another question", func(m *dns.Msg) {
			m.Question[0].Name, m.Answer = "other.", []dns.RR{rr("other. 30 IN A 10.96.0.1")}
		}, fails(wire.BadResponse, "another question")),
		Entry("to no question", func(m *dns.Msg) { m.Question = nil }, fails(wire.BadResponse, "another question")),
		Entry("which are questions", func(m *dns.Msg) { m.Response = false }, fails(wire.BadResponse, "no answer")),
		Entry("with another code", func(m *dns.Msg) { m.Rcode = dns.RcodeNotImplemented }, fails(wire.BadResponse, "NOTIMP")),
		Entry("with an unknown code", func(m *dns.Msg) { m.Rcode = 14 }, fails(wire.BadResponse, "code 14")),
		Entry("with letters of another size", func(m *dns.Msg) {
			m.Question[0].Name, m.Answer = "Kubernetes.default.SVC.cluster.local.", []dns.RR{rr(apiName + " 30 IN A 10.96.0.1")}
		}, succeeds()),
		Entry("with addresses of the other family", func(m *dns.Msg) {
			m.Answer = []dns.RR{rr(apiName + " 30 IN AAAA fd00::1")}
		}, fails(wire.NoAddress, "no address of type A")),
		Entry("with many addresses", func(m *dns.Msg) {
			for _, last := range "123456" {
				m.Answer = append(m.Answer, rr(apiName+" 30 IN A 10.0.0."+string(last)))
			}
		}, fails(wire.WrongAnswer, "is 10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, 2 more, and not 10.96.0.1")),
	)
})
