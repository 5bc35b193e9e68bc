// Package inventory is what is there: machines, images, nodes and devices as their
// systems report them, with no judgement. Reality is the state: there is no file
// that remembers what an earlier run did.
package inventory

import (
	"net/netip"
	"time"
)

// VM is a virtual machine in Proxmox.
type VM struct {
	ID   int
	Host string
	Name string
	// Running is false for one that is stopped, and for one that is being made.
	Running bool
	Tags    []string
	// Description as its owner wrote it; the marker is a line of it.
	Description string
	// UUID is the SMBIOS UUID, in lower case.
	UUID string
	// MAC is that of net0, in upper case with colons.
	MAC string
	// Cores of all sockets.
	Cores     int
	MemoryMiB int
	// Protected machines refuse to be removed, by their owner's wish.
	Protected bool
	Template  bool
	// Lock says what holds the machine now, such as "create" or "backup"; empty is nothing.
	Lock string
}

// Image is a disk image on a storage of one host.
type Image struct {
	Host    string
	Storage string
	// File is the image's name on the storage.
	File string
}

// Stage is how far Talos is on a machine.
type Stage string

// The stages.
const (
	// Unreachable: nobody answers at the node's address.
	Unreachable Stage = "Unreachable"
	// Maintenance: Talos waits for a configuration.
	Maintenance Stage = "Maintenance"
	// Foreign: Talos has a configuration, and refuses our credentials, or we have none.
	Foreign Stage = "Foreign"
	// Booting: Talos has our configuration and isn't running yet.
	Booting Stage = "Booting"
	// Running: Talos runs our configuration.
	Running Stage = "Running"
)

// Machine is Talos at a node's address.
type Machine struct {
	// Node is the name in cluster.yaml.
	Node  string
	Stage Stage
	// UUID of the hardware in lower case and MACs of its links in upper case, where
	// Talos tells them: in maintenance, and to its own credentials.
	UUID string
	MACs []string
	// Version of Talos, such as v1.13.9; empty if it isn't told.
	Version string
	// Bootstrapped is true once etcd has been started on it.
	Bootstrapped bool
	// MachineCertSANs of its active configuration.
	MachineCertSANs []string
	// TailnetAddresses are those on its interface tailscale0.
	TailnetAddresses []netip.Addr
}

// Device is a member of the tailnet.
type Device struct {
	ID string
	// Hostname as the tailnet calls it, with a suffix such as -1 where the name was taken.
	Hostname  string
	Tags      []string
	Addresses []netip.Addr
	Ephemeral bool
	// Authorized devices may talk to others.
	Authorized bool
	// Connected to the control server now.
	Connected bool
	Created   time.Time
	LastSeen  time.Time
}
