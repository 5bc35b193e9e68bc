package inventory_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
)

func TestInventory(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "whose a machine is")
}

var _ = Describe("the marker of a machine", func() {
	marker := inventory.Marker{Cluster: "home", Node: "worker-1", VM: 9002, Run: "k3f9", Life: inventory.Unfinished}

	DescribeTable("is read as it was written",
		func(life inventory.Life) {
			marker := marker
			marker.Life = life
			read, found := inventory.ParseMarker(marker.String())
			Expect(found).To(BeTrue())
			Expect(read).To(Equal(marker))
		},
		Entry("of a machine that has no configuration", inventory.New),
		Entry("of one that may have one", inventory.Unfinished),
		Entry("of one that a create has finished", inventory.Complete),
	)

	DescribeTable("is found in whatever its owner wrote around it",
		func(description string) {
			read, found := inventory.ParseMarker(description)
			Expect(found).To(BeTrue())
			Expect(read).To(Equal(marker))
		},
		Entry("before it", "my notes\n"+marker.String()),
		Entry("behind it", marker.String()+"\nmy notes\n"),
		Entry("with Windows' line ends", "my notes\r\n"+marker.String()+"\r\n"),
		Entry("indented", "  "+marker.String()+"  "),
	)

	DescribeTable("is none when it is damaged",
		func(description string) {
			_, found := inventory.ParseMarker(description)
			Expect(found).To(BeFalse())
		},
		Entry("empty", ""),
		Entry("without a cluster", "rebirth.tazlab.net/machine: node=worker-1 vm=9002 run=a life=complete"),
		Entry("without a node", "rebirth.tazlab.net/machine: cluster=home vm=9002 run=a life=complete"),
		Entry("without a number", "rebirth.tazlab.net/machine: cluster=home node=worker-1 run=a life=complete"),
		Entry("with a number that is none", "rebirth.tazlab.net/machine: cluster=home node=worker-1 vm=all run=a life=complete"),
		Entry("without a run", "rebirth.tazlab.net/machine: cluster=home node=worker-1 vm=9002 life=complete"),
		Entry("of an unknown life", "rebirth.tazlab.net/machine: cluster=home node=worker-1 vm=9002 run=a life=third"),
		Entry("in the middle of a line", "see "+marker.String()),
	)

	It("is replaced where it stands, and the notes are kept", func() {
		finished := marker
		finished.Life = inventory.Complete
		Expect(inventory.WithMarker("above\n"+marker.String()+"\nbelow", finished)).To(Equal("above\n" + finished.String() + "\nbelow"))
	})

	It("stands once, however often it was there", func() {
		Expect(inventory.WithMarker(marker.String()+"\n"+marker.String(), marker)).To(Equal(marker.String()))
	})

	It("goes behind notes that have none", func() {
		Expect(inventory.WithMarker("notes", marker)).To(Equal("notes\n" + marker.String()))
	})
})

var _ = Describe("a machine", func() {
	marker := inventory.Marker{Cluster: "home", Node: "worker-1", VM: 9002, Run: "k3f9", Life: inventory.Complete}

	DescribeTable("belongs to a cluster with its tag, its marker, and the marker's number",
		func(id int, tags []string, description string, belongs bool) {
			_, own := inventory.VM{ID: id, Tags: tags, Description: description}.BelongsTo("home")
			Expect(own).To(Equal(belongs))
		},
		Entry("all of them", 9002, []string{"a", "rebirth-home"}, marker.String(), true),
		Entry("the tag alone", 9002, []string{"rebirth-home"}, "", false),
		Entry("the marker alone", 9002, nil, marker.String(), false),
		Entry("another number", 9999, []string{"rebirth-home"}, marker.String(), false),
		Entry("another cluster's tag", 9002, []string{"rebirth-homer"}, marker.String(), false),
		Entry("another cluster's marker", 9002, []string{"rebirth-home"}, "rebirth.tazlab.net/machine: cluster=homer node=w vm=9002 run=r life=complete", false),
	)

	DescribeTable("is a copy of the cluster's with tag and marker of another number",
		func(vm inventory.VM, original int, is bool) {
			number, copied := vm.CopyOf("home")
			Expect(copied).To(Equal(is))
			if is {
				Expect(number).To(Equal(original))
			}
		},
		Entry("a clone", inventory.VM{ID: 9999, Tags: []string{"rebirth-home"}, Description: marker.String()}, 9002, true),
		Entry("the original", inventory.VM{ID: 9002, Tags: []string{"rebirth-home"}, Description: marker.String()}, 0, false),
		Entry("a clone without the tag", inventory.VM{ID: 9999, Description: marker.String()}, 0, false),
		Entry("another cluster's", inventory.VM{ID: 9999, Tags: []string{"rebirth-home"}, Description: "rebirth.tazlab.net/machine: cluster=homer node=w vm=9002 run=r life=complete"}, 0, false),
		Entry("nobody's", inventory.VM{ID: 9999}, 0, false),
	)
})
