package proxmox

import (
	"net/netip"
	"net/url"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
)

var _ = Describe("A machine to be made", func() {
	It("is asked for without its system disk", func() {
		Expect(machine().shell()).To(Equal(url.Values{
			"vmid": {"9001"}, "name": {"tazlab-cp-1"}, "tags": {"rebirth-tazlab"}, "description": {machine().description()},
			"ostype": {"l26"}, "machine": {"q35"}, "cpu": {"x86-64-v2-AES"}, "cores": {"4"}, "memory": {"8192"},
			"scsihw": {"virtio-scsi-single"}, "scsi1": {"local-lvm:100,discard=on,iothread=1"}, "ide2": {"local-lvm:cloudinit"},
			"net0": {"virtio=BC:24:11:00:00:01,bridge=vmbr0"}, "ipconfig0": {"ip=192.168.1.71/24,gw=192.168.1.1"},
			"nameserver": {"192.168.1.1 9.9.9.9"}, "agent": {"1"}, "serial0": {"socket"}, "onboot": {"1"},
		}))
	})

	It("says whose it is, and that it is not for keeps", func() {
		marker, found := inventory.ParseMarker(machine().description())
		Expect(found).To(BeTrue())
		Expect(marker).To(Equal(machine().Marker))
		Expect(machine().description()).To(HavePrefix("Talos node tazlab-cp-1 of cluster tazlab. Rebirth's bootstrap made it, and destroys it again"))
	})

	It("gets its system disk from the image, and boots from it alone", func() {
		Expect(machine().importDisk()).To(Equal(url.Values{
			"scsi0": {"local-lvm:0,import-from=local:import/" + imageFile + ",discard=on,iothread=1"},
			"boot":  {"order=scsi0"},
		}))
		Expect(machine().grow()).To(Equal(url.Values{"disk": {"scsi0"}, "size": {"34359738368"}}))
	})

	It("has a VLAN, if it is in one", func() {
		m := machine()
		m.Node.VLAN = 20
		Expect(m.shell().Get("net0")).To(HaveSuffix(",tag=20"))
	})

	It("may have an address of IPv6, and no gateway", func() {
		m := machine()
		m.Node.Address, m.Node.Gateway = netip.MustParsePrefix("fd00::71/64"), netip.MustParseAddr("fd00::1")
		Expect(m.shell().Get("ipconfig0")).To(Equal("ip6=fd00::71/64,gw6=fd00::1"))
		m.Node.Gateway = netip.Addr{}
		Expect(m.shell().Get("ipconfig0")).To(Equal("ip6=fd00::71/64"))
	})

	It("asks Talos' own nameservers if cluster.yaml doesn't say whom, and never the host's", func() {
		m := machine()
		m.Node.Nameservers = nil
		Expect(m.shell()).To(HaveKeyWithValue("nameserver", []string{"1.1.1.1 8.8.8.8"}))
	})

	DescribeTable("has disks of", func(size, gibi string) {
		Expect(gibibytes(ptr(resource.MustParse(size)).Value())).To(Equal(gibi))
	},
		Entry("whole gibibytes", "32Gi", "32"),
		Entry("parts of them", "1536Mi", "1.5"),
		Entry("other units", "1G", "0.9313225746154785"),
	)
})

func ptr[T any](v T) *T { return &v }
