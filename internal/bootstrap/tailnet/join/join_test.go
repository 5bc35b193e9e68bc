package join_test

import (
	"net/netip"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
	"github.com/tazzo/rebirth/internal/bootstrap/tailnet/join"
)

func TestJoin(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Join")
}

var (
	minted  = time.Date(2026, 3, 1, 12, 0, 0, 700_000_000, time.UTC)
	address = netip.MustParseAddr("100.64.0.7")
)

// own is the node's device, as it shall be.
func own() inventory.Device {
	return inventory.Device{
		ID: "17", Hostname: "lab-worker-1", Tags: []string{"tag:talos", "tag:lab"},
		Addresses: []netip.Addr{netip.MustParseAddr("fd7a:115c:a1e0::7"), address},
		Ephemeral: true, Authorized: true, Connected: true, Created: minted.Add(5 * time.Second),
	}
}

// holder is another device, which has the node's name.
func holder() inventory.Device {
	return inventory.Device{ID: "3", Hostname: "lab-worker-1", Tags: []string{"tag:talos", "tag:lab"},
		Addresses: []netip.Addr{netip.MustParseAddr("100.64.0.3")}, Ephemeral: true, Authorized: true, Created: minted.Add(-time.Hour)}
}

func want() join.Want {
	return join.Want{Hostname: "lab-worker-1", Tags: []string{"tag:lab", "tag:talos"}, After: minted, NodeAddresses: []netip.Addr{address}}
}

// verify judges the node among a stranger's device and its own, which are changed.
func verify(change func(*inventory.Device, *join.Want)) join.Verdict {
	device, wanted := own(), want()
	change(&device, &wanted)
	stranger := inventory.Device{ID: "1", Hostname: "laptop", Addresses: []netip.Addr{netip.MustParseAddr("100.64.0.1")}}
	return join.Verify([]inventory.Device{stranger, device}, wanted)
}

var _ = Describe("A node", func() {
	DescribeTable("has joined",
		func(change func(*inventory.Device, *join.Want)) {
			Expect(verify(change)).To(And(HaveField("Outcome", join.Joined), HaveField("Reason", BeEmpty()), HaveField("Device.ID", "17")))
		},
		Entry("when both ends agree", func(*inventory.Device, *join.Want) {}),
		Entry("within the second in which the key was made, as servers tell moments in seconds",
			func(d *inventory.Device, _ *join.Want) { d.Created = minted.Truncate(time.Second) }),
		Entry("long ago, where its age is of no concern",
			func(d *inventory.Device, w *join.Want) { d.Created, w.After = minted.Add(-time.Hour), time.Time{} }),
		Entry("whatever the order of its tags, and however often one is named",
			func(_ *inventory.Device, w *join.Want) { w.Tags = []string{"tag:talos", "tag:lab", "tag:lab"} }),
	)

	DescribeTable("is waited for",
		func(reason string, change func(*inventory.Device, *join.Want)) {
			Expect(verify(change)).To(And(HaveField("Outcome", join.Pending), HaveField("Reason", ContainSubstring(reason))))
		},
		Entry("while it has no address", "no address of the tailnet yet",
			func(_ *inventory.Device, w *join.Want) { w.NodeAddresses = nil }),
		Entry("while the control server doesn't know its address", "no device with the node's address 100.64.0.9",
			func(_ *inventory.Device, w *join.Want) {
				w.NodeAddresses = []netip.Addr{netip.MustParseAddr("100.64.0.9")}
			}),
		Entry("while it isn't connected", "device lab-worker-1 (17) of the tailnet is not connected",
			func(d *inventory.Device, _ *join.Want) { d.Connected = false }),
	)

	DescribeTable("has joined wrongly, which waiting doesn't mend",
		func(reason string, change func(*inventory.Device, *join.Want)) {
			Expect(verify(change)).To(And(HaveField("Outcome", join.Wrong),
				HaveField("Reason", And(HavePrefix("device "), ContainSubstring("(17)"), ContainSubstring(reason)))))
		},
		Entry("with the state of a former life", "made at 2026-03-01T11:00:00Z, before this run's key",
			func(d *inventory.Device, _ *join.Want) { d.Created = minted.Add(-time.Hour) }),
		Entry("under another name", "device laptop-7 (17) of the tailnet should be called lab-worker-1: rename it",
			func(d *inventory.Device, _ *join.Want) { d.Hostname = "laptop-7" }),
		Entry("without a tag", "has the tags [tag:lab] and should have [tag:lab, tag:talos]",
			func(d *inventory.Device, _ *join.Want) { d.Tags = []string{"tag:lab"} }),
		Entry("with a tag too many", "has the tags [tag:lab, tag:talos, tag:admin]",
			func(d *inventory.Device, _ *join.Want) { d.Tags = []string{"tag:lab", "tag:talos", "tag:admin"} }),
		Entry("to stay for ever", "is not ephemeral",
			func(d *inventory.Device, _ *join.Want) { d.Ephemeral = false }),
		Entry("without approval", "waits for approval",
			func(d *inventory.Device, _ *join.Want) { d.Authorized = false }),
		Entry("even before it is connected", "is not ephemeral",
			func(d *inventory.Device, _ *join.Want) { d.Ephemeral, d.Connected = false, false }),
	)

	It("that got a number behind its name is told who has the name", func() {
		numbered := own()
		numbered.Hostname = "lab-worker-1-1"
		Expect(join.Verify([]inventory.Device{holder(), numbered}, want())).To(And(
			HaveField("Outcome", join.Wrong),
			HaveField("Reason", Equal("device lab-worker-1-1 (17) of the tailnet should be called lab-worker-1, "+
				"but device lab-worker-1 (3) of the tailnet has that name: remove that one, then this one, and run again"))))
	})

	It("is not taken for a device of its name that is another machine's", func() {
		Expect(join.Verify([]inventory.Device{holder()}, want())).To(HaveField("Outcome", join.Pending))
	})
})
