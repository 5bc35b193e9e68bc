// Package dayzero is a data centre on loopback for cmd/bootstrap: Proxmox' API and
// Talos on its machines are fakes (test/proxmox, test/talos), for neither runs here.
// Real are bootstrap itself, which is run as the program that users run, Headscale,
// and the Tailscale on each node. Each node listens on an address of its own in
// 127.0.0.0/8, where bootstrap finds it as it would find a machine.
package dayzero

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/tazzo/rebirth/test/headscale"
	"github.com/tazzo/rebirth/test/proxmox"
	"github.com/tazzo/rebirth/test/tailscaleapi"
	"github.com/tazzo/rebirth/test/talos"
)

// Options of a World.
type Options struct {
	// Dir keeps everything that the world writes.
	Dir string
	// Cluster's name; lab by default.
	Cluster string
	// Subnet is the second number of the nodes' addresses, 127.SUBNET.0.0/24; one that
	// no other world has by default.
	Subnet byte
	// ControlPlanes and Workers of the cluster; 1 and 1 by default.
	ControlPlanes, Workers int
	// Hosts of Proxmox, to which the nodes are dealt out in turn; pve1 by default.
	Hosts []string
	// WithoutTailnet leaves Headscale out.
	WithoutTailnet bool
	// Tailscale is a fake of Tailscale's service in place of Headscale, with one OAuth
	// client. No node can join it: it is for what comes before.
	Tailscale *tailscaleapi.Server
	// Kubeconfig that the control planes give out; without it the call fails.
	Kubeconfig func() ([]byte, error)
	// WrongMAC gives the machines other network cards than Proxmox says: they are not
	// the ones that bootstrap made.
	WrongMAC bool
	// Times that Talos takes, and tasks of Proxmox by type.
	Times     talos.Times
	TaskTimes map[string]time.Duration
	// Secrets are further ones that cluster.yaml reads, by the variable of the
	// environment that each is read from.
	Secrets map[string]string
	// Extra is YAML that is added to cluster.yaml at its top level, TalosExtra below
	// talos, indented by two.
	Extra, TalosExtra string
}

// Tag that the nodes carry in the tailnet.
const Tag = "tag:talos"

// World is a data centre. Its parts may be used while it runs.
type World struct {
	Proxmox *proxmox.Server
	// Headscale is nil without a tailnet.
	Headscale *headscale.Server

	options  Options
	network  *network
	factory  *factory
	front    *front // before Headscale
	token    proxmox.Token
	mutex    sync.Mutex
	machines map[int]*talos.Machine
	authKeys []string
	output   lockedBuffer
}

// Start starts a world in which no machine exists.
func Start(ctx context.Context, options Options) (*World, error) {
	w := &World{options: withDefaults(options), machines: map[int]*talos.Machine{}}
	if err := w.start(ctx); err != nil {
		return nil, errors.Join(err, w.Stop())
	}
	return w, nil
}

func withDefaults(o Options) Options {
	if o.Cluster == "" {
		o.Cluster = "lab"
	}
	if o.ControlPlanes == 0 {
		o.ControlPlanes, o.Workers = 1, max(o.Workers, 1)
	}
	if o.Hosts == nil {
		o.Hosts = []string{"pve1"}
	}
	return o
}

func (w *World) start(ctx context.Context) (err error) {
	if w.network, err = takeNetwork(w.options.Subnet); err != nil {
		return err
	}
	w.options.Subnet = w.network.subnet
	if w.factory, err = startFactory(); err != nil {
		return err
	}
	if !w.options.WithoutTailnet && w.options.Tailscale == nil {
		if w.Headscale, err = headscale.Start(ctx, filepath.Join(w.options.Dir, "headscale"), Tag); err != nil {
			return err
		}
		if w.front, err = startFront(w.Headscale.Endpoint); err != nil {
			return err
		}
	}
	w.token = proxmox.Token{ID: "rebirth@pve!lab", Secret: newUUID(), Privileges: proxmox.LeastPrivileges("local", "local-lvm")}
	w.Proxmox, err = proxmox.Start(proxmox.Options{
		Hosts:     w.options.Hosts,
		Tokens:    []proxmox.Token{w.token},
		Downloads: map[string]proxmox.Download{w.imageURL(): {Size: 1 << 30, SHA256: imageSHA256}},
		TaskTimes: w.options.TaskTimes, LateTasks: true,
		OnStart: w.powerOn, OnStop: w.powerOff, OnDestroy: w.scrap,
	})
	return err
}

// Stop ends everything. What was written stays in Dir.
func (w *World) Stop() error {
	var errs []error
	if w.Proxmox != nil {
		errs = append(errs, w.Proxmox.Stop())
	}
	for _, machine := range w.Machines() {
		machine.PowerOff()
	}
	if w.Headscale != nil {
		errs = append(errs, w.Headscale.Stop())
	}
	if w.front != nil {
		errs = append(errs, w.front.stop())
	}
	if w.factory != nil {
		errs = append(errs, w.factory.stop())
	}
	if w.network != nil {
		errs = append(errs, w.network.release())
	}
	return errors.Join(errs...)
}

// Machines that are on or off, by their number in Proxmox.
func (w *World) Machines() map[int]*talos.Machine {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	machines := make(map[int]*talos.Machine, len(w.machines))
	for id, machine := range w.machines {
		machines[id] = machine
	}
	return machines
}

// Dir is where everything lies that the world and its programs write.
func (w *World) Dir() string { return w.options.Dir }

// SlowBoot lets machines that are made from now on take so long to boot.
func (w *World) SlowBoot(boot time.Duration) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.options.Times.Boot = boot
}

// DiskDir is the folder that stands for all disks of a machine.
func (w *World) DiskDir(uuid string) string { return filepath.Join(w.options.Dir, "disks", uuid) }

// powerOn boots what is on the machine's disk: Talos, from the image.
func (w *World) powerOn(vm proxmox.VM) error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if machine := w.machines[vm.ID]; machine != nil {
		return machine.PowerOn()
	}
	if w.options.WrongMAC {
		vm.MAC = "BC:24:11:FF:FF:FF"
	}
	options := talos.Options{
		Name: vm.Name, Address: vm.Address.Addr(), Dir: w.DiskDir(vm.UUID), UUID: vm.UUID, MAC: vm.MAC,
		Kubeconfig: w.options.Kubeconfig, ControlPlanes: w.controlPlanes(), Times: w.options.Times,
	}
	if w.Headscale != nil {
		options.Extension = extension{world: w}
	}
	machine, err := talos.Start(options)
	if err != nil {
		return err
	}
	w.machines[vm.ID] = machine
	return nil
}

func (w *World) powerOff(vm proxmox.VM) error {
	if machine := w.Machines()[vm.ID]; machine != nil {
		machine.PowerOff()
	}
	return nil
}

// scrap removes the machine's disks.
func (w *World) scrap(vm proxmox.VM) error {
	w.mutex.Lock()
	delete(w.machines, vm.ID)
	w.mutex.Unlock()
	return os.RemoveAll(w.DiskDir(vm.UUID))
}

func (w *World) controlPlanes() []netip.Addr {
	var addresses []netip.Addr
	for i := range w.options.ControlPlanes {
		addresses = append(addresses, w.Address(i))
	}
	return addresses
}

// Address of the node with that index in cluster.yaml.
func (w *World) Address(index int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, w.options.Subnet, 0, byte(10 + index)})
}

var imageSHA256 = func() string {
	sum := sha256.Sum256([]byte("an image of Talos"))
	return hex.EncodeToString(sum[:])
}()
