package proxmox

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
)

// settleTime is how long a machine that is just being made or destroyed is waited
// for. It says nothing of itself then, not even whose it is; either takes seconds.
const settleTime = 30 * time.Second

// readers is how many machines are read at the same time.
const readers = 8

// VMs are all machines with one of the ids or with the cluster's tag, on any host,
// ordered by id. A container with one of the ids is among them, as a machine that
// is nobody's. A machine that is being made or destroyed is waited for, half a
// minute at most.
func (c *Client) VMs(ctx context.Context, cluster string, ids []int) ([]inventory.VM, error) {
	deadline, pauses := c.clock.Now().Add(settleTime), c.pauses()
	for {
		vms, err := c.observe(ctx, cluster, ids)
		unsettled := errors.Is(err, NotFound) || slices.ContainsFunc(vms, isNameless)
		if !unsettled || c.clock.Now().After(deadline) {
			return vms, err
		}
		if err := pauses.next(ctx, "read the machines", ""); err != nil {
			return nil, err
		}
	}
}

// isNameless says whether a machine is just being made or destroyed: Proxmox keeps
// nothing but the lock of it meanwhile.
func isNameless(vm inventory.VM) bool {
	return (vm.Lock == "create" || vm.Lock == "destroyed") && vm.Description == "" && len(vm.Tags) == 0
}

// observe fails with NotFound if a machine went away while it was read.
func (c *Client) observe(ctx context.Context, cluster string, ids []int) ([]inventory.VM, error) {
	resources, err := c.resources(ctx)
	if err != nil {
		return nil, err
	}
	resources = slices.DeleteFunc(resources, func(r listed) bool {
		return !slices.Contains(ids, r.ID) && (!r.isVM() || !slices.Contains(r.tags(), inventory.Tag(cluster)))
	})
	slices.SortFunc(resources, func(a, b listed) int { return a.ID - b.ID })
	vms := make([]inventory.VM, len(resources))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for i, r := range resources {
		group.Go(func() (err error) {
			vms[i], err = c.read(ctx, r)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return vms, nil
}

func (c *Client) resources(ctx context.Context) ([]listed, error) {
	var resources []listed
	err := c.call(ctx, http.MethodGet, path("cluster", "resources"), url.Values{"type": {"vm"}}, &resources)
	return resources, err
}

// locate says where the machine with that id is now; false is nowhere, or where the
// token may not look.
func (c *Client) locate(ctx context.Context, id int) (listed, bool, error) {
	resources, err := c.resources(ctx)
	if err != nil {
		return listed{}, false, err
	}
	i := slices.IndexFunc(resources, func(r listed) bool { return r.ID == id })
	if i < 0 {
		return listed{}, false, nil
	}
	return resources[i], true, nil
}

// VM is the machine with that id, wherever it is now and whosever it is. NotFound:
// there is none, or none that the token may see.
func (c *Client) VM(ctx context.Context, id int) (inventory.VM, error) {
	r, found, err := c.locate(ctx, id)
	if err != nil {
		return inventory.VM{}, err
	}
	if !found {
		return inventory.VM{}, absent(id)
	}
	return c.read(ctx, r)
}

func absent(id int) error {
	return &Error{Kind: NotFound, Doing: fmt.Sprintf("read VM %d", id), Message: "there is no such machine"}
}

func (c *Client) read(ctx context.Context, r listed) (inventory.VM, error) {
	if !r.isVM() {
		return containerVM(r), nil
	}
	var (
		config config
		now    struct {
			Status string `json:"status"`
		}
	)
	if err := c.call(ctx, http.MethodGet, vmPath(r.Host, r.ID, "config"), nil, &config); err != nil {
		return inventory.VM{}, err
	}
	if err := c.call(ctx, http.MethodGet, vmPath(r.Host, r.ID, "status", "current"), nil, &now); err != nil {
		return inventory.VM{}, err
	}
	return config.vm(r, now.Status), nil
}

func vmPath(host string, id int, parts ...string) string {
	return path(append([]string{"nodes", host, "qemu", strconv.Itoa(id)}, parts...)...)
}
