package plan

import (
	"fmt"
	"strings"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
)

// NodeStatus compares a node of cluster.yaml with what is there.
type NodeStatus struct {
	Node string `json:"node"`
	Role string `json:"role"`
	VMID int    `json:"vmid"`
	// VM is "running", "stopped", "absent" or "not ours".
	VM   string `json:"vm"`
	Host string `json:"host,omitempty"`
	// Talos is the stage at the node's address, with the version where it is told; it
	// only "answers" if nobody gave the secrets that it opens to.
	Talos string `json:"talos"`
	// Tailnet is the device's state; empty without a tailnet.
	Tailnet string `json:"tailnet,omitempty"`
	// OK is true if create would do nothing with it.
	OK bool `json:"ok"`
	// Verdict says what create would do with it, and why.
	Verdict string `json:"verdict"`
	// Drift is what differs from cluster.yaml, and that no command but rebirth changes.
	Drift []string `json:"drift,omitempty"`
}

// Status compares cluster.yaml with what is there, node by node.
func Status(f Facts) []NodeStatus {
	nodes := make([]NodeStatus, 0, len(f.Cluster.Nodes))
	for _, d := range destinies(f) {
		status := NodeStatus{
			Node: d.node.Name, Role: string(d.node.Role), VMID: d.node.VMID,
			VM: "absent", Talos: f.talosStatus(d.machine), Tailnet: f.tailnetStatus(d),
			Verdict: string(d.fate) + ": " + d.why,
		}
		if d.vm != nil {
			status.VM, status.Host = vmStatus(f, *d.vm), d.vm.Host
			status.Drift = drift(d)
		}
		status.OK = d.fate == keep && d.vm.Running && d.machine.Stage != inventory.Unreachable &&
			status.Tailnet != "missing" && status.Tailnet != "unknown"
		nodes = append(nodes, status)
	}
	return nodes
}

func vmStatus(f Facts, vm inventory.VM) string {
	if _, own := vm.BelongsTo(f.Cluster.Metadata.Name); !own {
		return "not ours"
	}
	if vm.Running {
		return "running"
	}
	return "stopped"
}

func (f Facts) talosStatus(m inventory.Machine) string {
	switch {
	case m.Stage == inventory.Foreign && !f.HaveSecrets:
		return "answers" // and opens to secrets that nobody gave
	case m.Stage == inventory.Foreign:
		return "refuses talos.secrets"
	case m.Version == "":
		return strings.ToLower(string(m.Stage))
	default:
		return strings.ToLower(string(m.Stage)) + " " + m.Version
	}
}

func (f Facts) tailnetStatus(d destiny) string {
	if f.Cluster.Tailnet == nil {
		return ""
	}
	if f.TailnetUnknown != "" {
		return "unknown"
	}
	devices := f.devicesOf(d.node.Name)
	if len(devices) == 0 {
		return "missing"
	}
	var states []string
	for _, device := range devices {
		state := device.Hostname + " offline"
		if device.Connected {
			state = device.Hostname + " connected"
		}
		states = append(states, state)
	}
	return strings.Join(states, ", ")
}

// drift is what a machine of ours has otherwise than cluster.yaml says.
func drift(d destiny) []string {
	var differences []string
	differ := func(what, have, want string) {
		if have != want {
			differences = append(differences, fmt.Sprintf("%s: %s, and cluster.yaml says %s", what, have, want))
		}
	}
	differ("host", d.vm.Host, d.node.Host)
	differ("MAC", d.vm.MAC, strings.ToUpper(d.node.MAC))
	differ("cores", fmt.Sprint(d.vm.Cores), fmt.Sprint(d.node.Cores))
	differ("memory", fmt.Sprintf("%d MiB", d.vm.MemoryMiB), fmt.Sprintf("%d MiB", d.node.Memory.Value()>>20))
	return differences
}
