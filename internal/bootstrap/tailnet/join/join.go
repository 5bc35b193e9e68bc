// Package join decides whether a node has joined the tailnet as it should have. It
// reads nothing.
//
// The hazard: a node that looks joined and isn't. The control server has a device of
// the node's name that another machine left, or gave the node's own device another
// name because that one was taken. So both ends are asked: the device is the one
// whose address the node itself has.
package join

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
)

// Want is what a node's device shall be.
type Want struct {
	Hostname string
	Tags     []string
	// After is when the key was made, by the control server's own clock: an older
	// device is one of a former life. Zero lets a device be of any age.
	After time.Time
	// NodeAddresses are those of the tailnet that the node itself has.
	NodeAddresses []netip.Addr
}

// Outcome is how far the node has come.
type Outcome string

// The outcomes.
const (
	// Pending: it may still come by itself.
	Pending Outcome = "Pending"
	// Joined: both ends agree, and the device is as it shall be.
	Joined Outcome = "Joined"
	// Wrong: it has joined otherwise than it should, and to wait doesn't help.
	Wrong Outcome = "Wrong"
)

// Verdict is the answer, with its reason in words.
type Verdict struct {
	Outcome Outcome
	// Reason is empty for a node that has joined. It names the device and, where
	// something is wrong, the way out.
	Reason string
	// Device is the node's own, unless there is none yet.
	Device inventory.Device
}

// Verify judges a node by the devices that the control server has.
func Verify(devices []inventory.Device, want Want) Verdict {
	if len(want.NodeAddresses) == 0 {
		return Verdict{Outcome: Pending, Reason: "the node has no address of the tailnet yet"}
	}
	i := slices.IndexFunc(devices, func(d inventory.Device) bool { return shares(d.Addresses, want.NodeAddresses) })
	if i < 0 {
		return Verdict{Outcome: Pending, Reason: fmt.Sprintf("the tailnet has no device with the node's address %s yet", want.NodeAddresses[0])}
	}
	device := devices[i]
	if wrong := want.wrong(device, devices); wrong != "" {
		return Verdict{Outcome: Wrong, Reason: describe(device) + " " + wrong, Device: device}
	}
	if !device.Connected {
		return Verdict{Outcome: Pending, Reason: describe(device) + " is not connected", Device: device}
	}
	return Verdict{Outcome: Joined, Device: device}
}

// wrong says what is wrong with the node's device, if anything is.
func (w Want) wrong(device inventory.Device, devices []inventory.Device) string {
	switch {
	// Servers tell moments in whole seconds.
	case device.Created.Before(w.After.Truncate(time.Second)):
		return fmt.Sprintf("was made at %s, before this run's key: the node still has the state of a former life. Make the machine anew",
			device.Created.UTC().Format(time.RFC3339))
	case device.Hostname != w.Hostname:
		return "should be called " + w.Hostname + w.holder(device, devices)
	case !sameSet(device.Tags, w.Tags):
		return fmt.Sprintf("has the tags [%s] and should have [%s]: they come from the key, so was it another one?",
			strings.Join(device.Tags, ", "), strings.Join(w.Tags, ", "))
	case !device.Ephemeral:
		return "is not ephemeral, so it would stay when its machine is gone: the key that it joined with was not this run's"
	case !device.Authorized:
		return "waits for approval, which a key of this run would have given: approve it in the tailnet's admin console, or remove it and run again"
	}
	return ""
}

// holder says who has the name.
func (w Want) holder(own inventory.Device, devices []inventory.Device) string {
	for _, device := range devices {
		if device.Hostname == w.Hostname && device.ID != own.ID {
			return fmt.Sprintf(", but %s has that name: remove that one, then this one, and run again", describe(device))
		}
	}
	return ": rename it, or remove it and run again"
}

func describe(device inventory.Device) string {
	return fmt.Sprintf("device %s (%s) of the tailnet", device.Hostname, device.ID)
}

func shares(a, b []netip.Addr) bool {
	return slices.ContainsFunc(a, func(address netip.Addr) bool { return slices.Contains(b, address) })
}

func sameSet(a, b []string) bool {
	return slices.Equal(set(a), set(b))
}

func set(tags []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(tags)))
}
