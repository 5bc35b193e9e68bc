package proxmox

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
)

// DestroyVM stops the machine and removes it with all its disks. It must still be
// the one that vm is, of the same life, and the cluster's own: anything else is
// Refused, and so is a protected one. A machine that is gone is success. Somebody else's lock is waited
// for until ctx ends.
func (c *Client) DestroyVM(ctx context.Context, vm inventory.VM, cluster string, report func(string)) error {
	doing := fmt.Sprintf("destroy VM %d", vm.ID)
	pauses, outage, state, missed := c.pauses(), outage{clock: c.clock}, "", false
	for {
		gone, err := c.destroyOnce(ctx, doing, vm, cluster, report)
		switch {
		case gone:
			return nil
		case ctx.Err() != nil && state != "":
			return ended(ctx, doing, state)
		case ctx.Err() != nil:
			return err
		case errors.Is(err, NotFound) && !missed: // it went away, or to another host
			state, missed = err.Error(), true
		case errors.Is(err, Locked) || outage.forgives(err):
			state = err.Error()
			report(state + "; trying again")
		case err != nil:
			return err
		default:
			state = "it was told to stop"
		}
		if err := pauses.next(ctx, doing, state); err != nil {
			return err
		}
	}
}

// destroyOnce looks, and does the next thing: stop, or remove.
func (c *Client) destroyOnce(ctx context.Context, doing string, vm inventory.VM, cluster string, report func(string)) (gone bool, err error) {
	r, found, err := c.locate(ctx, vm.ID)
	if err != nil || !found {
		return err == nil, err
	}
	now, err := c.read(ctx, r)
	if err != nil {
		return false, err
	}
	if err := mayDestroy(doing, vm, now, cluster); err != nil {
		return false, err
	}
	if now.Running {
		stop := fmt.Sprintf("stop VM %d", vm.ID)
		report(stop)
		return false, c.attempt(ctx, stop, http.MethodPost, vmPath(now.Host, vm.ID, "status", "stop"), nil, report)
	}
	report(doing)
	params := url.Values{"purge": {"1"}, "destroy-unreferenced-disks": {"1"}}
	if err := c.attempt(ctx, doing, http.MethodDelete, vmPath(now.Host, vm.ID), params, report); err != nil {
		return false, err
	}
	return true, nil
}

// mayDestroy says whether the machine that is there now is the one that was to be
// destroyed, and may be.
func mayDestroy(doing string, planned, now inventory.VM, cluster string) error {
	refuse := func(kind Kind, message string) error { return &Error{Kind: kind, Doing: doing, Message: message} }
	was, _ := planned.BelongsTo(cluster)
	is, own := now.BelongsTo(cluster)
	switch {
	case isNameless(now):
		return refuse(Locked, "somebody makes or destroys it right now (lock "+now.Lock+"). If nobody does, a task has died: qm unlock "+fmt.Sprint(now.ID))
	case !own:
		return foreign(doing, now, cluster)
	case now.UUID != planned.UUID:
		return refuse(Refused, fmt.Sprintf("another machine has its number now (UUID %s instead of %s). Nothing was done to it: plan again", now.UUID, planned.UUID))
	case is != was:
		return refuse(Refused, fmt.Sprintf("it has changed since it was looked at (%q, and it was %q): another run works on it, or has come to its end. Nothing was done to it: plan again", is, was))
	case now.Template:
		return refuse(Refused, "it is a template, which bootstrap never makes. Take the tag or the marker off it, or remove it yourself")
	case now.Protected:
		return refuse(Refused, fmt.Sprintf("its protection is on. Switch it off first: qm set %d --protection 0", now.ID))
	}
	return nil
}
