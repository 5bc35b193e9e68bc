package run

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/tazzo/rebirth/internal/bootstrap/handover"
	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
	"github.com/tazzo/rebirth/internal/bootstrap/plan"
	"github.com/tazzo/rebirth/internal/bootstrap/proxmox"
	"github.com/tazzo/rebirth/internal/bootstrap/spec"
	"github.com/tazzo/rebirth/internal/bootstrap/talos"
)

// perform does one step of a plan.
func (r *Run) perform(ctx context.Context, step plan.Step, report func(string)) error {
	do := map[plan.Kind]performer{
		plan.RevokeKey:        r.performRevoke,
		plan.DestroyVM:        r.destroyVM,
		plan.RemoveDevice:     r.removeDevice,
		plan.ClearDevices:     r.clearDevices,
		plan.DownloadImage:    r.downloadImage,
		plan.CreateVM:         r.createVM,
		plan.StartVM:          r.startVM,
		plan.AwaitMaintenance: r.awaitMaintenance,
		plan.Configure:        r.configure,
		plan.AwaitConfigured:  r.awaitConfigured,
		plan.StartEtcd:        r.startEtcd,
		plan.AwaitHealth:      r.awaitHealth,
		plan.MintKey:          r.mintKey,
		plan.Join:             r.joinNode,
		plan.DropKey:          r.dropKey,
		plan.ApplySecret:      r.applySecret,
		plan.Finish:           r.finish,
	}[step.Kind]
	return do(ctx, step, report)
}

func (r *Run) destroyVM(ctx context.Context, step plan.Step, report func(string)) error {
	return r.proxmox.DestroyVM(ctx, *step.VM, r.cluster.Metadata.Name, report)
}

func (r *Run) removeDevice(ctx context.Context, step plan.Step, _ func(string)) error {
	return r.tailnet.DeleteDevice(ctx, step.Device.ID)
}

// clearDevices removes what is stale by now.
func (r *Run) clearDevices(ctx context.Context, step plan.Step, report func(string)) error {
	devices, err := r.tailnet.Devices(ctx)
	if err != nil {
		return err
	}
	stale, err := step.Stale(devices)
	if err != nil {
		return err
	}
	var errs []error
	for _, device := range stale {
		report(fmt.Sprintf("removing device %s (%s), which a former life has left meanwhile", device.Hostname, device.ID))
		errs = append(errs, r.tailnet.DeleteDevice(ctx, device.ID))
	}
	return errors.Join(errs...)
}

func (r *Run) downloadImage(ctx context.Context, step plan.Step, report func(string)) error {
	report("telling the Image Factory of the schematic")
	if err := talos.RegisterSchematic(ctx, http.DefaultClient, r.cluster.Image); err != nil {
		return err
	}
	return r.proxmox.DownloadImage(ctx, proxmox.Download{
		Image: *step.Image, URL: talos.ImageURL(r.cluster.Image), SHA256: r.cluster.Image.Checksum,
	}, report)
}

func (r *Run) createVM(ctx context.Context, step plan.Step, report func(string)) error {
	_, err := r.proxmox.CreateVM(ctx, r.machine(step), report)
	return err
}

// machine is what a step makes.
func (r *Run) machine(step plan.Step) proxmox.Machine {
	node := r.node(step.Node)
	return proxmox.Machine{Node: node, Marker: step.Marker, Image: r.image(node.Host)}
}

func (r *Run) startVM(ctx context.Context, step plan.Step, report func(string)) error {
	return r.proxmox.StartVM(ctx, r.node(step.Node).VMID, r.cluster.Metadata.Name, report)
}

// vm is the node's machine as it is now, if it is the cluster's.
func (r *Run) vm(ctx context.Context, name string) (inventory.VM, error) {
	vm, err := r.proxmox.VM(ctx, r.node(name).VMID)
	if err != nil {
		return inventory.VM{}, err
	}
	if marker, own := vm.BelongsTo(r.cluster.Metadata.Name); !own || marker.Node != name {
		return inventory.VM{}, fmt.Errorf("VM %d no longer carries the tag and marker of node %s: somebody has taken them off while bootstrap ran", vm.ID, name)
	}
	return vm, nil
}

func (r *Run) awaitMaintenance(ctx context.Context, step plan.Step, report func(string)) error {
	return r.dialer().WaitMaintenance(ctx, step.Node, r.node(step.Node).Address.Addr(), report)
}

// configure sends the node its configuration, secrets included, once the machine at
// its address has proven to be the node's.
func (r *Run) configure(ctx context.Context, step plan.Step, report func(string)) error {
	vm, err := r.vm(ctx, step.Node)
	if err != nil {
		return err
	}
	machine, err := r.dialer().Maintenance(ctx, step.Node, r.node(step.Node).Address.Addr())
	if err != nil {
		return err
	}
	defer machine.Close()
	report(fmt.Sprintf("is it the machine with UUID %s and MAC %s?", vm.UUID, vm.MAC))
	// From here on it may hold something, whatever becomes of this run.
	if err := r.proxmox.SetMarker(ctx, vm.ID, step.Marker); err != nil {
		return err
	}
	return machine.Apply(ctx, r.configs[step.Node], vm.UUID, vm.MAC)
}

// dial opens the node with the cluster's own certificate.
func (r *Run) dial(ctx context.Context, name string) (*talos.Node, error) {
	return r.dialer().Node(ctx, name, r.node(name).Address.Addr(), r.secrets)
}

func (r *Run) dialer() talos.Dialer { return talos.Dialer{Clock: r.clock} }

func (r *Run) awaitConfigured(ctx context.Context, step plan.Step, report func(string)) error {
	node, err := r.dial(ctx, step.Node)
	if err != nil {
		return err
	}
	defer node.Close()
	return node.WaitConfigured(ctx, report)
}

func (r *Run) startEtcd(ctx context.Context, step plan.Step, report func(string)) error {
	node, err := r.dial(ctx, step.Node)
	if err != nil {
		return err
	}
	defer node.Close()
	return node.Bootstrap(ctx, report)
}

func (r *Run) awaitHealth(ctx context.Context, step plan.Step, report func(string)) error {
	node, err := r.dial(ctx, step.Node)
	if err != nil {
		return err
	}
	defer node.Close()
	if err := node.WaitHealthy(ctx, report); err != nil || step.Node != r.firstControlPlane() {
		return err
	}
	return r.deliverKubeconfig(ctx)
}

func (r *Run) applySecret(ctx context.Context, _ plan.Step, report func(string)) error {
	kubeconfig, err := r.fetchKubeconfig(ctx)
	if err != nil {
		return err
	}
	wanted := r.cluster.HandOver.Secret
	changed, err := handover.ApplySecret(ctx, kubeconfig, wanted.Namespace, wanted.Name, wanted.Type, r.handOver)
	var taken *handover.TakenError
	switch {
	case errors.As(err, &taken):
		// An earlier run has applied it, and Flux, say, has changed it since.
		report(taken.Error())
		return nil
	case err == nil && !changed:
		report("it is there already, and the same")
	}
	return err
}

func (r *Run) finish(ctx context.Context, step plan.Step, _ func(string)) error {
	return r.proxmox.SetMarker(ctx, r.node(step.Node).VMID, step.Marker)
}

func (r *Run) node(name string) spec.Node {
	i := slices.IndexFunc(r.cluster.Nodes, func(n spec.Node) bool { return n.Name == name })
	return r.cluster.Nodes[i]
}

func (r *Run) firstControlPlane() string {
	i := slices.IndexFunc(r.cluster.Nodes, func(n spec.Node) bool { return n.Role == spec.ControlPlane })
	return r.cluster.Nodes[i].Name
}
