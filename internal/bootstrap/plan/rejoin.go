package plan

import (
	"fmt"
	"slices"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
	"github.com/tazzo/rebirth/internal/bootstrap/spec"
)

// Rejoin brings a node back that the tailnet has forgotten: an ephemeral device is
// purged when it was away for long, and its key is no more.
func Rejoin(f Facts, name string) Plan {
	var p Plan
	i := slices.IndexFunc(f.Cluster.Nodes, func(n spec.Node) bool { return n.Name == name })
	if i < 0 {
		p.refuse("node "+name, fmt.Sprintf("is not in cluster.yaml; its nodes are %v", f.names()))
		return p
	}
	if f.Cluster.Tailnet == nil {
		p.refuse("tailnet", "is not in cluster.yaml: nodes of this cluster join none")
		return p
	}
	p.refuseUnknownTailnet(f)
	d := foresee(f, f.Cluster.Nodes[i])
	p.refuseRejoin(f, d)
	if len(p.Refusals) > 0 {
		return p
	}
	if device, joined := f.joined(d.machine); joined && device.Connected {
		p.Notes = append(p.Notes, fmt.Sprintf("node %s is in the tailnet as %s: nothing to do", name, device.Hostname))
		return p
	}
	p.revokeLeftovers(f)
	for _, device := range f.contenders(name) {
		p.removeDevice(f, device, "it has the node's name, and the node is not it")
	}
	p.add(Step{
		ID: "mint key", Kind: MintKey, Phase: PhaseJoin,
		Title: "mint an auth key, for 15 minutes", Reason: "the tailnet has forgotten the node",
		Needs: p.ids(RevokeKey, RemoveDevice), Deadline: f.Cluster.Timeouts.Preflight.Duration,
	})
	p.joinNode(f, name, "the tailnet has forgotten it")
	p.revokeKey(f)
	return p
}

func (p *Plan) refuseRejoin(f Facts, d destiny) {
	object := "node " + d.node.Name
	switch {
	case d.fate == refuse:
		p.refuse(fmt.Sprintf("VM %d (%s)", d.node.VMID, d.node.Name), d.why)
	case d.fate != keep:
		p.refuse(object, "is not finished: bootstrap create brings it to its end")
	case d.machine.Stage == inventory.Foreign && !f.HaveSecrets:
		p.refuse(object, "opens to the cluster's secrets alone, and they were in the memory of the create that made it. Give them as talos.secrets, or let the cluster be reborn (bootstrap rebirth)")
	case d.machine.Stage == inventory.Foreign:
		p.refuse(object, "refuses talos.secrets: they are another cluster's, or of another life of this one")
	case d.machine.Stage != inventory.Running && d.machine.Stage != inventory.Booting:
		p.refuse(object, fmt.Sprintf("does not answer at %s (%s)", d.node.Address.Addr(), d.machine.Stage))
	}
	if len(p.Refusals) > 0 {
		// A node that doesn't open can't say which device is its own.
		return
	}
	for _, device := range f.contenders(d.node.Name) {
		if own, joined := f.joined(d.machine); joined && own.ID == device.ID {
			continue
		}
		if !f.hasTags(device) || device.Connected {
			p.refuse(describe(device), fmt.Sprintf("has the name of node %s and is connected or carries other tags: it is another machine's. Rename or remove it first", d.node.Name))
		}
	}
}
