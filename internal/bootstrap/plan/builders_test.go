package plan_test

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"strings"
	"time"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
	"github.com/tazzo/rebirth/internal/bootstrap/plan"
	"github.com/tazzo/rebirth/internal/bootstrap/spec"
)

const (
	clusterName = "home"
	imageFile   = "talos.qcow2"
	thisRun     = "run2"
	formerRun   = "run1"
)

// empty is a cluster of one control plane and two workers of which nothing exists.
func empty() plan.Facts {
	cluster := &spec.Cluster{
		Metadata: spec.Metadata{Name: clusterName},
		Image:    spec.Image{TalosVersion: "v1.13.9", Storage: "local"},
		Tailnet:  &spec.Tailnet{Tags: []string{"tag:talos"}},
	}
	for i, role := range []spec.Role{spec.ControlPlane, spec.Worker, spec.Worker} {
		node := spec.Node{
			Name: fmt.Sprintf("%s-%d", role, i+1), Role: role, VMID: 9001 + i,
			MAC:     fmt.Sprintf("BC:24:11:00:00:%02X", i+1),
			Address: netip.MustParsePrefix(fmt.Sprintf("192.168.1.%d/24", 71+i)),
		}
		node.Host = "pve"
		cluster.Nodes = append(cluster.Nodes, node)
	}
	cluster.Timeouts.Machine.Duration = time.Minute
	return plan.Facts{Cluster: cluster, ImageFile: imageFile, Run: thisRun}
}

// complete is the same cluster after a create came to its end.
func complete() plan.Facts {
	f := empty()
	f.Images = []inventory.Image{{Host: "pve", Storage: "local", File: imageFile}}
	for _, node := range f.Cluster.Nodes {
		f.VMs = append(f.VMs, ownVM(node, inventory.Complete))
		f.Machines = append(f.Machines, inventory.Machine{Node: node.Name, Stage: inventory.Foreign})
		f.Devices = append(f.Devices, device(node.Name))
	}
	return f
}

// interrupted is the same cluster after a create died with its machines at stage, of
// the life that they have then.
func interrupted(stage inventory.Stage) plan.Facts {
	if stage == inventory.Maintenance {
		return left(stage, inventory.New)
	}
	return left(stage, inventory.Unfinished)
}

// left is what a create left that died, with its machines at stage.
func left(stage inventory.Stage, life inventory.Life) plan.Facts {
	f := complete()
	f.Devices = nil
	for i, node := range f.Cluster.Nodes {
		f.VMs[i] = ownVM(node, life)
		f.Machines[i].Stage = stage
	}
	return f
}

func ownVM(node spec.Node, life inventory.Life) inventory.VM {
	return inventory.VM{
		ID: node.VMID, Host: node.Host, Name: node.Name, Running: true, MAC: node.MAC,
		Tags:        []string{"rebirth-" + clusterName},
		Description: inventory.Marker{Cluster: clusterName, Node: node.Name, VM: node.VMID, Run: formerRun, Life: life}.String(),
	}
}

// copyOf is a clone of a machine, as Proxmox makes it.
func copyOf(vm inventory.VM, id int) inventory.VM {
	vm.ID, vm.Name, vm.Running = id, "Copy-of-"+vm.Name, false
	return vm
}

func foreignVM(id int) inventory.VM {
	return inventory.VM{ID: id, Host: "pve", Name: "mail", Running: true}
}

// device is a connected member of the tailnet, with the cluster's tags and an
// address that is its name's own.
func device(hostname string) inventory.Device {
	sum := fnv.New32a()
	sum.Write([]byte(hostname))
	bytes := sum.Sum(nil)
	return inventory.Device{ID: "id-" + hostname, Hostname: hostname, Tags: []string{"tag:talos"}, Ephemeral: true, Authorized: true, Connected: true,
		Addresses: []netip.Addr{netip.AddrFrom4([4]byte{100, 64, bytes[2], bytes[3]})}}
}

func offline(d inventory.Device) inventory.Device {
	d.Connected = false
	return d
}

// steps are the plan's, by ID.
func steps(p plan.Plan) []string {
	ids := []string{}
	for _, step := range p.Steps {
		ids = append(ids, step.ID)
	}
	return ids
}

func step(p plan.Plan, id string) plan.Step {
	for _, step := range p.Steps {
		if step.ID == id {
			return step
		}
	}
	panic("the plan has no step " + id + ", only " + strings.Join(steps(p), ", "))
}

func refusals(p plan.Plan) string {
	var lines []string
	for _, refusal := range p.Refusals {
		lines = append(lines, refusal.String())
	}
	return strings.Join(lines, "\n")
}
