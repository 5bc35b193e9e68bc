package coredns_test

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/test/coredns"
)

func TestCoreDNS(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "CoreDNS")
}

const kubernetes = "kubernetes.default.svc.cluster.local."

var _ = BeforeSuite(func(ctx SpecContext) {
	Expect(coredns.Prepare(ctx, GinkgoWriter)).To(Succeed())
}, NodeTimeout(30*time.Minute)) // the first build takes minutes

func start(ctx context.Context, options coredns.Options) *coredns.Server {
	GinkgoHelper()
	server, err := coredns.Start(ctx, options)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(server.Stop()).To(Succeed()) })
	return server
}

// ask asks for an A record and returns the code and the addresses.
func ask(ctx context.Context, network, addr, name string) (code string, addresses []string, err error) {
	client := &dns.Client{Net: network, Timeout: 5 * time.Second}
	answer, _, err := client.ExchangeContext(ctx, new(dns.Msg).SetQuestion(name, dns.TypeA), addr)
	if err != nil {
		return "", nil, err
	}
	for _, record := range answer.Answer {
		addresses = append(addresses, record.(*dns.A).A.String())
	}
	return dns.RcodeToString[answer.Rcode], addresses, nil
}

var _ = Describe("A CoreDNS", func() {
	for _, network := range []string{"udp", "tcp"} {
		It("answers for its zone, and knows no other name, over "+network, func(ctx SpecContext) {
			server := start(ctx, coredns.Options{Answers: coredns.Zone(kubernetes + " 30 IN A 10.96.0.1")})
			code, addresses, err := ask(ctx, network, server.Addr(), kubernetes)
			Expect(err).NotTo(HaveOccurred())
			Expect(code).To(Equal("NOERROR"))
			Expect(addresses).To(ConsistOf("10.96.0.1"))
			code, _, err = ask(ctx, network, server.Addr(), "vault.example.org.")
			Expect(err).NotTo(HaveOccurred())
			Expect(code).To(Equal("NXDOMAIN"))
		}, SpecTimeout(time.Minute))
	}

	It("changes its answers while it runs, and afterwards refuses", func(ctx SpecContext) {
		server := start(ctx, coredns.Options{})
		for _, change := range []struct {
			answers coredns.Answers
			code    string
		}{
			{coredns.Zone(kubernetes + " 30 IN A 10.96.0.1"), "NOERROR"},
			{coredns.NXDomain(), "NXDOMAIN"},
			{coredns.ServFail(), "SERVFAIL"},
			{coredns.Plugins("template IN ANY {\n rcode REFUSED\n}"), "REFUSED"},
			{coredns.Zone(kubernetes + " 30 IN A 10.96.0.2"), "NOERROR"},
		} {
			Expect(server.Answer(ctx, change.answers)).To(Succeed())
			for _, network := range []string{"udp", "tcp"} {
				code, _, err := ask(ctx, network, server.Addr(), kubernetes)
				Expect(err).NotTo(HaveOccurred())
				Expect(code).To(Equal(change.code))
			}
		}
		Expect(server.Stop()).To(Succeed())
		for _, network := range []string{"udp", "tcp"} {
			_, _, err := ask(ctx, network, server.Addr(), kubernetes)
			Expect(err).To(MatchError(syscall.ECONNREFUSED))
		}
	}, SpecTimeout(time.Minute))

	It("ends after an error in its Corefile, and says which", func(ctx SpecContext) {
		_, err := coredns.Start(ctx, coredns.Options{Answers: coredns.Plugins("nonsense")})
		Expect(err).To(MatchError(And(ContainSubstring("ended"), ContainSubstring("nonsense"))))
	}, SpecTimeout(time.Minute))

	It("shares its port with another one on another address", func(ctx SpecContext) {
		one := start(ctx, coredns.Options{})
		other := start(ctx, coredns.Options{IP: "127.0.0.2", Port: one.Port(), Answers: coredns.ServFail()})
		for server, expected := range map[*coredns.Server]string{one: "NXDOMAIN", other: "SERVFAIL"} {
			code, _, err := ask(ctx, "udp", server.Addr(), kubernetes)
			Expect(err).NotTo(HaveOccurred())
			Expect(code).To(Equal(expected))
		}
	}, SpecTimeout(time.Minute))

	It("truncates over UDP what is too long for it, and gives all over TCP", func(ctx SpecContext) {
		long := strings.Repeat("x", 250)
		server := start(ctx, coredns.Options{Answers: coredns.Zone(
			`long. 30 IN TXT "`+long+`"`, `long. 30 IN TXT "`+long+`2"`, `long. 30 IN TXT "`+long+`3"`)})
		question := new(dns.Msg).SetQuestion("long.", dns.TypeTXT)
		answer, _, err := (&dns.Client{Net: "udp"}).ExchangeContext(ctx, question, server.Addr())
		Expect(err).NotTo(HaveOccurred())
		Expect(answer.Truncated).To(BeTrue())
		answer, _, err = (&dns.Client{Net: "tcp"}).ExchangeContext(ctx, question, server.Addr())
		Expect(err).NotTo(HaveOccurred())
		Expect(answer.Answer).To(HaveLen(3))
	}, SpecTimeout(time.Minute))
})

var _ = Describe("A relay", func() {
	for _, passed := range []struct {
		network, refused string
		relay            func(*coredns.Server) (*coredns.Relay, error)
	}{
		{"udp", "tcp", coredns.OverUDPAlone},
		{"tcp", "udp", coredns.OverTCPAlone},
	} {
		It("passes "+passed.network+" alone, until it is stopped", func(ctx SpecContext) {
			server := start(ctx, coredns.Options{Answers: coredns.Zone(kubernetes + " 30 IN A 10.96.0.1")})
			relay, err := passed.relay(server)
			Expect(err).NotTo(HaveOccurred())
			DeferCleanup(func() { Expect(relay.Stop()).To(Succeed()) })

			_, addresses, err := ask(ctx, passed.network, relay.Addr(), kubernetes)
			Expect(err).NotTo(HaveOccurred())
			Expect(addresses).To(ConsistOf("10.96.0.1"))
			_, _, err = ask(ctx, passed.refused, relay.Addr(), kubernetes)
			Expect(err).To(MatchError(syscall.ECONNREFUSED))

			Expect(server.Answer(ctx, coredns.ServFail())).To(Succeed())
			code, _, err := ask(ctx, passed.network, relay.Addr(), kubernetes)
			Expect(err).NotTo(HaveOccurred())
			Expect(code).To(Equal("SERVFAIL"))

			Expect(relay.Stop()).To(Succeed())
			_, _, err = ask(ctx, passed.network, relay.Addr(), kubernetes)
			Expect(err).To(MatchError(syscall.ECONNREFUSED))
		}, SpecTimeout(time.Minute))
	}
})
