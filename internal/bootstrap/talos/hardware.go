package talos

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/siderolabs/talos/pkg/machinery/client"
	"github.com/siderolabs/talos/pkg/machinery/resources/hardware"
	"github.com/siderolabs/talos/pkg/machinery/resources/network"
)

// readIdentity asks Talos which machine it runs on. It answers everybody while it is
// in maintenance.
func readIdentity(ctx context.Context, c *client.Client) (Identity, error) {
	system, err := safe.StateGetByID[*hardware.SystemInformation](ctx, c.COSI, hardware.SystemInformationID)
	if err != nil {
		return Identity{}, err
	}
	links, err := safe.StateListAll[*network.LinkStatus](ctx, c.COSI)
	if err != nil {
		return Identity{}, err
	}
	identity := Identity{UUID: strings.ToLower(system.TypedSpec().UUID)}
	for link := range links.All() {
		if !link.TypedSpec().Physical() {
			continue
		}
		for _, address := range [][]byte{link.TypedSpec().HardwareAddr, link.TypedSpec().PermanentAddr} {
			if mac := formatMAC(address); mac != "" && !slices.Contains(identity.MACs, mac) {
				identity.MACs = append(identity.MACs, mac)
			}
		}
	}
	slices.Sort(identity.MACs)
	return identity, nil
}

// readTailnetAddresses are those that the node has in the tailnet.
func readTailnetAddresses(ctx context.Context, c *client.Client) ([]netip.Addr, error) {
	list, err := safe.StateListAll[*network.AddressStatus](ctx, c.COSI)
	if err != nil {
		return nil, err
	}
	var addresses []netip.Addr
	for address := range list.All() {
		if spec := address.TypedSpec(); spec.LinkName == tailscaleInterface && !spec.Address.Addr().IsLinkLocalUnicast() {
			addresses = append(addresses, spec.Address.Addr())
		}
	}
	slices.SortFunc(addresses, netip.Addr.Compare)
	return addresses, nil
}
