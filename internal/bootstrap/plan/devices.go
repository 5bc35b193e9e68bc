package plan

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
	"github.com/tazzo/rebirth/internal/bootstrap/spec"
)

// hasName says whether the tailnet gave the device the node's name, or the name
// with a number behind it because it was taken.
func hasName(device inventory.Device, node string) bool {
	suffix, found := strings.CutPrefix(device.Hostname, node)
	if !found || suffix == "" {
		return found
	}
	digits, found := strings.CutPrefix(suffix, "-")
	return found && digits != "" && strings.Trim(digits, "0123456789") == ""
}

// hasTags says whether the device carries just the cluster's tags.
func (f Facts) hasTags(device inventory.Device) bool {
	if f.Cluster.Tailnet == nil {
		return false
	}
	return slices.Equal(slices.Sorted(slices.Values(device.Tags)), slices.Sorted(slices.Values(f.Cluster.Tailnet.Tags)))
}

// devicesOf are the devices that have the name of the node, unless that is the name
// of another node: worker-1 is no second "worker".
func (f Facts) devicesOf(node string) []inventory.Device {
	var found []inventory.Device
	for _, device := range f.Devices {
		another := slices.ContainsFunc(f.Cluster.Nodes, func(n spec.Node) bool { return n.Name == device.Hostname && n.Name != node })
		if hasName(device, node) && !another {
			found = append(found, device)
		}
	}
	return found
}

// contenders are the devices that have the node's very name, and of those with a
// number behind it the ones that a former life must have left: not connected, with the
// cluster's tags. Any other numbered one may be another cluster's node, and is not in
// the way: the name is free.
func (f Facts) contenders(node string) []inventory.Device {
	return slices.DeleteFunc(f.devicesOf(node), func(device inventory.Device) bool {
		return device.Hostname != node && (device.Connected || !f.hasTags(device))
	})
}

// joined is the device that the running machine itself says it is.
func (f Facts) joined(m inventory.Machine) (inventory.Device, bool) {
	for _, device := range f.Devices {
		for _, address := range device.Addresses {
			if slices.Contains(m.TailnetAddresses, address) {
				return device, true
			}
		}
	}
	return inventory.Device{}, false
}

// judgeDevices returns the devices of former lives, by node, and refuses where a
// name is in somebody's use: the tailnet would give our node another one.
func (p *Plan) judgeDevices(f Facts, all []destiny) map[string][]inventory.Device {
	stale := map[string][]inventory.Device{}
	if f.Cluster.Tailnet == nil {
		return stale
	}
	for _, d := range all {
		own, joined := f.joined(d.machine)
		if d.fate == keep {
			if len(f.devicesOf(d.node.Name)) == 0 {
				p.Notes = append(p.Notes, fmt.Sprintf("node %s is not in the tailnet: bootstrap rejoin %s brings it back", d.node.Name, d.node.Name))
			}
			continue
		}
		for _, device := range f.contenders(d.node.Name) {
			switch {
			case joined && device.ID == own.ID && d.fate == resume:
			case !f.hasTags(device):
				p.refuse(describe(device), fmt.Sprintf("has the name of node %s and the tags [%s]: it is not this cluster's. Rename or remove it, or give the node another name", d.node.Name, strings.Join(device.Tags, ", ")))
			case device.Connected && d.fate != replace:
				p.refuse(describe(device), fmt.Sprintf("has the name of node %s and is connected, from a machine that bootstrap did not make. Switch that machine off, or give the node another name", d.node.Name))
			default:
				stale[d.node.Name] = append(stale[d.node.Name], device)
			}
		}
	}
	return stale
}

func describe(device inventory.Device) string {
	return fmt.Sprintf("device %s (%s) of the tailnet", device.Hostname, device.ID)
}

// join plans the nodes' way into the tailnet: one key for all, minted when Talos
// stands on every node, and revoked when the last has joined.
func (p *Plan) join(f Facts, all []destiny, stale map[string][]inventory.Device) {
	if f.Cluster.Tailnet == nil || len(unfinished(all)) == 0 {
		return
	}
	for _, d := range all {
		for _, device := range stale[d.node.Name] {
			p.removeDevice(f, device, "a former life of node "+d.node.Name+" has left it, and its name with it")
		}
	}
	var outside []destiny
	for _, d := range unfinished(all) {
		if _, joined := f.joined(d.machine); joined && d.fate == resume {
			p.dropKey(f, d)
		} else {
			outside = append(outside, d)
		}
	}
	if len(outside) == 0 {
		return
	}
	p.clearNames(f, outside)
	p.add(Step{
		ID: "mint key", Kind: MintKey, Phase: PhaseJoin,
		Title: "mint an auth key for all nodes, for 15 minutes", Reason: "nodes join the tailnet with it",
		Needs: p.ids(RevokeKey, RemoveDevice, ClearDevices, AwaitHealth), Deadline: f.Cluster.Timeouts.Preflight.Duration,
	})
	for _, d := range outside {
		p.joinNode(f, d.node.Name, "it is not in the tailnet yet")
	}
	p.revokeKey(f)
}

// clearNames looks at the devices once more, before new machines join: a node to
// which an interrupted create had lent a key may have joined with it after this plan
// was made, and before its machine was destroyed.
func (p *Plan) clearNames(f Facts, outside []destiny) {
	made := slices.DeleteFunc(slices.Clone(outside), func(d destiny) bool { return d.fate != create && d.fate != replace })
	if len(made) == 0 {
		return
	}
	p.clearDevices(f, PhaseJoin, p.ids(RevokeKey, DestroyVM, RemoveDevice, AwaitHealth), func(devices []inventory.Device) ([]inventory.Device, error) {
		f.Devices = devices
		var again Plan
		byNode := again.judgeDevices(f, made)
		var stale []inventory.Device
		for _, d := range made {
			stale = append(stale, byNode[d.node.Name]...)
		}
		var taken []error
		for _, refusal := range again.Refusals {
			taken = append(taken, errors.New(refusal.String()))
		}
		return stale, errors.Join(taken...)
	})
}

func (p *Plan) clearDevices(f Facts, phase Phase, needs []string, stale func([]inventory.Device) ([]inventory.Device, error)) {
	p.add(Step{
		ID: "clear devices", Kind: ClearDevices, Phase: phase,
		Title: "look once more for devices that have the nodes' names", Reason: "a machine may have joined until it was destroyed",
		Needs: needs, Deadline: f.Cluster.Timeouts.Preflight.Duration, Stale: stale,
	})
}

func (p *Plan) joinNode(f Facts, node, reason string) {
	p.add(Step{
		ID: "join " + node, Kind: Join, Phase: PhaseJoin, Node: node,
		Title: "lend the key to its memory, see it join, take the key back", Reason: reason,
		Needs: []string{"mint key"}, Deadline: f.Cluster.Timeouts.Join.Duration,
	})
}

// revokeKey revokes this run's key. The run does so on every way out; here it is
// shown, and waited for.
func (p *Plan) revokeKey(f Facts) {
	p.add(Step{
		ID: "revoke key", Kind: RevokeKey, Phase: PhaseJoin,
		Title: "revoke the auth key", Reason: "every node has joined",
		Needs: p.ids(Join), Deadline: f.Cluster.Timeouts.Preflight.Duration,
	})
}

// dropKey makes sure that a node which has joined keeps no key in its memory.
func (p *Plan) dropKey(f Facts, d destiny) {
	p.add(Step{
		ID: "take key from " + d.node.Name, Kind: DropKey, Phase: PhaseJoin, Node: d.node.Name,
		Title: "take the auth key out of its memory", Reason: "it has joined already, and an interrupted create may have left the key there",
		Needs: []string{"await health of " + d.node.Name}, Deadline: f.Cluster.Timeouts.Join.Duration,
	})
}

// doomedDevices are the devices that go with the cluster: they have its tags and the
// name of a node, and either no connection or a machine that goes as well. One that is
// connected under a number goes by itself, for nothing says whose it is.
func (p *Plan) doomedDevices(f Facts) []inventory.Device {
	var doomed []inventory.Device
	if f.Cluster.Tailnet == nil {
		return nil
	}
	own := map[string]bool{}
	for _, vm := range f.ours() {
		marker, _ := vm.BelongsTo(f.Cluster.Metadata.Name)
		own[marker.Node] = true
	}
	for _, node := range f.names() {
		for _, device := range f.devicesOf(node) {
			numbered := device.Hostname != node
			switch {
			case !f.hasTags(device) && numbered: // another's, with a name of its own
			case !f.hasTags(device):
				p.Notes = append(p.Notes, fmt.Sprintf("%s has the name of node %s and not its tags: it is left alone", describe(device), node))
			case device.Connected && numbered:
				p.Notes = append(p.Notes, fmt.Sprintf("%s is connected, and may be another cluster's: it is left alone. If it was node %s, it vanishes by itself", describe(device), node))
			case device.Connected && !own[node]:
				p.Notes = append(p.Notes, fmt.Sprintf("%s is connected, from a machine that is not this cluster's: it is left alone", describe(device)))
			default:
				doomed = append(doomed, device)
			}
		}
	}
	return doomed
}

// names of the cluster's nodes, by cluster.yaml and by the machines' markers.
func (f Facts) names() []string {
	names := map[string]bool{}
	for _, node := range f.Cluster.Nodes {
		names[node.Name] = true
	}
	for _, vm := range f.ours() {
		marker, _ := vm.BelongsTo(f.Cluster.Metadata.Name)
		names[marker.Node] = true
	}
	return slices.Sorted(maps.Keys(names))
}
