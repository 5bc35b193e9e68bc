package proxmox

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
	fake "github.com/tazzo/rebirth/test/proxmox"
)

var _ = Describe("mayDestroy", func() {
	planned := inventory.VM{ID: 9001, Host: "pve1", Name: "tazlab-cp-1", UUID: "u1", Tags: []string{inventory.Tag(cluster)}, Description: machine().Marker.String()}

	DescribeTable("decides on", func(change func(*inventory.VM), kind Kind, message string) {
		now := planned
		change(&now)
		err := mayDestroy("destroy VM 9001", planned, now, cluster)
		if kind == "" {
			Expect(err).NotTo(HaveOccurred())
			return
		}
		Expect(err).To(fails(kind, message))
	},
		Entry("the very machine", func(*inventory.VM) {}, Kind(""), ""),
		Entry("one that has moved to another host", func(vm *inventory.VM) { vm.Host = "pve2" }, Kind(""), ""),
		Entry("one with a marker and no tag", func(vm *inventory.VM) { vm.Tags = nil }, Refused, "lacks the tag rebirth-tazlab or the marker"),
		Entry("one with a tag and no marker", func(vm *inventory.VM) { vm.Description = "mine" }, Refused, "lacks the tag"),
		Entry("one of another cluster", func(vm *inventory.VM) {
			vm.Description = "rebirth.tazlab.net/machine: cluster=other node=n run=r life=complete"
		}, Refused, "lacks the tag"),
		Entry("another one with its number", func(vm *inventory.VM) { vm.UUID = "u2" }, Refused, "another machine has its number now (UUID u2 instead of u1)"),
		Entry("a copy of another one", func(vm *inventory.VM) { vm.Description = numbered(7002).Marker.String() }, Refused, "with its own number"),
		Entry("one that a create has finished meanwhile", func(vm *inventory.VM) {
			finished := machine().Marker
			finished.Life = inventory.Complete
			vm.Description = finished.String()
		}, Refused, "it has changed since it was looked at"),
		Entry("a template", func(vm *inventory.VM) { vm.Template = true }, Refused, "it is a template"),
		Entry("a protected one", func(vm *inventory.VM) { vm.Protected = true }, Refused, "qm set 9001 --protection 0"),
		Entry("one that is just being made", func(vm *inventory.VM) { *vm = inventory.VM{ID: 9001, Lock: "create"} }, Locked, "qm unlock 9001"),
		Entry("one that is just being destroyed", func(vm *inventory.VM) { *vm = inventory.VM{ID: 9001, Lock: "destroyed"} }, Locked, "lock destroyed"),
	)
})

var _ = Describe("Destroying a machine", func() {
	var (
		server *fake.Server
		client *Client
		vm     inventory.VM
		events []string
	)

	given := func(ctx context.Context, change func(*fake.Options)) {
		GinkgoHelper()
		events = nil
		server = world(func(o *fake.Options) {
			o.OnStop = func(fake.VM) error { events = append(events, "stop"); return nil }
			o.OnDestroy = func(fake.VM) error { events = append(events, "destroy"); return nil }
			if change != nil {
				change(o)
			}
		})
		client = clientOf(server)
		var err error
		vm, err = client.CreateVM(ctx, machine(), told)
		Expect(err).NotTo(HaveOccurred())
		Expect(client.StartVM(ctx, 9001, cluster, told)).To(Succeed())
	}

	It("stops it, waits until it is stopped, and leaves no disk", func(ctx context.Context) {
		given(ctx, func(o *fake.Options) { o.TaskTimes = map[string]time.Duration{"qmstop": 100 * time.Millisecond} })
		var told reports
		Expect(client.DestroyVM(ctx, vm, cluster, told.add)).To(Succeed())
		Expect(server.VMs()).To(BeEmpty())
		Expect(events).To(Equal([]string{"stop", "destroy"}))
		Expect(server.Volumes("pve1")).To(HaveExactElements("local:import/" + imageFile))
		Expect(told.String()).To(Equal("stop VM 9001\ndestroy VM 9001"))
		Expect(server.Requests()).To(ContainElement(And(HaveField("Method", "DELETE"),
			HaveField("Params", And(HaveKeyWithValue("purge", ConsistOf("1")), HaveKeyWithValue("destroy-unreferenced-disks", ConsistOf("1")))))))
	})

	It("leaves no disk of an import that was killed", func(ctx context.Context) {
		given(ctx, nil)
		server.Edit(9001, map[string]string{"scsi0": ""})
		Expect(client.DestroyVM(ctx, vm, cluster, told)).To(Succeed())
		Expect(server.Volumes("pve1")).To(HaveExactElements("local:import/" + imageFile))
	})

	It("waits for the import that an interrupted creation has left, and takes its disk along", func(ctx context.Context) {
		given(ctx, func(o *fake.Options) { o.TaskTimes = map[string]time.Duration{"import": 500 * time.Millisecond} })
		interrupted, cancel := context.WithCancel(ctx)
		ended := make(chan error)
		go func() {
			_, err := client.CreateVM(interrupted, numbered(9002), told)
			ended <- err
		}()
		Eventually(func() int { return server.ImportsNow("pve1") }).WithTimeout(5 * time.Second).Should(Equal(1))
		cancel()
		Eventually(ended).Should(Receive(MatchError(context.Canceled)))

		left, err := client.VM(ctx, 9002)
		Expect(err).NotTo(HaveOccurred())
		Expect(client.DestroyVM(ctx, left, cluster, told)).To(Succeed())
		Expect(server.VMs()).To(HaveExactElements(HaveField("ID", 9001)))
		Expect(server.Volumes("pve1")).NotTo(ContainElement(ContainSubstring("9002")))
	})

	It("is done with one that is gone", func(ctx context.Context) {
		given(ctx, nil)
		server.Remove(9001)
		Expect(client.DestroyVM(ctx, vm, cluster, told)).To(Succeed())
	})

	It("is done with one that goes away meanwhile", func(ctx context.Context) {
		given(ctx, nil)
		server.Fail(fake.Fault{Method: "DELETE", Path: "/nodes/pve1/qemu/9001", Deaf: true})
		Expect(client.DestroyVM(ctx, vm, cluster, told)).To(Succeed())
		Expect(server.VMs()).To(BeEmpty())
	})

	It("finds one that has moved", func(ctx context.Context) {
		given(ctx, nil)
		server.Migrate(9001, "pve2")
		Expect(client.DestroyVM(ctx, vm, cluster, told)).To(Succeed())
		Expect(server.VMs()).To(BeEmpty())
	})

	DescribeTable("leaves alone", func(ctx context.Context, changes map[string]string) {
		given(ctx, nil)
		server.Edit(9001, changes)
		requests := len(server.Requests())
		Expect(client.DestroyVM(ctx, vm, cluster, told)).To(MatchError(Refused))
		Expect(shown(server, 9001)).To(HaveField("Running", true))
		Expect(server.Requests()[requests:]).To(HaveEach(HaveField("Method", "GET")))
	},
		Entry("one that has lost its tag", map[string]string{"tags": ""}),
		Entry("one that has lost its marker", map[string]string{"description": "mine now"}),
		Entry("another one with its number", map[string]string{"smbios1": "uuid=7a0c3e52-6b1e-4b9f-a5f3-0123456789ab"}),
		Entry("a protected one", map[string]string{"protection": "1"}),
		Entry("a template", map[string]string{"template": "1"}),
	)

	It("leaves alone one that a create has finished since it was looked at", func(ctx context.Context) {
		given(ctx, nil)
		finished := machine().Marker
		finished.Life = inventory.Complete
		Expect(client.SetMarker(ctx, 9001, finished)).To(Succeed())
		Expect(client.DestroyVM(ctx, vm, cluster, told)).To(fails(Refused, "it has changed since it was looked at"))
		Expect(shown(server, 9001)).To(HaveField("Running", true))
	})

	It("waits for somebody else's lock", func(ctx context.Context) {
		given(ctx, nil)
		server.Edit(9001, map[string]string{"lock": "backup"})
		ended := make(chan error)
		var told reports
		go func() { ended <- client.DestroyVM(ctx, vm, cluster, told.add) }()
		Eventually(told.String).WithTimeout(5 * time.Second).Should(ContainSubstring("stop VM 9001: task qmstop failed: VM is locked (backup); trying again"))
		server.Edit(9001, map[string]string{"lock": ""})
		Eventually(ended).WithTimeout(5 * time.Second).Should(Receive(BeNil()))
		Expect(server.VMs()).To(BeEmpty())
	})

	It("says what it waited for when its time is up", func(ctx context.Context) {
		given(ctx, nil)
		server.Edit(9001, map[string]string{"lock": "backup"})
		ctx, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
		Expect(client.DestroyVM(ctx, vm, cluster, told)).To(fails(TimedOut, "VM is locked (backup)"))
	})

	It("waits for an import that is still under way", func(ctx context.Context) {
		given(ctx, nil)
		release := server.Hold(9001)
		ended := make(chan error)
		go func() { ended <- client.DestroyVM(ctx, vm, cluster, told) }()
		Eventually(server.Tasks).WithTimeout(5 * time.Second).Should(ContainElement(And(HaveField("Type", "qmstop"), HaveField("Exit", ContainSubstring("can't lock file")))))
		release()
		Eventually(ended).WithTimeout(5 * time.Second).Should(Receive(BeNil()))
	})

	It("stops one again that somebody else starts", func(ctx context.Context) {
		given(ctx, nil)
		server.Fail(fake.Fault{Path: "/nodes/pve1/qemu/9001/status/stop", TaskExit: "OK"})
		Expect(client.DestroyVM(ctx, vm, cluster, told)).To(Succeed())
		Expect(events).To(Equal([]string{"stop", "destroy"}))
	})

	It("bears a short outage of the host", func(ctx context.Context) {
		given(ctx, nil)
		server.Fail(fake.Fault{Path: "/nodes/pve1/qemu/9001/*", Status: 595, Message: "No route to host", Times: 3})
		server.Fail(fake.Fault{Path: "/cluster/resources", Drop: true, Times: 2})
		Expect(client.DestroyVM(ctx, vm, cluster, told)).To(Succeed())
	})

	It("names a host that stays away", func(ctx context.Context) {
		given(ctx, nil)
		server.SetOnline("pve1", false)
		Expect(client.DestroyVM(ctx, vm, cluster, told)).To(fails(Unreachable, "/nodes/pve1/"))
	})

	It("says so when what doesn't exist is not the machine", func(ctx context.Context) {
		given(ctx, nil)
		server.Fail(fake.Fault{Method: "DELETE", Path: "/nodes/pve1/qemu/9001", TaskExit: "storage 'gone' does not exist", Times: -1})
		Expect(client.DestroyVM(ctx, vm, cluster, told)).To(fails(NotFound, "storage 'gone' does not exist"))
	})

	It("says why it failed", func(ctx context.Context) {
		given(ctx, nil)
		server.Fail(fake.Fault{Method: "DELETE", Path: "/nodes/pve1/qemu/9001", TaskExit: "zfs error: cannot destroy 'rpool/data/vm-9001-disk-0': dataset is busy"})
		Expect(client.DestroyVM(ctx, vm, cluster, told)).To(fails(Failed, "dataset is busy"))
	})
})
