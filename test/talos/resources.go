package talos

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/resource/meta"
	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/cosi-project/runtime/pkg/state/impl/inmem"
	"github.com/cosi-project/runtime/pkg/state/impl/namespaced"
	"github.com/cosi-project/runtime/pkg/state/registry"
	"github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/nethelpers"
	"github.com/siderolabs/talos/pkg/machinery/resources/config"
	"github.com/siderolabs/talos/pkg/machinery/resources/hardware"
	"github.com/siderolabs/talos/pkg/machinery/resources/network"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	"github.com/siderolabs/talos/pkg/machinery/resources/v1alpha1"
	"github.com/siderolabs/talos/pkg/machinery/role"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// tailscaleLink is the interface that the tailscale extension makes.
const tailscaleLink = "tailscale0"

// newResources is what Talos shows of itself: the kinds that are played, and the
// machine's hardware.
func newResources(ctx context.Context, options Options) (state.State, error) {
	resources := state.WrapCore(namespaced.NewState(inmem.Build))
	if err := register(ctx, resources); err != nil {
		return nil, fmt.Errorf("fake Talos %s: %w", options.Name, err)
	}
	mac, err := net.ParseMAC(options.MAC)
	if err != nil {
		return nil, fmt.Errorf("fake Talos %s: %w", options.Name, err)
	}
	system := hardware.NewSystemInformation(hardware.SystemInformationID)
	system.TypedSpec().Manufacturer = "QEMU"
	system.TypedSpec().UUID = strings.ToLower(options.UUID)
	card := network.NewLinkStatus(network.NamespaceName, "eth0")
	card.TypedSpec().Type = nethelpers.LinkEther
	card.TypedSpec().HardwareAddr = nethelpers.HardwareAddr(mac)
	card.TypedSpec().PermanentAddr = nethelpers.HardwareAddr(mac)
	loopback := network.NewLinkStatus(network.NamespaceName, "lo")
	loopback.TypedSpec().Type = nethelpers.LinkLoopbck
	for _, r := range []resource.Resource{system, card, loopback, address("eth0", netip.PrefixFrom(options.Address, 8))} {
		if err := resources.Create(ctx, r); err != nil {
			return nil, fmt.Errorf("fake Talos %s: %w", options.Name, err)
		}
	}
	return resources, nil
}

func register(ctx context.Context, resources state.State) error {
	namespaces := registry.NewNamespaceRegistry(resources)
	kinds := registry.NewResourceRegistry(resources)
	if err := namespaces.RegisterDefault(ctx); err != nil {
		return err
	}
	if err := kinds.RegisterDefault(ctx); err != nil {
		return err
	}
	for _, name := range []string{v1alpha1.NamespaceName, config.NamespaceName, hardware.NamespaceName, network.NamespaceName} {
		if err := namespaces.Register(ctx, name, ""); err != nil {
			return err
		}
	}
	for _, kind := range []meta.ResourceWithRD{
		&config.MachineConfig{}, &config.MachineType{}, &hardware.SystemInformation{},
		&network.AddressStatus{}, &network.LinkStatus{}, &runtime.MachineStatus{}, &v1alpha1.Service{},
	} {
		if err := kinds.Register(ctx, kind); err != nil {
			return err
		}
	}
	return nil
}

func address(link string, prefix netip.Prefix) *network.AddressStatus {
	a := network.NewAddressStatus(network.NamespaceName, network.AddressID(link, prefix))
	a.TypedSpec().Address = prefix
	a.TypedSpec().LinkName = link
	return a
}

func (l *life) setMachineType(t machine.Type) {
	_ = safe.StateModify(l.ctx, l.resources, config.NewMachineType(), func(r *config.MachineType) error {
		r.SetMachineType(t)
		return nil
	})
}

// setTailnetAddresses makes the interface's addresses those given.
func (l *life) setTailnetAddresses(wanted []netip.Addr) {
	list, err := safe.StateListAll[*network.AddressStatus](l.ctx, l.resources)
	if err != nil {
		return
	}
	gone := map[string]bool{}
	for a := range list.All() {
		if a.TypedSpec().LinkName == tailscaleLink {
			gone[a.Metadata().ID()] = true
		}
	}
	for _, ip := range wanted {
		a := address(tailscaleLink, netip.PrefixFrom(ip, ip.BitLen()))
		if gone[a.Metadata().ID()] {
			delete(gone, a.Metadata().ID())
			continue
		}
		_ = l.resources.Create(l.ctx, a)
	}
	for id := range gone {
		_ = l.resources.Destroy(l.ctx, network.NewAddressStatus(network.NamespaceName, id).Metadata())
	}
}

// access says which resources a caller may read: writing is never allowed, and
// sensitive ones are for administrators.
func access(resources state.State) state.FilteringRule {
	return func(ctx context.Context, access state.Access) error {
		if !access.Verb.Readonly() {
			return status.Error(codes.PermissionDenied, "write access is not allowed")
		}
		definition, err := safe.StateGetByID[*meta.ResourceDefinition](ctx, resources, strings.ToLower(access.ResourceType))
		switch {
		case state.IsNotFoundError(err):
			return status.Errorf(codes.PermissionDenied, "resource type %q is not supported", access.ResourceType)
		case err != nil:
			return err
		case definition.TypedSpec().Sensitivity == meta.Sensitive && !rolesOf(ctx).Includes(role.Admin):
			return errNotAuthorized
		}
		_, err = safe.StateGetByID[*meta.Namespace](ctx, resources, access.ResourceNamespace)
		if state.IsNotFoundError(err) {
			return status.Errorf(codes.PermissionDenied, "namespace %q is not supported", access.ResourceNamespace)
		}
		return err
	}
}
