package plan

import (
	"fmt"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
	"github.com/tazzo/rebirth/internal/bootstrap/spec"
)

// fate is what becomes of a node's machine.
type fate string

const (
	// keep: a create has finished it; it stays as it is.
	keep fate = "keep"
	// create: there is none.
	create fate = "create"
	// resume: an interrupted create goes on where it stopped.
	resume fate = "resume"
	// replace: an interrupted create left it in a state from which nobody can go on. It
	// may hold a cluster that works for all that: see mayHold.
	replace fate = "replace"
	// refuse: it is not ours to decide.
	refuse fate = "refuse"
)

// destiny is a node's fate, and why.
type destiny struct {
	node   spec.Node
	vm     *inventory.VM
	marker inventory.Marker
	// machine is Talos as it answers there.
	machine inventory.Machine
	fate    fate
	why     string
}

// mayHold says whether the machine's disks may hold something that somebody misses.
// They hold nothing for certain where Talos asks for its configuration, or where no
// create has sent one yet and nobody answers who has one all the same.
func (d destiny) mayHold() bool {
	switch d.machine.Stage {
	case inventory.Maintenance:
		return false
	case inventory.Unreachable:
		return d.marker.Life != inventory.New
	default:
		return true
	}
}

// destinies of all nodes, in the order of cluster.yaml.
func destinies(f Facts) []destiny {
	all := make([]destiny, 0, len(f.Cluster.Nodes))
	for _, node := range f.Cluster.Nodes {
		all = append(all, foresee(f, node))
	}
	return startEtcdAnew(all)
}

// foresee decides on one node by itself.
func foresee(f Facts, node spec.Node) destiny {
	d := destiny{node: node, vm: f.vmByID(node.VMID), machine: f.machine(node.Name)}
	if d.vm == nil {
		return foreseeNew(f, d)
	}
	marker, own := d.vm.BelongsTo(f.Cluster.Metadata.Name)
	original, copied := d.vm.CopyOf(f.Cluster.Metadata.Name)
	d.marker = marker
	switch {
	case copied:
		d.fate, d.why = refuse, fmt.Sprintf("is a copy of VM %d, whose tag and marker it carries (%q on host %s): it is somebody's, and not this cluster's. Choose another vmid, or remove that machine yourself",
			original, d.vm.Name, d.vm.Host)
	case !own && d.vm.Lock != "" && d.vm.Description == "":
		d.fate, d.why = refuse, fmt.Sprintf("is held by the lock %q on host %s and carries nothing that says whose it is: a task that made or destroyed it may have died. If no task of it runs there, remove what is left: qm unlock %d && qm destroy %d --purge", d.vm.Lock, d.vm.Host, d.vm.ID, d.vm.ID)
	case !own:
		d.fate, d.why = refuse, fmt.Sprintf("exists (%q on host %s) and is not this cluster's: it lacks the tag %s or the marker in its description. Choose another vmid, or remove that machine yourself",
			d.vm.Name, d.vm.Host, inventory.Tag(f.Cluster.Metadata.Name))
	case marker.Node != node.Name:
		d.fate, d.why = refuse, fmt.Sprintf("is this cluster's node %s, and cluster.yaml calls it %s. Give the node its old name, or destroy the cluster first", marker.Node, node.Name)
	case f.finished(marker):
		d.fate, d.why = keep, "a create has finished it"
	default:
		d.fate, d.why = foreseeUnfinished(f, d)
	}
	return d
}

// foreseeNew decides on a node without a machine.
func foreseeNew(f Facts, d destiny) destiny {
	switch {
	case d.machine.Stage != inventory.Unreachable:
		d.fate, d.why = refuse, fmt.Sprintf("does not exist, but Talos (%s) answers at the node's address %s: another machine has it. Free the address first", d.machine.Stage, d.node.Address.Addr())
	case !f.HaveSecrets && f.anyFinished():
		d.fate, d.why = refuse, "is new in a running cluster, whose secrets were in the memory of the create that made it. Give them as talos.secrets, or let the cluster be reborn (bootstrap rebirth)"
	default:
		d.fate, d.why = create, "there is no such machine"
	}
	return d
}

// foreseeUnfinished decides on a machine that no create has come to its end with:
// it was interrupted, or a step of it failed.
func foreseeUnfinished(f Facts, d destiny) (fate, string) {
	m := d.machine
	switch {
	case m.Stage == inventory.Maintenance:
		return resume, "an interrupted create left it waiting for its configuration"
	case m.Stage == inventory.Unreachable && d.marker.Life == inventory.New:
		return replace, "an interrupted create left it before Talos came up"
	case m.Stage == inventory.Unreachable && d.vm.Running:
		return replace, "an interrupted create left it configured, and Talos does not answer there"
	case m.Stage == inventory.Unreachable:
		return replace, "an interrupted create left it configured, and it is stopped"
	case m.Stage == inventory.Foreign && f.HaveSecrets:
		return replace, "an interrupted create left it with other secrets than talos.secrets"
	case m.Stage == inventory.Foreign:
		return replace, "an interrupted create left it configured, and took its secrets with it"
	default:
		return resume, "an interrupted create left it configured, and talos.secrets opens it"
	}
}

func (f Facts) anyFinished() bool {
	for _, vm := range f.ours() {
		if marker, _ := vm.BelongsTo(f.Cluster.Metadata.Name); f.finished(marker) {
			return true
		}
	}
	return false
}

// InDoubt are the nodes whose machines would be replaced because they don't answer,
// though talos.secrets would open them: they run, and were sent a configuration. One
// that only starts, or whose network hiccups, answers a moment later.
func (f Facts) InDoubt() []string {
	var nodes []string
	for _, node := range f.Cluster.Nodes {
		d := foresee(f, node)
		if f.HaveSecrets && d.fate == replace && d.vm.Running && d.machine.Stage == inventory.Unreachable && d.mayHold() {
			nodes = append(nodes, node.Name)
		}
	}
	return nodes
}

// startEtcdAnew replaces every machine of an unfinished cluster if a control plane
// that is already a member of etcd would come back empty under the same name: the
// others would wait for it for ever. Somebody is asked before, for etcd runs.
func startEtcdAnew(all []destiny) []destiny {
	bootstrapped, emptied := false, ""
	for _, d := range all {
		if d.node.Role != spec.ControlPlane {
			continue
		}
		if d.fate == keep || d.fate == refuse {
			return all
		}
		bootstrapped = bootstrapped || d.machine.Bootstrapped || d.machine.Stage == inventory.Booting // whose etcd may start yet
		if d.fate == replace {
			emptied = d.node.Name
		}
	}
	if !bootstrapped || emptied == "" {
		return all
	}
	for i := range all {
		if all[i].fate == resume {
			all[i].fate, all[i].why = replace, fmt.Sprintf("etcd starts anew, for its member %s was lost in an interrupted create", emptied)
		}
	}
	return all
}
