package proxmox

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
	"github.com/tazzo/rebirth/internal/bootstrap/spec"
)

// systemDisk is the one that the image is imported to.
const systemDisk = "scsi0"

// diskOptions give space back that the guest frees, and each disk a thread of its own.
const diskOptions = ",discard=on,iothread=1"

// Machine is a machine to be made.
type Machine struct {
	// Node of cluster.yaml, with all its defaults.
	Node spec.Node
	// Marker that it carries from its first moment.
	Marker inventory.Marker
	// Image that the first disk is imported from; it lies on Node.Host.
	Image inventory.Image
}

// shell is all of the machine but its system disk.
func (m Machine) shell() url.Values {
	n := m.Node
	params := url.Values{
		"vmid":        {strconv.Itoa(n.VMID)},
		"name":        {n.Name},
		"tags":        {inventory.Tag(m.Marker.Cluster)},
		"description": {m.description()},
		"ostype":      {"l26"},
		"machine":     {"q35"},
		"cpu":         {"x86-64-v2-AES"}, // what Talos needs, and the same on every host
		"cores":       {strconv.Itoa(n.Cores)},
		"memory":      {strconv.FormatInt(n.Memory.Value()>>20, 10)},
		"scsihw":      {"virtio-scsi-single"},
		"net0":        {m.net()},
		"agent":       {"1"}, // the image's guest agent waits for its device
		"serial0":     {"socket"},
		"onboot":      {"1"},
		"ide2":        {m.systemStorage() + ":cloudinit"},
		"ipconfig0":   {m.ipconfig()},
		"nameserver":  {m.nameservers()},
	}
	for i, disk := range n.Disks[1:] {
		params.Set(fmt.Sprintf("scsi%d", i+1), fmt.Sprintf("%s:%s%s", disk.Storage, gibibytes(disk.Size.Value()), diskOptions))
	}
	return params
}

// importDisk is the system disk, as a copy of the image, and what is booted from it.
func (m Machine) importDisk() url.Values {
	return url.Values{
		systemDisk: {fmt.Sprintf("%s:0,import-from=%s%s", m.systemStorage(), volume(m.Image), diskOptions)},
		"boot":     {"order=" + systemDisk},
	}
}

// grow is the system disk's full size: an imported one has the image's.
func (m Machine) grow() url.Values {
	return url.Values{
		"disk": {systemDisk},
		"size": {strconv.FormatInt(m.Node.Disks[0].Size.Value(), 10)},
	}
}

func (m Machine) systemStorage() string { return m.Node.Disks[0].Storage }

func (m Machine) description() string {
	return fmt.Sprintf("Talos node %s of cluster %s. Rebirth's bootstrap made it, and destroys it again as long as it has the next line and the tag %s.\n%s",
		m.Node.Name, m.Marker.Cluster, inventory.Tag(m.Marker.Cluster), m.Marker)
}

func (m Machine) net() string {
	net := fmt.Sprintf("virtio=%s,bridge=%s", strings.ToUpper(m.Node.MAC), m.Node.Bridge)
	if m.Node.VLAN != 0 {
		net += fmt.Sprintf(",tag=%d", m.Node.VLAN)
	}
	return net
}

// ipconfig is the address with which Talos asks for its configuration.
func (m Machine) ipconfig() string {
	address, gateway := "ip", "gw"
	if m.Node.Address.Addr().Is6() {
		address, gateway = "ip6", "gw6"
	}
	config := address + "=" + m.Node.Address.String()
	if m.Node.Gateway.IsValid() {
		config += "," + gateway + "=" + m.Node.Gateway.String()
	}
	return config
}

// talosNameservers are those that Talos asks by default.
const talosNameservers = "1.1.1.1 8.8.8.8"

// nameservers are always said: where they aren't, Proxmox hands on those of the
// host's resolv.conf, which a node may not be able to reach. The host's search domain
// goes along in any case; Talos reads none from a cloud-init drive.
func (m Machine) nameservers() string {
	if len(m.Node.Nameservers) == 0 {
		return talosNameservers
	}
	var servers []string
	for _, server := range m.Node.Nameservers {
		servers = append(servers, server.String())
	}
	return strings.Join(servers, " ")
}

// gibibytes is the unit in which disks are allocated; it may be broken.
func gibibytes(bytes int64) string {
	return strconv.FormatFloat(float64(bytes)/(1<<30), 'f', -1, 64)
}

// volume is the image's name for Proxmox.
func volume(image inventory.Image) string { return image.Storage + ":import/" + image.File }
