package dayzero

import (
	"context"
	"errors"
	"slices"
	"time"

	datacentre "github.com/tazzo/rebirth/test/dayzero"
	"github.com/tazzo/rebirth/test/headscale"
)

// watch looks at the data centre again and again, until the returned function is
// called. That looks a last time, and says what could not be seen.
func (a *Act) watch(ctx context.Context) (end func() error) {
	watching, stop := context.WithCancel(ctx)
	seen := make(chan error, 1)
	go func() {
		ticker := time.NewTicker(200 * time.Millisecond)
		defer ticker.Stop()
		for {
			err := a.look(watching)
			if watching.Err() != nil {
				err = nil
			} else if err == nil {
				select {
				case <-ticker.C:
					continue
				case <-watching.Done():
				}
			}
			seen <- err
			return
		}
	}()
	return func() error {
		stop()
		return errors.Join(<-seen, a.look(ctx))
	}
}

// look puts what is there now into the world.
func (a *Act) look(ctx context.Context) error {
	devices, err := a.centre.Headscale.Devices(ctx)
	if err != nil {
		return err
	}
	keys, err := a.centre.Headscale.Keys(ctx)
	if err != nil {
		return err
	}
	configured, err := a.configured()
	if err != nil {
		return err
	}
	lent := len(a.centre.AuthKeys())
	a.world.Update(func(w *World) {
		w.Former, w.Running = 0, 0
		for _, vm := range a.centre.Proxmox.VMs() {
			switch {
			case a.former[vm.UUID]:
				w.Former++
			case vm.Running:
				w.Running++
			}
		}
		w.Configured, w.Lent, w.Working = configured, lent, working(keys)
		w.seeDevices(devices, a.formerDevice)
	})
	return nil
}

// configured counts the nodes whose Talos has a configuration on its disk.
func (a *Act) configured() (int, error) {
	count := 0
	for _, machine := range a.centre.Machines() {
		persisted, err := machine.Persisted()
		if err != nil {
			return 0, err
		}
		if len(persisted) > 0 {
			count++
		}
	}
	return count, nil
}

func working(keys []headscale.Key) int {
	count := 0
	for _, key := range keys {
		if key.Works() {
			count++
		}
	}
	return count
}

// seeDevices notes which nodes are in the tailnet, and whether the former life's device
// still is.
func (w *World) seeDevices(devices []headscale.Device, former uint64) {
	w.Stale = 0
	for _, device := range devices {
		if device.ID == former {
			w.Stale++
			continue
		}
		for i, name := range nodeNames {
			w.Joined[i] = w.Joined[i] || (device.Hostname == name && isNode(device))
		}
	}
}

// isNode says whether the device is as a node's has to be.
func isNode(device headscale.Device) bool {
	return device.Online && slices.Equal(device.Tags, []string{datacentre.Tag}) && device.Key != nil && device.Key.Ephemeral
}
