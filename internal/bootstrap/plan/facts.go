// Package plan decides what bootstrap does: from cluster.yaml and what is there to
// steps, each with its reason. It reads nothing and changes nothing.
//
// The hazard: a wrong step destroys a machine that somebody needs. So only machines
// that carry both the cluster's tag and their own marker are ever touched, only those
// that no create has finished are replaced by a create, and not without a question
// unless they hold nothing for certain. Whatever is in doubt becomes a refusal that
// names the thing and the way out.
package plan

import (
	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
	"github.com/tazzo/rebirth/internal/bootstrap/spec"
)

// Facts is all that a plan rests on.
type Facts struct {
	Cluster *spec.Cluster
	// VMs: those with a number of cluster.yaml, and those with the cluster's tag,
	// whoever made them.
	VMs []inventory.VM
	// Images that are there, of those that the cluster boots from.
	Images []inventory.Image
	// ImageFile is the name under which the image is stored.
	ImageFile string
	// Machines is Talos at the nodes' addresses, one for each node.
	Machines []inventory.Machine
	// Devices of the tailnet, all of them.
	Devices []inventory.Device
	// TailnetUnknown says why the tailnet could not be asked; empty if it was. Devices
	// and LeftoverKeys are empty then.
	TailnetUnknown string
	// LeftoverKeys are the auth keys that a dead run has left behind, by id.
	LeftoverKeys []string
	// HaveSecrets is true if the cluster's secrets come from a source, so that they
	// outlive a run.
	HaveSecrets bool
	// Run names this run, for the markers of machines that it makes.
	Run string
}

func (f Facts) vmByID(id int) *inventory.VM {
	for i := range f.VMs {
		if f.VMs[i].ID == id {
			return &f.VMs[i]
		}
	}
	return nil
}

// ours are the VMs that carry both tag and marker, whether or not cluster.yaml
// still names them.
func (f Facts) ours() []inventory.VM {
	var ours []inventory.VM
	for _, vm := range f.VMs {
		if _, own := vm.BelongsTo(f.Cluster.Metadata.Name); own {
			ours = append(ours, vm)
		}
	}
	return ours
}

// finished says whether a create came to its end with the machine. Marks are made
// one after another as the last thing of a run: where one of them stands, all of
// that run were finished, even if the run died between two marks.
func (f Facts) finished(m inventory.Marker) bool {
	if m.Life == inventory.Complete {
		return true
	}
	for _, vm := range f.ours() {
		other, _ := vm.BelongsTo(f.Cluster.Metadata.Name)
		if other.Run == m.Run && other.Life == inventory.Complete {
			return true
		}
	}
	return false
}

func (f Facts) machine(node string) inventory.Machine {
	for _, m := range f.Machines {
		if m.Node == node {
			return m
		}
	}
	return inventory.Machine{Node: node, Stage: inventory.Unreachable}
}

func (f Facts) hasImage(image inventory.Image) bool {
	for _, have := range f.Images {
		if have == image {
			return true
		}
	}
	return false
}
