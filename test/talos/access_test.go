package talos_test

import (
	"context"
	"crypto/tls"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	machineapi "github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"
	machinetype "github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/resources/config"
	"github.com/siderolabs/talos/pkg/machinery/resources/hardware"
	"github.com/siderolabs/talos/pkg/machinery/resources/k8s"
	"github.com/siderolabs/talos/pkg/machinery/resources/network"
	"github.com/siderolabs/talos/pkg/machinery/role"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tazzo/rebirth/test/talos"
)

// calls by name, each with the least that it takes.
var calls = map[string]func(context.Context, *client.Client) error{
	"Version":     func(ctx context.Context, c *client.Client) error { _, err := c.Version(ctx); return err },
	"ServiceList": func(ctx context.Context, c *client.Client) error { _, err := c.ServiceList(ctx); return err },
	"hardware": func(ctx context.Context, c *client.Client) error {
		_, err := safe.StateGetByID[*hardware.SystemInformation](ctx, c.COSI, hardware.SystemInformationID)
		return err
	},
	"links": func(ctx context.Context, c *client.Client) error {
		_, err := safe.StateListAll[*network.LinkStatus](ctx, c.COSI)
		return err
	},
	"machine config": func(ctx context.Context, c *client.Client) error {
		_, err := safe.StateGetByID[*config.MachineConfig](ctx, c.COSI, config.ActiveID)
		return err
	},
	"a kind that is not played": func(ctx context.Context, c *client.Client) error {
		_, err := safe.StateListAll[*k8s.Nodename](ctx, c.COSI)
		return err
	},
	"writing": func(ctx context.Context, c *client.Client) error {
		err := c.COSI.Create(ctx, network.NewLinkStatus(network.NamespaceName, "x"))
		if state.IsOwnerConflictError(err) { // what COSI's client makes of it
			return status.Error(codes.PermissionDenied, err.Error())
		}
		return err
	},
	"Bootstrap": func(ctx context.Context, c *client.Client) error {
		return c.Bootstrap(ctx, &machineapi.BootstrapRequest{})
	},
	"Kubeconfig": func(ctx context.Context, c *client.Client) error { _, err := c.Kubeconfig(ctx); return err },
	"Reboot":     func(ctx context.Context, c *client.Client) error { return c.Reboot(ctx) },
}

func expect(ctx context.Context, c *client.Client, call string, code codes.Code) {
	GinkgoHelper()
	Expect(client.StatusCode(calls[call](ctx, c))).To(Equal(code))
}

var _ = DescribeTable("In maintenance, everybody reads and nobody does more",
	func(ctx context.Context, call string, code codes.Code) {
		expect(ctx, maintenance(play()), call, code)
	},
	Entry(nil, "Version", codes.OK),
	Entry(nil, "ServiceList", codes.OK),
	Entry(nil, "hardware", codes.OK),
	Entry(nil, "links", codes.OK),
	Entry(nil, "machine config", codes.PermissionDenied),
	Entry(nil, "a kind that is not played", codes.PermissionDenied),
	Entry(nil, "writing", codes.PermissionDenied),
	Entry(nil, "Bootstrap", codes.PermissionDenied),
	Entry(nil, "Kubeconfig", codes.PermissionDenied),
	Entry(nil, "Reboot", codes.PermissionDenied),
)

var _ = Describe("A configured machine", Ordered, func() {
	var machine *talos.Machine

	BeforeAll(func() {
		machine = play()
		configured(machine, configuration(machine, bundle, machinetype.TypeControlPlane))
	})

	DescribeTable("lets administrators do what is played",
		func(ctx context.Context, call string, code codes.Code) {
			expect(ctx, as(machine, bundle, role.Admin), call, code)
		},
		Entry(nil, "Version", codes.OK),
		Entry(nil, "machine config", codes.OK),
		Entry(nil, "writing", codes.PermissionDenied),
		Entry(nil, "a kind that is not played", codes.PermissionDenied),
		Entry(nil, "Reboot", codes.Unimplemented),
	)

	DescribeTable("lets readers read",
		func(ctx context.Context, call string, code codes.Code) {
			expect(ctx, as(machine, bundle, role.Reader), call, code)
		},
		Entry(nil, "Version", codes.OK),
		Entry(nil, "hardware", codes.OK),
		Entry(nil, "machine config", codes.PermissionDenied),
		Entry(nil, "Bootstrap", codes.PermissionDenied),
		Entry(nil, "Kubeconfig", codes.PermissionDenied),
	)

	It("takes no configuration from readers", func() {
		err := apply(as(machine, bundle, role.Reader), configuration(machine, bundle, machinetype.TypeControlPlane), noReboot, 0)
		Expect(client.StatusCode(err)).To(Equal(codes.PermissionDenied))
	})

	It("lets nobody in who has a certificate of another cluster, or none", func(ctx context.Context) {
		expect(ctx, as(machine, others, role.Admin), "Version", codes.Unavailable)
		expect(ctx, connect(machine, &tls.Config{InsecureSkipVerify: true}), "Version", codes.Unavailable)
	})
})

var _ = Describe("Options", func() {
	It("are refused with all that is wrong with them", func() {
		_, err := talos.Start(talos.Options{})
		for _, complaint := range []string{"not one of loopback", "name is missing", "dir is missing", "UUID is missing", "MAC is missing"} {
			Expect(err).To(MatchError(ContainSubstring(complaint)))
		}
	})
})
