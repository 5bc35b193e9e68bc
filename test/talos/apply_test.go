package talos_test

import (
	"context"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	machineapi "github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"
	machinetype "github.com/siderolabs/talos/pkg/machinery/config/machine"
	"google.golang.org/grpc/codes"

	"github.com/tazzo/rebirth/test/talos"
)

var _ = Describe("Applying a configuration", func() {
	var (
		machine      *talos.Machine
		c            *client.Client
		first, other []byte
	)

	BeforeEach(func() {
		machine = play()
		first = configuration(machine, bundle, machinetype.TypeControlPlane, "TS_HOSTNAME=a")
		other = configuration(machine, bundle, machinetype.TypeControlPlane, "TS_HOSTNAME=b")
		c = configured(machine, first)
	})

	has := func(active, persisted []byte) {
		GinkgoHelper()
		Expect(machine.Active()).To(Equal(active))
		Expect(machine.Persisted()).To(Equal(persisted))
	}

	It("in mode TRY changes memory alone, until the time is over", func() {
		Expect(apply(c, other, try, 2*time.Second)).To(Succeed())
		has(other, first)
		Eventually(machine.Active).Should(Equal(first))
		has(first, first)
	})

	It("in mode TRY returns to what was active, which may be another TRY", func() {
		third := configuration(machine, bundle, machinetype.TypeControlPlane, "TS_HOSTNAME=c")
		Expect(apply(c, other, try, time.Minute)).To(Succeed())
		Expect(apply(c, third, try, 200*time.Millisecond)).To(Succeed())
		Eventually(machine.Active).Should(Equal(other))
		Consistently(machine.Active).Should(Equal(other))
	})

	It("in mode TRY is given up without power", func() {
		Expect(apply(c, other, try, time.Minute)).To(Succeed())
		Expect(machine.Reboot()).To(Succeed())
		admin(machine)
		has(first, first)
	})

	It("without a reboot changes memory and disk, and ends a TRY", func() {
		Expect(apply(c, other, try, 200*time.Millisecond)).To(Succeed())
		Expect(apply(c, other, noReboot, 0)).To(Succeed())
		has(other, other)
		Consistently(machine.Active).Should(Equal(other))
	})

	It("in mode STAGED changes the disk alone", func() {
		Expect(apply(c, other, staged, 0)).To(Succeed())
		has(first, other)
	})

	It("in mode REBOOT changes the disk, and reboots", func() {
		Expect(apply(c, other, reboot, 0)).To(Succeed())
		Eventually(machine.Active).Should(Equal(other))
		admin(machine)
		has(other, other)
	})

	It("without a reboot is refused where one is needed, with a diff as Talos has it", func() {
		changed := []byte(strings.Replace(string(other), "machine:\n", "machine:\n    env: {SECRET: canary}\n", 1))
		err := apply(c, changed, try, time.Minute)
		Expect(client.StatusCode(err)).To(Equal(codes.InvalidArgument))
		Expect(err).To(MatchError(And(ContainSubstring("can't be applied in immediate mode"), ContainSubstring("+        SECRET: canary"))))
		has(first, first)
	})

	DescribeTable("that is wrong is refused",
		func(yaml, complaint string) {
			for _, mode := range []machineapi.ApplyConfigurationRequest_Mode{try, noReboot, auto} {
				err := apply(c, []byte(yaml), mode, 0)
				Expect(client.StatusCode(err)).To(Equal(codes.InvalidArgument))
				Expect(err).To(MatchError(ContainSubstring(complaint)))
			}
			has(first, first)
		},
		Entry("by its form", "machine: [", "decode error"),
		Entry("by its fields", "version: v1alpha1\nmachine: {unheardOf: 1}\n", "unknown keys"),
		Entry("by its content", "version: v1alpha1\nmachine: {type: worker}\ncluster: {}\n", "cluster"),
		Entry("because most of it is missing", "apiVersion: v1alpha1\nkind: HostnameConfig\nauto: stable\n", "doesn't contain v1alpha1 config"),
	)

	It("leaves everything as it was if the power goes before it is written", func() {
		machine.DieOnApply(talos.BeforeWrite)
		Expect(client.StatusCode(apply(c, other, noReboot, 0))).To(Equal(codes.Unavailable))
		admin(machine)
		has(first, first)
	})

	It("has happened if the power goes after", func() {
		machine.DieOnApply(talos.AfterWrite)
		Expect(client.StatusCode(apply(c, other, noReboot, 0))).To(Equal(codes.Unavailable))
		admin(machine)
		has(other, other)
	})
})

var _ = Describe("Bootstrap", func() {
	It("is refused before the container runtime is up, done once, and refused as done", func(ctx context.Context) {
		machine := play(func(o *talos.Options) { o.Times.Services = 2 * time.Second })
		c := configured(machine, configuration(machine, bundle, machinetype.TypeControlPlane))
		bootstrap := func() codes.Code { return client.StatusCode(c.Bootstrap(ctx, &machineapi.BootstrapRequest{})) }
		Expect(bootstrap()).To(Equal(codes.FailedPrecondition))
		Eventually(bootstrap).Should(Equal(codes.OK))
		Eventually(bootstrap).Should(Equal(codes.AlreadyExists))
		Expect(machine.Reboot()).To(Succeed())
		c = admin(machine)
		Eventually(bootstrap).Should(Equal(codes.AlreadyExists))
	})

	It("is no call for workers", func(ctx context.Context) {
		cp := play()
		configured(cp, configuration(cp, bundle, machinetype.TypeControlPlane))
		machine := play(func(o *talos.Options) { o.Name = "worker-1" })
		c := configured(machine, configuration(cp, bundle, machinetype.TypeWorker))
		Eventually(func() codes.Code { return client.StatusCode(c.Bootstrap(ctx, &machineapi.BootstrapRequest{})) }).Should(Equal(codes.Unimplemented))
	})
})

var _ = Describe("A worker", func() {
	It("is not let in by the control plane of another cluster", func(ctx context.Context) {
		cp := play()
		configured(cp, configuration(cp, bundle, machinetype.TypeControlPlane))
		machine := play(func(o *talos.Options) { o.Name = "worker-1" })
		Expect(apply(maintenance(machine), configuration(cp, others, machinetype.TypeWorker), auto, 0)).To(Succeed())
		Consistently(func() codes.Code {
			_, err := as(machine, others).Version(ctx)
			return client.StatusCode(err)
		}, "1s").Should(Equal(codes.Unavailable))
	})
})

var _ = Describe("Kubeconfig", func() {
	It("is what the harness gives", func(ctx context.Context) {
		machine := play(func(o *talos.Options) { o.Kubeconfig = func() ([]byte, error) { return []byte("kind: Config\n"), nil } })
		c := configured(machine, configuration(machine, bundle, machinetype.TypeControlPlane))
		Expect(c.Kubeconfig(ctx)).To(Equal([]byte("kind: Config\n")))
	})
})
