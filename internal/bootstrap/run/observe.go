package run

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
	"github.com/tazzo/rebirth/internal/bootstrap/plan"
	"github.com/tazzo/rebirth/internal/bootstrap/progress"
	"github.com/tazzo/rebirth/internal/bootstrap/proxmox"
	"github.com/tazzo/rebirth/internal/bootstrap/spec"
	"github.com/tazzo/rebirth/internal/bootstrap/talos"
)

const (
	// hiccup is how long a tailnet is asked again that doesn't answer, before that is
	// a fact.
	hiccup = 15 * time.Second
	// doubt is how long nodes are looked at again that a create would replace though it
	// could open them.
	doubt = 20 * time.Second
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
	if r.need == ToPlan || r.need == ToCreate {
		group.Go(func() (err error) {
			facts.Images, err = r.observeImages(ctx)
			return err
		})
	}
	if r.need != ToDestroy {
		facts.Machines = r.observeMachines(ctx)
	}
	if err := group.Wait(); err != nil {
		return plan.Facts{}, fmt.Errorf("look at what is there: %w", err)
	}
	return facts, nil
}

// ObserveForCreate is Observe for a create of what is there: machines that it would
// replace for want of an answer are looked at until they answer, or their time is up.
func (r *Run) ObserveForCreate(ctx context.Context) (plan.Facts, error) {
	facts, err := r.Observe(ctx)
	if err != nil {
		return facts, err
	}
	r.lookAgain(ctx, &facts)
	return facts, context.Cause(ctx)
}

func (r *Run) lookAgain(ctx context.Context, facts *plan.Facts) {
	ctx, cancel := context.WithTimeout(ctx, doubt)
	defer cancel()
	ticker := r.clock.NewTicker(askEvery)
	defer ticker.Stop()
	for first := true; ; first = false {
		doubtful := facts.InDoubt()
		if len(doubtful) == 0 {
			return
		}
		if first {
			r.reporter.Report(progress.Event{At: r.clock.Now(), State: progress.Note, Detail: fmt.Sprintf(
				"configured, and without an answer: %s. Looked at for %v more, before create asks whether to replace what does not answer", strings.Join(doubtful, ", "), doubt)})
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C():
		}
		r.observeAgain(ctx, facts, doubtful)
	}
}

// observeAgain asks Talos at the addresses of some nodes, at once. One that still
// doesn't answer stays as it was seen.
func (r *Run) observeAgain(ctx context.Context, facts *plan.Facts, nodes []string) {
	var waiting sync.WaitGroup
	for i, node := range r.cluster.Nodes {
		if slices.Contains(nodes, node.Name) {
			waiting.Go(func() { facts.Machines[i] = r.observeMachine(ctx, node) })
		}
	}
	waiting.Wait()
}

// observeMachines asks Talos at every node's address, at once.
func (r *Run) observeMachines(ctx context.Context) []inventory.Machine {
	machines := make([]inventory.Machine, len(r.cluster.Nodes))
	var waiting sync.WaitGroup
	for i, node := range r.cluster.Nodes {
		waiting.Go(func() { machines[i] = r.observeMachine(ctx, node) })
	}
	waiting.Wait()
	return machines
}

func (r *Run) observeMachine(ctx context.Context, node spec.Node) inventory.Machine {
	return r.dialer().Observe(ctx, node.Name, node.Address.Addr(), r.knownSecrets())
}

func (r *Run) observeTailnet(ctx context.Context, facts *plan.Facts) {
	control := r.tailnet.AtMost(hiccup)
	devices, err := control.Devices(ctx)
	var keys []string
	if err == nil {
		keys, err = control.LeftoverKeys(ctx, r.cluster.Metadata.Name, r.cluster.Tailnet.Tags)
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

// observeImages looks for the image on each host that a node is made on. Where it
// can't be seen it counts as missing: preflight then names all that stands in the way
// of a download at once, be it the host, the storage or a privilege.
func (r *Run) observeImages(ctx context.Context) ([]inventory.Image, error) {
	var found []inventory.Image
	for _, host := range hosts(r.cluster) {
		image := r.image(host)
		there, err := r.proxmox.HasImage(ctx, image)
		switch {
		case errors.Is(err, proxmox.Unauthorized), errors.Is(err, proxmox.Untrusted):
			return nil, err
		case there:
			found = append(found, image)
		}
	}
	return found, nil
}

// image is what disks are made from on a host.
func (r *Run) image(host string) inventory.Image {
	return inventory.Image{Host: host, Storage: r.cluster.Image.Storage, File: imageFile(r.cluster.Image)}
}

// imageFile names the image by all that makes it what it is, where it comes from
// included: what another factory made, or was downloaded without the checksum, is
// another image.
func imageFile(image spec.Image) string {
	origin := sha256.Sum256([]byte(strings.TrimRight(image.Factory, "/") + "\n" + strings.ToLower(image.Checksum)))
	return fmt.Sprintf("talos-%s-%.12s-%x-nocloud-amd64.qcow2", image.TalosVersion, talos.SchematicID(image.Schematic), origin[:4])
}

func hosts(cluster *spec.Cluster) []string {
	var hosts []string
	for _, node := range cluster.Nodes {
		hosts = append(hosts, node.Host)
	}
	return slices.Compact(slices.Sorted(slices.Values(hosts)))
}
