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
	marker := inventory.Marker{Cluster: "home", Node: "worker-1", Run: "k3f9", Life: inventory.Unfinished}

	It("is read as it was written", func() {
		read, found := inventory.ParseMarker(marker.String())
		Expect(found).To(BeTrue())
		Expect(read).To(Equal(marker))
	})

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
		Entry("without a cluster", "rebirth.tazlab.net/machine: node=worker-1 run=a life=complete"),
		Entry("without a node", "rebirth.tazlab.net/machine: cluster=home run=a life=complete"),
		Entry("without a run", "rebirth.tazlab.net/machine: cluster=home node=worker-1 life=complete"),
		Entry("of an unknown life", "rebirth.tazlab.net/machine: cluster=home node=worker-1 run=a life=third"),
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
	marker := inventory.Marker{Cluster: "home", Node: "worker-1", Run: "k3f9", Life: inventory.Complete}

	DescribeTable("belongs to a cluster with both its tag and its marker",
		func(tags []string, description string, belongs bool) {
			_, own := inventory.VM{Tags: tags, Description: description}.BelongsTo("home")
			Expect(own).To(Equal(belongs))
		},
		Entry("both", []string{"a", "rebirth-home"}, marker.String(), true),
		Entry("the tag alone", []string{"rebirth-home"}, "", false),
		Entry("the marker alone", nil, marker.String(), false),
		Entry("another cluster's tag", []string{"rebirth-homer"}, marker.String(), false),
		Entry("another cluster's marker", []string{"rebirth-home"}, "rebirth.tazlab.net/machine: cluster=homer node=w run=r life=complete", false),
	)
})
