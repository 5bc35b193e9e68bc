package proxmox

import (
	"context"
	"fmt"
	"net/http"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
)

// CreateVM makes the machine, stopped, and returns it as it stands. Where ctx ends
// first, Proxmox goes on with what it was told: the next look finds the machine with
// tag and marker, perhaps without its system disk. Conflict: the number is taken.
func (c *Client) CreateVM(ctx context.Context, m Machine, report func(string)) (inventory.VM, error) {
	host, id := m.Node.Host, m.Node.VMID
	doing := fmt.Sprintf("make VM %d on host %s", id, host)
	report(doing)
	if err := c.run(ctx, doing, http.MethodPost, path("nodes", host, "qemu"), m.shell(), report); err != nil {
		return inventory.VM{}, c.needing(err, fmt.Sprintf("/vms/%d", id), "VM.Allocate")
	}
	if err := c.importDisk(ctx, m, report); err != nil {
		return inventory.VM{}, err
	}
	doing = fmt.Sprintf("grow the disk of VM %d", id)
	if err := c.run(ctx, doing, http.MethodPut, vmPath(host, id, "resize"), m.grow(), report); err != nil {
		return inventory.VM{}, err
	}
	return c.VM(ctx, id)
}

// importDisk copies the image to the system disk, when the host has a slot free.
func (c *Client) importDisk(ctx context.Context, m Machine, report func(string)) error {
	doing := fmt.Sprintf("import the image to VM %d", m.Node.VMID)
	slots := c.importSlots(m.Node.Host)
	select {
	case slots <- struct{}{}:
	default:
		report(fmt.Sprintf("%s: waiting, for host %s imports %d others", doing, m.Node.Host, importsPerHost))
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return ended(ctx, doing, fmt.Sprintf("host %s imports %d others", m.Node.Host, importsPerHost))
		}
	}
	defer func() { <-slots }()
	report(doing)
	return c.run(ctx, doing, http.MethodPost, vmPath(m.Node.Host, m.Node.VMID, "config"), m.importDisk(), report)
}
