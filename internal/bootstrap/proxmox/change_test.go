package proxmox

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
	fake "github.com/tazzo/rebirth/test/proxmox"
)

var _ = Describe("A machine of the cluster", func() {
	var (
		server  *fake.Server
		client  *Client
		started []int
	)

	BeforeEach(func() {
		started = nil
		server = world(func(o *fake.Options) {
			o.OnStart = func(vm fake.VM) error { started = append(started, vm.ID); return nil }
		})
		client = clientOf(server)
		server.AddVM("pve1", 9001, ownConfig())
	})

	It("is started, once", func(ctx context.Context) {
		Expect(client.StartVM(ctx, 9001, cluster, told)).To(Succeed())
		Expect(client.StartVM(ctx, 9001, cluster, told)).To(Succeed())
		Expect(shown(server, 9001)).To(HaveField("Running", true))
		Expect(started).To(Equal([]int{9001}))
	})

	It("is started by somebody else at the same moment", func(ctx context.Context) {
		server.Fail(fake.Fault{Path: "/nodes/pve1/qemu/9001/status/start", Deaf: true})
		Expect(client.StartVM(ctx, 9001, cluster, told)).To(Or(Succeed(), MatchError(Unreachable)))
		Eventually(server.VMs).Should(ConsistOf(HaveField("Running", true)))
		Expect(client.StartVM(ctx, 9001, cluster, told)).To(Succeed())
	})

	It("is started when its lock is free", func(ctx context.Context) {
		release := server.Hold(9001)
		ended := make(chan error)
		go func() { ended <- client.StartVM(ctx, 9001, cluster, told) }()
		Eventually(server.Tasks).Should(ContainElement(HaveField("Exit", ContainSubstring("got timeout"))))
		release()
		Eventually(ended).WithTimeout(5e9).Should(Receive(BeNil()))
	})

	It("says why it doesn't start", func(ctx context.Context) {
		server.Fail(fake.Fault{Path: "/nodes/pve1/qemu/9001/status/start", TaskExit: "start failed: QEMU exited with code 1"})
		Expect(client.StartVM(ctx, 9001, cluster, told)).To(And(MatchError(Failed), MatchError("start VM 9001: task qmstart failed: start failed: QEMU exited with code 1")))
	})

	It("is marked, and what its owner wrote is kept", func(ctx context.Context) {
		server.Edit(9001, map[string]string{"description": "the owner's\n" + machine().Marker.String() + "\nwords"})
		marker := machine().Marker
		marker.Life = inventory.Complete
		Expect(client.SetMarker(ctx, 9001, marker)).To(Succeed())
		Expect(shown(server, 9001)).To(HaveField("Config", HaveKeyWithValue("description", "the owner's\n"+marker.String()+"\nwords")))
		requests := len(server.Requests())
		Expect(client.SetMarker(ctx, 9001, marker)).To(Succeed())
		Expect(server.Requests()[requests:]).NotTo(ContainElement(HaveField("Method", "PUT")), "it is marked already")
	})

	It("is marked while it runs", func(ctx context.Context) {
		Expect(client.StartVM(ctx, 9001, cluster, told)).To(Succeed())
		marker := machine().Marker
		marker.Life = inventory.Complete
		Expect(client.SetMarker(ctx, 9001, marker)).To(Succeed())
	})

	It("is marked although somebody else edits it", func(ctx context.Context) {
		server.Fail(fake.Fault{Method: "PUT", Path: "/nodes/pve1/qemu/9001/config", Status: 500, Message: "checksum mismatch (file change by other user?)"})
		marker := machine().Marker
		marker.Life = inventory.Complete
		Expect(client.SetMarker(ctx, 9001, marker)).To(Succeed())
		server.Fail(fake.Fault{Method: "PUT", Path: "/nodes/pve1/qemu/9001/config", Status: 500, Message: "checksum mismatch (file change by other user?)", Times: -1})
		marker.Life = inventory.Unfinished
		Expect(client.SetMarker(ctx, 9001, marker)).To(MatchError(Conflict))
	})

	DescribeTable("is marked although Proxmox hiccups", func(ctx context.Context, fault fake.Fault) {
		server.Fail(fault)
		marker := machine().Marker
		marker.Life = inventory.Complete
		Expect(client.SetMarker(ctx, 9001, marker)).To(Succeed())
		Expect(shown(server, 9001).Config).To(HaveKeyWithValue("description", marker.String()))
	},
		Entry("when it looks for the machine", fake.Fault{Path: "/cluster/resources", Status: 502, Message: "Bad Gateway"}),
		Entry("when it reads the machine", fake.Fault{Method: "GET", Path: "/nodes/pve1/qemu/9001/config", Status: 596, Message: "Connection timed out"}),
		Entry("when it writes", fake.Fault{Method: "PUT", Path: "/nodes/pve1/qemu/9001/config", Drop: true, Times: 2}),
		Entry("when it has written", fake.Fault{Method: "PUT", Path: "/nodes/pve1/qemu/9001/config", Deaf: true}),
	)

	It("is not marked when Proxmox stays away, and that is said", func(ctx context.Context) {
		server.Fail(fake.Fault{Path: "/cluster/resources", Drop: true, Times: -1})
		Expect(client.SetMarker(ctx, 9001, machine().Marker)).To(MatchError(Unreachable))
	})

	It("is marked with the digest of what was read", func(ctx context.Context) {
		marker := machine().Marker
		marker.Life = inventory.Complete
		Expect(client.SetMarker(ctx, 9001, marker)).To(Succeed())
		Expect(server.Requests()).To(ContainElement(And(HaveField("Method", "PUT"), HaveField("Params", HaveKeyWithValue("digest", ConsistOf(HaveLen(40)))))))
	})

	DescribeTable("is neither started nor marked if it is not the one", func(ctx context.Context, changes map[string]string) {
		server.Edit(9001, changes)
		Expect(client.StartVM(ctx, 9001, cluster, told)).To(fails(Refused, "Nothing was done to it"))
		Expect(client.SetMarker(ctx, 9001, machine().Marker)).To(MatchError(Refused))
		Expect(started).To(BeEmpty())
		Expect(server.Requests()).To(HaveEach(HaveField("Method", "GET")))
	},
		Entry("without the tag", map[string]string{"tags": "talos"}),
		Entry("without the marker", map[string]string{"description": "mine"}),
		Entry("with another one's marker", map[string]string{"description": numbered(7002).Marker.String()}),
	)

	DescribeTable("is not marked for another", func(ctx context.Context, change func(*inventory.Marker)) {
		marker := machine().Marker
		change(&marker)
		Expect(client.SetMarker(ctx, 9001, marker)).To(MatchError(Refused))
	},
		Entry("node", func(m *inventory.Marker) { m.Node = "tazlab-cp-2" }),
		Entry("number", func(m *inventory.Marker) { m.VM = 9002 }),
		Entry("run", func(m *inventory.Marker) { m.Run = "r2" }),
		Entry("cluster", func(m *inventory.Marker) { m.Cluster = "other" }),
	)

	It("may have a container in its place", func(ctx context.Context) {
		server.AddContainer("pve1", 9002, "pihole")
		Expect(client.StartVM(ctx, 9002, cluster, told)).To(MatchError(Refused))
		Expect(client.SetMarker(ctx, 9002, machine().Marker)).To(MatchError(NotFound))
	})

	It("that is gone is not found", func(ctx context.Context) {
		server.Remove(9001)
		Expect(client.StartVM(ctx, 9001, cluster, told)).To(MatchError(NotFound))
		Expect(client.SetMarker(ctx, 9001, machine().Marker)).To(MatchError(NotFound))
	})
})
