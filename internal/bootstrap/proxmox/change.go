package proxmox

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
)

// markAttempts is how often a marker is written anew because somebody else has
// changed the machine meanwhile.
const markAttempts = 5

// StartVM starts the cluster's machine with that id. One that runs is success.
func (c *Client) StartVM(ctx context.Context, id int, cluster string, report func(string)) error {
	vm, err := c.VM(ctx, id)
	if err != nil {
		return err
	}
	doing := fmt.Sprintf("start VM %d", id)
	if _, own := vm.BelongsTo(cluster); !own {
		return foreign(doing, vm, cluster)
	}
	if vm.Running {
		return nil
	}
	report(doing)
	err = c.run(ctx, doing, http.MethodPost, vmPath(vm.Host, id, "status", "start"), nil, report)
	if err == nil || ctx.Err() != nil {
		return err
	}
	if now, readErr := c.VM(ctx, id); readErr == nil && now.Running {
		return nil // somebody else was quicker
	}
	return err
}

// SetMarker writes how far the life of the machine has come. It must be the one
// that the marker is about: of the same cluster, node, number and run. What somebody
// else writes into the description at the same time is kept. A host that is out of
// reach for a moment is asked again: what was written already is not written twice.
func (c *Client) SetMarker(ctx context.Context, id int, marker inventory.Marker) error {
	doing := fmt.Sprintf("mark VM %d", id)
	pauses, outage, conflicts := c.pauses(), outage{clock: c.clock}, 0
	for {
		err := c.setMarker(ctx, doing, id, marker)
		switch {
		case errors.Is(err, Conflict):
			if conflicts++; conflicts == markAttempts {
				return err
			}
			continue
		case ctx.Err() != nil || !outage.forgives(err):
			return err
		}
		if err := pauses.next(ctx, doing, err.Error()); err != nil {
			return err
		}
	}
}

func (c *Client) setMarker(ctx context.Context, doing string, id int, marker inventory.Marker) error {
	r, found, err := c.locate(ctx, id)
	switch {
	case err != nil:
		return err
	case !found || !r.isVM():
		return absent(id)
	}
	var now config
	if err := c.call(ctx, http.MethodGet, vmPath(r.Host, id, "config"), nil, &now); err != nil {
		return err
	}
	vm := now.vm(r, "")
	have, own := vm.BelongsTo(marker.Cluster)
	if !own || have.Node != marker.Node || have.VM != marker.VM || have.Run != marker.Run {
		return foreign(doing, vm, marker.Cluster)
	}
	if have == marker {
		return nil
	}
	params := url.Values{
		"description": {inventory.WithMarker(vm.Description, marker)},
		"digest":      {string(now["digest"])}, // of all that was read
	}
	return c.run(ctx, doing, http.MethodPut, vmPath(vm.Host, id, "config"), params, func(string) {})
}

// foreign refuses a machine that is not the cluster's own.
func foreign(doing string, vm inventory.VM, cluster string) error {
	return &Error{Kind: Refused, Doing: doing, Message: fmt.Sprintf(
		"it is not the machine that it was taken for: %q on host %s lacks the tag %s or the marker of cluster %s with its own number in its description. Nothing was done to it",
		vm.Name, vm.Host, inventory.Tag(cluster), cluster)}
}
