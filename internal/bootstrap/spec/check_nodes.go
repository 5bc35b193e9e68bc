package spec

import (
	"net/netip"
	"strconv"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Talos' minimums (its documentation, System Requirements).
var (
	minimumMemory = map[Role]resource.Quantity{
		ControlPlane: resource.MustParse("2Gi"),
		Worker:       resource.MustParse("1Gi"),
	}
	minimumDisk = resource.MustParse("10Gi")
)

// checkMachines finds nodes that lack what a machine needs, or have too little of it.
func checkMachines(d *document, c *Cluster) {
	for _, name := range []string{"host", "cores", "memory", "disks", "bridge", "gateway"} {
		checkGiven(d, c, name)
	}
	for i, node := range c.Nodes {
		if least, known := minimumMemory[node.Role]; known && !node.Memory.IsZero() && node.Memory.Cmp(least) < 0 {
			d.fail(d.field(i, "memory"), "is %s: Talos needs %s on a %s", node.Memory.String(), least.String(), node.Role)
		}
		if len(node.Disks) == 0 {
			continue
		}
		if size := node.Disks[0].Size; !size.IsZero() && size.Cmp(minimumDisk) < 0 {
			d.fail(d.field(i, "disks").at(0, "size"), "is %s: Talos needs %s", size.String(), minimumDisk.String())
		}
	}
}

// checkGiven reports a field that nodes lack: once, if no node has it.
func checkGiven(d *document, c *Cluster, name string) {
	if d.has(path{"nodeDefaults", name}) || d.isFaulty(path{"nodeDefaults"}) {
		return
	}
	var lacking []int
	for i := range c.Nodes {
		if !d.has(path{"nodes", i, name}) && !d.isFaulty(path{"nodes", i}) {
			lacking = append(lacking, i)
		}
	}
	if len(lacking) == len(c.Nodes) && len(lacking) > 1 {
		d.fail(path{"nodeDefaults", name}, "is required, as no node has its own%s", described(path{"nodeDefaults", name}))
		return
	}
	for _, i := range lacking {
		d.fail(path{"nodes", i, name}, "is required, here or in nodeDefaults%s", described(path{"nodes", i, name}))
	}
}

// checkUniqueness finds what two nodes can't both have.
func checkUniqueness(d *document, c *Cluster) {
	var names, vmids, macs, addresses []identity
	for i, node := range c.Nodes {
		at := path{"nodes", i}
		names = append(names, identity{at.at("name"), node.Name})
		macs = append(macs, identity{at.at("mac"), node.MAC})
		if node.VMID != 0 {
			vmids = append(vmids, identity{at.at("vmid"), strconv.Itoa(node.VMID)})
		}
		if node.Address.IsValid() {
			addresses = append(addresses, identity{at.at("address"), node.Address.Addr().String()})
		}
	}
	d.unique("the name", names)
	d.unique("the VM", vmids)
	d.unique("the MAC address", macs)
	d.unique("the address", addresses)
	for _, name := range names {
		if name.value != "" && !d.has(name.at) && formats["dns-label"](name.value) != nil {
			d.fail(path{"tailnet", "hostnamePattern"}, "makes the name %s, which is no DNS label of at most 63 characters", name.value)
			return
		}
	}
}

// checkAddresses finds addresses that a machine can't have in its network.
func checkAddresses(d *document, c *Cluster) {
	for i, node := range c.Nodes {
		at := path{"nodes", i, "address"}
		prefix := node.Address
		if !prefix.IsValid() {
			continue
		}
		network := prefix.Masked().Addr()
		switch {
		case prefix.Bits() == 0:
			d.fail(at, "has the prefix length 0, which is the whole Internet: write that of the node's network, such as /24")
		case prefix.Bits() >= 31:
		case prefix.Addr() == network:
			d.fail(at, "is the address of the network itself: take another one in %s", prefix.Masked())
		case prefix.Addr() == broadcast(prefix):
			d.fail(at, "is the broadcast address of %s: take another one", prefix.Masked())
		}
	}
}

// broadcast is the last address of an IPv4 network.
func broadcast(prefix netip.Prefix) netip.Addr {
	bytes := prefix.Masked().Addr().As4()
	for bit := prefix.Bits(); bit < 32; bit++ {
		bytes[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(bytes)
}

// checkGateways finds gateways that a node can't reach. Where the gateway of all is
// in the network of none, that is the mistake, and not every node's address.
func checkGateways(d *document, c *Cluster) {
	shared := path{"nodeDefaults", "gateway"}
	var outside []int
	inherited := 0
	for i, node := range c.Nodes {
		at := d.field(i, "gateway")
		if !node.Address.IsValid() || !node.Gateway.IsValid() || !d.has(at) {
			continue
		}
		own := d.has(path{"nodes", i, "gateway"})
		if !own {
			inherited++
		}
		within := node.Address.Contains(node.Gateway)
		switch {
		case within && node.Address.Addr() == node.Gateway:
			d.fail(path{"nodes", i, "address"}, "is its own gateway's, in %s", d.where(at))
		case within:
		case own:
			d.fail(at, "is %s, which is not in the node's network %s", node.Gateway, node.Address.Masked())
		default:
			outside = append(outside, i)
		}
	}
	if len(outside) > 0 && len(outside) == inherited && len(outside) > 1 {
		d.fail(shared, "is %s, which is in the network of no node that has no gateway of its own", c.Nodes[outside[0]].Gateway)
		return
	}
	for _, i := range outside {
		d.fail(path{"nodes", i, "address"}, "is in the network %s, and its gateway %s is not: %s", c.Nodes[i].Address.Masked(), c.Nodes[i].Gateway, d.where(shared))
	}
}
