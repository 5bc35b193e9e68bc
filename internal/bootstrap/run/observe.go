package run

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
	"github.com/tazzo/rebirth/internal/bootstrap/plan"
	"github.com/tazzo/rebirth/internal/bootstrap/spec"
	"github.com/tazzo/rebirth/internal/bootstrap/talos"
)

// Observe looks at everything that a plan rests on, at once. A node or a tailnet that
// doesn't answer is a fact; Proxmox has to. For a destruction nothing is asked of the
// cluster itself.
func (r *Run) Observe(ctx context.Context) (plan.Facts, error) {
	ctx, cancel := context.WithTimeout(ctx, r.cluster.Timeouts.Preflight.Duration)
	defer cancel()
	facts := plan.Facts{Cluster: r.cluster, ImageFile: imageFile(r.cluster.Image), HaveSecrets: r.haveSecrets, Run: newRun()}
	var group errgroup.Group
	group.Go(func() (err error) {
		facts.VMs, err = r.proxmox.VMs(ctx, r.cluster.Metadata.Name, vmids(r.cluster))
		return err
	})
	if r.tailnet != nil {
		group.Go(func() error {
			r.observeTailnet(ctx, &facts)
			return nil
		})
	}
	if r.need != ToDestroy {
		group.Go(func() (err error) {
			facts.Images, err = r.observeImages(ctx)
			return err
		})
		facts.Machines = r.observeMachines(ctx)
	}
	if err := group.Wait(); err != nil {
		return plan.Facts{}, fmt.Errorf("look at what is there: %w", err)
	}
	return facts, nil
}

// observeMachines asks Talos at every node's address, at once.
func (r *Run) observeMachines(ctx context.Context) []inventory.Machine {
	machines := make([]inventory.Machine, len(r.cluster.Nodes))
	var waiting sync.WaitGroup
	for i, node := range r.cluster.Nodes {
		waiting.Go(func() {
			machines[i] = r.dialer().Observe(ctx, node.Name, node.Address.Addr(), r.knownSecrets())
		})
	}
	waiting.Wait()
	return machines
}

func (r *Run) observeTailnet(ctx context.Context, facts *plan.Facts) {
	devices, err := r.tailnet.Devices(ctx)
	var keys []string
	if err == nil {
		keys, err = r.tailnet.LeftoverKeys(ctx, r.cluster.Metadata.Name, r.cluster.Tailnet.Tags)
	}
	if err != nil {
		facts.TailnetUnknown = err.Error()
		return
	}
	facts.Devices, facts.LeftoverKeys = devices, keys
}

// knownSecrets are those of a source. New ones open no node that is there.
func (r *Run) knownSecrets() *talos.Secrets {
	if r.haveSecrets {
		return r.secrets
	}
	return nil
}

func vmids(cluster *spec.Cluster) []int {
	ids := make([]int, 0, len(cluster.Nodes))
	for _, node := range cluster.Nodes {
		ids = append(ids, node.VMID)
	}
	return ids
}

// observeImages looks for the image on each host that a node is made on.
func (r *Run) observeImages(ctx context.Context) ([]inventory.Image, error) {
	var found []inventory.Image
	for _, host := range hosts(r.cluster) {
		image := r.image(host)
		there, err := r.proxmox.HasImage(ctx, image)
		if err != nil {
			return nil, err
		}
		if there {
			found = append(found, image)
		}
	}
	return found, nil
}

// image is what disks are made from on a host.
func (r *Run) image(host string) inventory.Image {
	return inventory.Image{Host: host, Storage: r.cluster.Image.Storage, File: imageFile(r.cluster.Image)}
}

// imageFile names the image by all that makes it what it is.
func imageFile(image spec.Image) string {
	return fmt.Sprintf("talos-%s-%.12s-nocloud-amd64.qcow2", image.TalosVersion, talos.SchematicID(image.Schematic))
}

func hosts(cluster *spec.Cluster) []string {
	var hosts []string
	for _, node := range cluster.Nodes {
		hosts = append(hosts, node.Host)
	}
	return slices.Compact(slices.Sorted(slices.Values(hosts)))
}
