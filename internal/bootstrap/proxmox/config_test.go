package proxmox

import (
	"encoding/json"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
)

var _ = Describe("A machine's configuration", func() {
	// As Proxmox writes it: numbers as numbers and as strings, a line break at the end
	// of the description.
	const answered = `{
		"name": "tazlab-cp-1", "cores": 4, "sockets": "2", "memory": "8192", "onboot": 1, "protection": "1", "template": 1,
		"tags": "rebirth-tazlab;talos", "description": "ours\nrebirth.tazlab.net/machine: x\n", "lock": "backup",
		"smbios1": "uuid=7A0C3E52-6B1E-4B9F-A5F3-0123456789AB,family=cmViaXJ0aA==,base64=1",
		"net0": "virtio=bc:24:11:2e:c5:4a,bridge=vmbr0,firewall=1,tag=20", "digest": "ab", "scsi0": "local-lvm:vm-9001-disk-0,size=32G"
	}`

	It("shows the machine", func() {
		var c config
		Expect(json.Unmarshal([]byte(answered), &c)).To(Succeed())
		Expect(c.vm(listed{ID: 9001, Host: "pve1", Type: "qemu"}, "running")).To(Equal(inventory.VM{
			ID: 9001, Host: "pve1", Name: "tazlab-cp-1", Running: true, Tags: []string{"rebirth-tazlab", "talos"},
			Description: "ours\nrebirth.tazlab.net/machine: x\n", UUID: "7a0c3e52-6b1e-4b9f-a5f3-0123456789ab", MAC: "BC:24:11:2E:C5:4A",
			Cores: 8, MemoryMiB: 8192, Protected: true, Template: true, Lock: "backup",
		}))
	})

	It("may say next to nothing", func() {
		Expect(config{"lock": "create"}.vm(listed{ID: 9001, Host: "pve1"}, "stopped")).To(Equal(
			inventory.VM{ID: 9001, Host: "pve1", Tags: []string{}, Lock: "create", Cores: 1, MemoryMiB: 512}))
	})

	DescribeTable("has the card's address", func(net, mac string) { Expect(netMAC(net)).To(Equal(mac)) },
		Entry("behind its model", "e1000e=BC:24:11:2E:C5:4A,bridge=vmbr0", "BC:24:11:2E:C5:4A"),
		Entry("behind macaddr", "model=virtio,macaddr=bc:24:11:2e:c5:4a", "BC:24:11:2E:C5:4A"),
		Entry("nowhere", "virtio,bridge=vmbr0", ""),
		Entry("for there is no card", "", ""),
	)

	DescribeTable("has a memory", func(memory string, mebibytes int) { Expect(memoryMiB(memory)).To(Equal(mebibytes)) },
		Entry("in plain words", "4096", 4096),
		Entry("by name", "current=4096", 4096),
		Entry("by default", "", 512),
	)

	DescribeTable("has tags", func(tags string, each ...string) { Expect(splitTags(tags)).To(HaveExactElements(each)) },
		Entry("as Proxmox writes them", "a;b", "a", "b"),
		Entry("as people do", "a, b c", "a", "b", "c"),
		Entry("or none", ""),
	)
})
