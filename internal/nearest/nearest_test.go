package nearest_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/nearest"
)

func TestNearest(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "nearest")
}

var _ = DescribeTable("The name that was meant",
	func(name, expected string, candidates ...string) {
		Expect(nearest.Name(name, candidates)).To(Equal(expected))
	},
	Entry("has a letter more", "addresss", "address", "host", "address"),
	Entry("has two letters swapped", "vmdi", "vmid", "vlan", "vmid"),
	Entry("is longer", "environ", "env", "file", "env"),
	Entry("is a part", "name", "hostname", "role", "hostname"),
	Entry("is the nearest of several", "store", "stores", "storage", "stores"),
	Entry("is the first of two that are equally near", "cat", "bat", "bat", "hat"),
	Entry("is none if all are far", "colour", "", "host", "role"),
	Entry("is none if only a letter is the same", "a", "", "image", "talos"),
	Entry("is none if there is nothing to choose from", "a", ""),
	Entry("is none for no name", "", "", "host"),
	Entry("is another than the name itself", "host", "hosts", "host", "hosts"),
)
