package probe

import (
	"context"
	"net/netip"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
	"github.com/tazzo/rebirth/test/coredns"
)

var _ = Describe("a named endpoint", func() {
	named := func(host string, port uint16) wire.Probe {
		return wire.Probe{Kind: wire.KindTCP, TCP: &wire.TCP{Host: host, Port: port, Server: at(server.Addr())}}
	}

	It("is reached by a name that the cluster's DNS knows", func(ctx context.Context) {
		Expect(run(ctx, named("vault.example.ts.net", silent().Port()))).To(succeeds())
		Expect(run(ctx, named("vault.example.ts.net.", silent().Port()))).To(succeeds())
	})

	It("is reached by its address, without DNS", func(ctx context.Context) {
		probe := named("127.0.0.1", silent().Port())
		probe.TCP.Server = netip.AddrPort{}
		Expect(run(ctx, probe)).To(succeeds())
	})

	It("refuses", func(ctx context.Context) {
		Expect(run(ctx, named("vault.example.ts.net", closed().Port()))).To(fails(wire.ConnectionRefused, "connection refused"))
	})

	It("has no name yet", func(ctx context.Context) {
		Expect(run(ctx, named("late.example.ts.net", 8200))).To(fails(wire.NXDomain, "the host's name does not exist"))
	})

	It("is behind a DNS server that fails", func(ctx context.Context) {
		failing, err := coredns.Start(ctx, coredns.Options{Answers: coredns.ServFail(), Progress: GinkgoWriter})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(failing.Stop)
		probe := named("vault.example.ts.net", 8200)
		probe.TCP.Server = at(failing.Addr())
		Expect(run(ctx, probe)).To(fails(wire.ServFail, "the host's name can't be looked up"))
	})

	It("is behind a DNS server that is silent", func(ctx context.Context) {
		probe := named("vault.example.ts.net", 8200)
		probe.TCP.Server, probe.Timeout = silent(), 200*time.Millisecond
		Expect(run(ctx, probe).Reason).To(BeElementOf(wire.Timeout, wire.ServFail))
	})
})
