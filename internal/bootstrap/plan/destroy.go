package plan

import (
	"fmt"
	"slices"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
)

// Destroy removes every machine that is the cluster's own, also those that
// cluster.yaml no longer names, and then their devices. It asks nothing of the
// cluster itself, which may be dead.
func Destroy(f Facts) Plan {
	var p Plan
	for _, vm := range f.ours() {
		if vm.Protected {
			p.refuse(fmt.Sprintf("VM %d (%s)", vm.ID, vm.Name), "its protection is on. Switch the protection off in Proxmox first")
		}
		if vm.Template {
			p.refuse(fmt.Sprintf("VM %d (%s)", vm.ID, vm.Name), "is a template. A template of this cluster's tag and marker is nothing that bootstrap made: take the tag or the marker off it")
		}
	}
	p.noteForeign(f)
	if f.TailnetUnknown != "" {
		p.Notes = append(p.Notes, "the tailnet can't be asked, so the nodes' devices stay: they vanish by themselves, or the next create removes them ("+f.TailnetUnknown+")")
	}
	doomed := p.doomedDevices(f)
	if len(p.Refusals) > 0 {
		p.Steps = nil
		return p
	}
	p.revokeLeftovers(f)
	for _, vm := range f.ours() {
		marker, _ := vm.BelongsTo(f.Cluster.Metadata.Name)
		p.destroyVM(f, vm, marker.Node, "it carries the cluster's tag and marker", true)
	}
	for _, device := range doomed {
		p.removeDevice(f, device, "its machine is no more")
	}
	if p.Has(DestroyVM) && f.Cluster.Tailnet != nil && f.TailnetUnknown == "" {
		p.clearDevices(f, PhaseClean, p.ids(RevokeKey, DestroyVM, RemoveDevice), func(devices []inventory.Device) ([]inventory.Device, error) {
			f.Devices = devices
			return (&Plan{}).doomedDevices(f), nil
		})
	}
	if len(p.Steps) == 0 {
		p.Notes = append(p.Notes, fmt.Sprintf("nothing is there of cluster %s: there is nothing to destroy", f.Cluster.Metadata.Name))
	}
	return p
}

// AfterDestroy is what will be there once the plan is done, so that a rebirth can
// be shown before it happens.
func AfterDestroy(f Facts) Facts {
	gone := f.ours()
	doomed := (&Plan{}).doomedDevices(f)
	f.VMs = slices.DeleteFunc(slices.Clone(f.VMs), func(vm inventory.VM) bool {
		return slices.ContainsFunc(gone, func(g inventory.VM) bool { return g.ID == vm.ID })
	})
	f.Devices = slices.DeleteFunc(slices.Clone(f.Devices), func(d inventory.Device) bool {
		return slices.ContainsFunc(doomed, func(g inventory.Device) bool { return g.ID == d.ID })
	})
	f.Machines = slices.DeleteFunc(slices.Clone(f.Machines), func(m inventory.Machine) bool {
		return slices.ContainsFunc(gone, func(g inventory.VM) bool {
			marker, _ := g.BelongsTo(f.Cluster.Metadata.Name)
			return marker.Node == m.Node
		})
	})
	f.LeftoverKeys = nil
	return f
}

// noteForeign says which numbers of cluster.yaml are somebody else's, and which
// machines only look like the cluster's.
func (p *Plan) noteForeign(f Facts) {
	p.noteCopies(f)
	for _, node := range f.Cluster.Nodes {
		vm := f.vmByID(node.VMID)
		if vm == nil {
			continue
		}
		_, own := vm.BelongsTo(f.Cluster.Metadata.Name)
		if _, copied := vm.CopyOf(f.Cluster.Metadata.Name); !own && !copied {
			p.Notes = append(p.Notes, fmt.Sprintf("VM %d (%s) is not this cluster's, though cluster.yaml gives %s that number: it is left alone", vm.ID, vm.Name, node.Name))
		}
	}
}

// noteCopies names what Proxmox has made of the cluster's machines: a clone carries
// tag and marker of its original.
func (p *Plan) noteCopies(f Facts) {
	for _, vm := range f.VMs {
		if original, copied := vm.CopyOf(f.Cluster.Metadata.Name); copied {
			p.Notes = append(p.Notes, fmt.Sprintf("VM %d (%s) is a copy of VM %d: it is left alone. Take the tag %s off it, and it is no longer mentioned", vm.ID, vm.Name, original, inventory.Tag(f.Cluster.Metadata.Name)))
		}
	}
}

func (p *Plan) destroyVM(f Facts, vm inventory.VM, node, reason string, asks bool) {
	p.add(Step{
		ID: fmt.Sprintf("destroy VM %d", vm.ID), Kind: DestroyVM, Phase: PhaseDestroy, Node: node, VM: &vm,
		Title: fmt.Sprintf("stop and delete VM %d on host %s, with its disks", vm.ID, vm.Host), Reason: reason,
		Deadline: f.Cluster.Timeouts.Destroy.Duration, Asks: asks,
	})
}

func (p *Plan) removeDevice(f Facts, device inventory.Device, reason string) {
	p.add(Step{
		ID: "remove device " + device.ID, Kind: RemoveDevice, Phase: PhaseClean, Node: nodeOf(f, device), Device: &device,
		Title: fmt.Sprintf("remove device %s (%s) from the tailnet", device.Hostname, device.ID), Reason: reason,
		Needs: p.ids(DestroyVM), Deadline: f.Cluster.Timeouts.Preflight.Duration,
	})
}

// nodeOf is the node that a device has the name of; empty for none.
func nodeOf(f Facts, device inventory.Device) string {
	for _, name := range f.names() {
		if slices.ContainsFunc(f.devicesOf(name), func(d inventory.Device) bool { return d.ID == device.ID }) {
			return name
		}
	}
	return ""
}
