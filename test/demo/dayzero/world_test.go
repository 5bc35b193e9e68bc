package dayzero

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	datacentre "github.com/tazzo/rebirth/test/dayzero"
	"github.com/tazzo/rebirth/test/headscale"
)

var _ = Describe("What is new in the data centre", func() {
	lines := func(before, after World) (all []string) {
		for _, n := range newsOf(before, after) {
			all = append(all, string(n.Actor)+" "+n.Text)
		}
		return all
	}

	It("is told once", func() {
		w := World{Former: 2, Stale: 1, Ended: 3, Running: 2, Lent: 1, Working: 1, Remark: "note"}
		Expect(lines(w, w)).To(BeEmpty())
	})

	It("names the node that has joined", func() {
		Expect(lines(World{Joined: [nodes]bool{true}}, World{Joined: [nodes]bool{true, true}})).To(
			ConsistOf(ContainSubstring("tazlab-worker-1 is connected")))
	})

	It("tells of a revoked key once one was lent: preflight tries another", func() {
		Expect(lines(World{Working: 1}, World{})).To(BeEmpty())
		Expect(lines(World{Lent: 1, Working: 1}, World{Lent: 1})).To(ConsistOf(ContainSubstring("revoked")))
	})
})

var _ = DescribeTable("A node has joined", func(edit func(*headscale.Device), joined bool) {
	device := headscale.Device{ID: 2, Hostname: nodeNames[0], Tags: []string{datacentre.Tag}, Online: true, Key: &headscale.Key{Ephemeral: true}}
	edit(&device)
	var w World
	w.seeDevices([]headscale.Device{device}, 1)
	Expect(w.Joined[0]).To(Equal(joined))
},
	Entry("when its device is as it should be", func(*headscale.Device) {}, true),
	Entry("but not under another name", func(d *headscale.Device) { d.Hostname += "-1" }, false),
	Entry("but not without the tag", func(d *headscale.Device) { d.Tags = nil }, false),
	Entry("but not for good", func(d *headscale.Device) { d.Key.Ephemeral = false }, false),
	Entry("but not while it is away", func(d *headscale.Device) { d.Online = false }, false),
	Entry("but not by the device of the former life", func(d *headscale.Device) { d.ID = 1 }, false),
)
