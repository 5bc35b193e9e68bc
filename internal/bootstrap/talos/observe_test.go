package talos_test

import (
	"context"
	"net"
	"net/netip"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	. "github.com/onsi/gomega/gstruct"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
	"github.com/tazzo/rebirth/internal/bootstrap/talos"
	faketalos "github.com/tazzo/rebirth/test/talos"
)

var _ = Describe("Observing a machine", func() {
	It("finds nobody where nobody is", func() {
		machine := play(controlPlane)
		machine.PowerOff()
		Expect(observe(machine, nil)).To(Equal(inventory.Machine{Node: controlPlane, Stage: inventory.Unreachable}))
	})

	It("finds nobody who doesn't answer", func() {
		machine := play(controlPlane)
		Eventually(stageOf(machine, nil)).Should(Equal(inventory.Maintenance))
		defer machine.Hang()()
		quick := talos.Dialer{Timeout: 100 * time.Millisecond}
		Expect(quick.Observe(context.Background(), controlPlane, machine.Address(), nil).Stage).To(Equal(inventory.Unreachable))
	})

	It("finds nobody where something else than Talos listens", func() {
		address, err := faketalos.FreeAddress()
		Expect(err).NotTo(HaveOccurred())
		listener, err := net.Listen("tcp", netip.AddrPortFrom(address, 50000).String())
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(listener.Close)
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				_, _ = conn.Write([]byte("220 mail\r\n"))
			}
		}()
		Expect(dialer.Observe(context.Background(), controlPlane, address, nil).Stage).To(Equal(inventory.Unreachable))
	})

	It("finds one in maintenance, with secrets and without", func() {
		machine := play(controlPlane)
		for _, s := range []*talos.Secrets{nil, clusterSecrets()} {
			Eventually(func() inventory.Machine { return observe(machine, s) }).Should(Equal(inventory.Machine{
				Node: controlPlane, Stage: inventory.Maintenance, UUID: uuid, MACs: []string{mac}, Version: "v1.13.9",
			}))
		}
	})

	It("finds one of another cluster to be foreign, and one whose secrets are lost", func() {
		machine := play(controlPlane)
		configure(machine, clusterSecrets())
		for _, s := range []*talos.Secrets{nil, otherSecrets()} {
			Expect(observe(machine, s)).To(Equal(inventory.Machine{Node: controlPlane, Stage: inventory.Foreign}))
		}
	})

	It("finds one that boots, and then one that runs", func(ctx context.Context) {
		tailscale := &extension{joined: true}
		machine := play(controlPlane, func(o *faketalos.Options) { o.Extension = tailscale })
		secrets := clusterSecrets()
		node, _ := configure(machine, secrets)
		Expect(observe(machine, secrets)).To(MatchFields(IgnoreExtras, Fields{
			"Stage": Equal(inventory.Booting), "UUID": Equal(uuid), "MACs": Equal([]string{mac}), "Version": Equal("v1.13.9"),
			"Bootstrapped": BeFalse(), "MachineCertSANs": Equal([]string{"tazlab-cp-1.tail.example"}),
		}))

		Expect(node.Bootstrap(ctx, silent)).To(Succeed())
		Eventually(func() inventory.Machine { return observe(machine, secrets) }).Should(MatchFields(IgnoreExtras, Fields{
			"Stage": Equal(inventory.Running), "Bootstrapped": BeTrue(),
			"TailnetAddresses": Equal([]netip.Addr{netip.MustParseAddr("100.64.0.7"), netip.MustParseAddr("fd7a:115c:a1e0::7")}),
		}))
	})
})
