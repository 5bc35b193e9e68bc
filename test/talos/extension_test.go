package talos_test

import (
	"context"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cosi-project/runtime/pkg/safe"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/siderolabs/talos/pkg/machinery/client"
	machinetype "github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/resources/network"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"

	"github.com/tazzo/rebirth/test/talos"
)

// played is an extension that notes its starts, and exits when it is told to.
type played struct {
	starts  chan talos.Container
	exit    chan struct{}
	running atomic.Int32
}

// Run implements talos.Extension.
func (c *played) Run(ctx context.Context, started talos.Container) error {
	c.running.Add(1)
	defer c.running.Add(-1)
	started.SetAddresses([]netip.Addr{netip.MustParseAddr("100.64.0.1")})
	c.starts <- started
	select {
	case <-ctx.Done():
	case <-c.exit:
	}
	return nil
}

var _ = Describe("The extension service", func() {
	var (
		extension *played
		machine   *talos.Machine
	)

	BeforeEach(func() {
		extension = &played{starts: make(chan talos.Container, 100), exit: make(chan struct{})}
		machine = play(func(o *talos.Options) {
			o.Extension = extension
			o.Times.Restart = 100 * time.Millisecond
		})
	})

	with := func(env ...string) []byte {
		return configuration(machine, bundle, machinetype.TypeControlPlane, env...)
	}
	state := func(c *client.Client) func() (string, error) {
		return func() (string, error) {
			services, err := c.ServiceInfo(context.Background(), "ext-tailscale")
			if err != nil || len(services) == 0 {
				return "", err
			}
			return services[0].Service.GetState(), nil
		}
	}
	stage := func(c *client.Client) func() (runtime.MachineStage, error) {
		return func() (runtime.MachineStage, error) {
			status, err := safe.StateGetByID[*runtime.MachineStatus](context.Background(), c.COSI, runtime.MachineStatusID)
			if err != nil {
				return 0, err
			}
			return status.TypedSpec().Stage, nil
		}
	}
	tailnetAddresses := func(c *client.Client) func() ([]string, error) {
		return func() ([]string, error) {
			list, err := safe.StateListAll[*network.AddressStatus](context.Background(), c.COSI)
			var found []string
			for a := range list.All() {
				if a.TypedSpec().LinkName == "tailscale0" {
					found = append(found, a.TypedSpec().Address.String())
				}
			}
			return found, err
		}
	}

	It("waits for its document, and the boot with it", func(ctx context.Context) {
		c := configured(machine, with())
		Eventually(func() error { return calls["Bootstrap"](ctx, c) }).Should(Succeed())
		Eventually(state(c)).Should(Equal("Waiting"))
		Consistently(stage(c), "500ms").Should(Equal(runtime.MachineStageBooting))
		Expect(extension.starts).NotTo(Receive())

		Expect(apply(c, with("TS_HOSTNAME=a"), noReboot, 0)).To(Succeed())
		Eventually(state(c)).Should(Equal("Running"))
		Eventually(stage(c)).Should(Equal(runtime.MachineStageRunning))
		Eventually(tailnetAddresses(c)).Should(Equal([]string{"100.64.0.1/32"}))
	})

	It("gets its own variables, and the document's, which win", func() {
		configured(machine, with("TS_HOSTNAME=a", "TS_USERSPACE=true"))
		var started talos.Container
		Eventually(extension.starts).Should(Receive(&started))
		Expect(started.Env).To(ConsistOf("PATH=/sbin:/usr/local/bin", "TS_SOCKET=/var/run/tailscale/tailscaled.sock",
			"TS_STATE_DIR=/var/lib/tailscale", "TS_USERSPACE=true", "TS_HOSTNAME=a"))
		Expect(started.Node).To(Equal("cp-1"))
		Expect(started.Var).To(BeADirectory())
	})

	It("is restarted when its document changes, and by nothing else", func() {
		c := configured(machine, with("TS_HOSTNAME=a"))
		Eventually(extension.starts).Should(Receive())
		Expect(apply(c, with("TS_HOSTNAME=a"), noReboot, 0)).To(Succeed())
		Consistently(extension.starts).ShouldNot(Receive())
		Expect(apply(c, with("TS_HOSTNAME=b"), try, 400*time.Millisecond)).To(Succeed())
		var started talos.Container
		Eventually(extension.starts).Should(Receive(&started))
		Expect(slices.Contains(started.Env, "TS_HOSTNAME=b")).To(BeTrue())
		Eventually(extension.starts).Should(Receive(&started))
		Expect(slices.Contains(started.Env, "TS_HOSTNAME=a")).To(BeTrue())
		Expect(extension.running.Load()).To(BeEquivalentTo(1))
	})

	It("is started again after an exit, and has no addresses meanwhile", func() {
		c := configured(machine, with("TS_HOSTNAME=a"))
		Eventually(tailnetAddresses(c)).Should(HaveLen(1))
		Eventually(extension.starts).Should(Receive())
		extension.exit <- struct{}{}
		Eventually(tailnetAddresses(c)).Should(BeEmpty())
		Eventually(extension.starts).Should(Receive())
		Eventually(tailnetAddresses(c)).Should(HaveLen(1))
	})

	It("is stopped with the power", func() {
		configured(machine, with("TS_HOSTNAME=a"))
		Eventually(extension.running.Load).Should(BeEquivalentTo(1))
		machine.PowerOff()
		Expect(extension.running.Load()).To(BeZero())
	})
})
