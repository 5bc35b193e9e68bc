package proxmox

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
	fake "github.com/tazzo/rebirth/test/proxmox"
)

// ids of machines.
func ids(vms []inventory.VM) []int {
	var ids []int
	for _, vm := range vms {
		ids = append(ids, vm.ID)
	}
	return ids
}

var _ = Describe("The machines that are there", func() {
	var (
		server *fake.Server
		client *Client
	)

	BeforeEach(func() {
		server = world(nil)
		client = clientOf(server)
	})

	It("are those with a number of the cluster and those with its tag, on any host", func(ctx context.Context) {
		server.AddVM("pve1", 9001, ownConfig())
		server.AddVM("pve2", 9005, map[string]string{"name": "old", "tags": "x;" + inventory.Tag(cluster)})
		server.AddVM("pve2", 9002, map[string]string{"name": "somebody's"})
		server.AddVM("pve1", 100, map[string]string{"name": "other", "tags": inventory.Tag("other")})
		vms, err := client.VMs(ctx, cluster, []int{9001, 9002, 9003})
		Expect(err).NotTo(HaveOccurred())
		Expect(ids(vms)).To(Equal([]int{9001, 9002, 9005}))
		marker, own := vms[0].BelongsTo(cluster)
		Expect(own).To(BeTrue())
		Expect(marker).To(Equal(machine().Marker))
		Expect(vms[0]).To(And(HaveField("Host", "pve1"), HaveField("Name", "tazlab-cp-1"), HaveField("MAC", "BC:24:11:00:00:01"),
			HaveField("UUID", HaveLen(36)), HaveField("Cores", 4), HaveField("MemoryMiB", 8192), HaveField("Running", false)))
		Expect(vms[1]).To(And(HaveField("Host", "pve2"), HaveField("Name", "somebody's")))
	})

	It("may be containers, which are nobody's machine", func(ctx context.Context) {
		server.AddContainer("pve2", 9001, "pihole")
		vms, err := client.VMs(ctx, cluster, []int{9001})
		Expect(err).NotTo(HaveOccurred())
		Expect(vms).To(HaveExactElements(inventory.VM{ID: 9001, Host: "pve2", Name: "pihole", Tags: []string{}}))
		_, own := vms[0].BelongsTo(cluster)
		Expect(own).To(BeFalse())
	})

	It("are none in an empty cluster", func(ctx context.Context) {
		Expect(client.VMs(ctx, cluster, []int{9001})).To(BeEmpty())
	})

	It("are waited for while they are made", func(ctx context.Context) {
		server.AddVM("pve1", 9001, map[string]string{"lock": "create"})
		go func() {
			defer GinkgoRecover()
			Eventually(server.Requests).Should(ContainElement(HaveField("Path", "/nodes/pve1/qemu/9001/status/current")))
			own := ownConfig()
			own["lock"] = ""
			server.Edit(9001, own)
		}()
		vms, err := client.VMs(ctx, cluster, []int{9001})
		Expect(err).NotTo(HaveOccurred())
		Expect(vms).To(ConsistOf(HaveField("Name", "tazlab-cp-1")))
	})

	It("are shown as they are when nobody goes on with them", func(ctx context.Context) {
		server.AddVM("pve1", 9001, map[string]string{"lock": "destroyed"})
		began := client.clock.Now()
		vms, err := client.VMs(ctx, cluster, []int{9001})
		Expect(err).NotTo(HaveOccurred())
		Expect(vms).To(ConsistOf(And(HaveField("Lock", "destroyed"), HaveField("Name", ""))))
		Expect(client.clock.Since(began)).To(BeNumerically("~", settleTime, 10*time.Second))
	})

	It("may go away while they are read", func(ctx context.Context) {
		server.AddVM("pve1", 9001, ownConfig())
		server.Fail(fake.Fault{Path: "/nodes/pve1/qemu/9001/config", Status: 500, Message: "Configuration file 'nodes/pve1/qemu-server/9001.conf' does not exist"})
		Expect(client.VMs(ctx, cluster, []int{9001})).To(HaveLen(1))
		server.Fail(fake.Fault{Path: "/nodes/pve1/qemu/9001/config", Status: 500, Message: "Configuration file 'nodes/pve1/qemu-server/9001.conf' does not exist", Times: -1})
		_, err := client.VMs(ctx, cluster, []int{9001})
		Expect(err).To(MatchError(NotFound))
	})

	It("can't be read on a host that is off, which is said", func(ctx context.Context) {
		server.AddVM("pve2", 9001, ownConfig())
		server.SetOnline("pve2", false)
		_, err := client.VMs(ctx, cluster, []int{9001})
		Expect(err).To(fails(Unreachable, "/nodes/pve2/qemu/9001/config: the host behind the API can't be reached"))
	})
})
