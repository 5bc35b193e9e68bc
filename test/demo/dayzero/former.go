package dayzero

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
	datacentre "github.com/tazzo/rebirth/test/dayzero"
)

// leaveFormerLife puts there what a cluster leaves that died: its machines, which are
// off, and in the tailnet a device that nobody has signed off.
func (a *Act) leaveFormerLife(ctx context.Context) error {
	a.former = map[string]bool{}
	for i, name := range nodeNames {
		a.centre.Proxmox.AddVM(a.centre.Host(i), a.centre.VMID(i), map[string]string{
			"name": name, "tags": inventory.Tag(clusterName), "cores": "2", "memory": "2048",
			"net0":        "virtio=" + a.centre.MAC(i) + ",bridge=vmbr0",
			"description": inventory.Marker{Cluster: clusterName, Node: name, VM: a.centre.VMID(i), Run: "0badcafe", Life: inventory.Complete}.String(),
		})
	}
	for _, vm := range a.centre.Proxmox.VMs() {
		a.former[vm.UUID] = true
	}
	name := nodeNames[nodes-1]
	node, err := a.centre.Member(ctx, filepath.Join(a.stage.Dir, "former-"+name), name, datacentre.Tag)
	if err != nil {
		return err
	}
	devices, err := a.centre.Headscale.Devices(ctx)
	if err == nil && len(devices) != 1 {
		err = fmt.Errorf("the tailnet has %d devices, and not the one of %s", len(devices), name)
	}
	if err != nil {
		return errors.Join(err, node.Kill())
	}
	a.formerDevice = devices[0].ID
	return node.Kill()
}
