package proxmox

import (
	"context"
	"errors"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
	fake "github.com/tazzo/rebirth/test/proxmox"
)

func createNeeds() Needs {
	return Needs{Machines: []Machine{machine()}, Downloads: []inventory.Image{image}}
}

var _ = Describe("The preflight", func() {
	check := func(ctx context.Context, needs Needs, change func(*fake.Options)) (*fake.Server, []error) {
		GinkgoHelper()
		server := world(change)
		return server, clientOf(server).Preflight(ctx, needs)
	}

	It("has nothing against least privileges, and changes nothing", func(ctx context.Context) {
		server, errs := check(ctx, createNeeds(), nil)
		Expect(errs).To(BeEmpty())
		Expect(server.Requests()).To(HaveEach(HaveField("Method", "GET")))
	})

	It("names every privilege that lacks", func(ctx context.Context) {
		for path, names := range fake.LeastPrivileges("local", "local-lvm") {
			for _, spared := range names {
				_, errs := check(ctx, createNeeds(), func(o *fake.Options) {
					less := fake.LeastPrivileges("local", "local-lvm")
					less[path] = without(less[path], spared)
					o.Tokens[0].Privileges = less
				})
				Expect(errs).To(ConsistOf(And(MatchError(Denied), HaveField("Privilege", spared), HaveField("Path", HavePrefix(path)))))
			}
		}
	})

	It("names them together where several machines lack the same", func(ctx context.Context) {
		needs := Needs{Machines: []Machine{machine(), numbered(9002)}, Destroy: []int{9003}}
		_, errs := check(ctx, needs, func(o *fake.Options) { delete(o.Tokens[0].Privileges, "/vms") })
		Expect(errs).To(ConsistOf(
			And(HaveField("Path", "/vms/9001, /vms/9002"), MatchError(ContainSubstring("lacks VM.Allocate, VM.Audit, VM.Config.CPU, VM.Config.Disk, VM.Config.HWType, VM.Config.Memory, VM.Config.Network, VM.Config.Options, VM.PowerMgmt on /vms/9001, /vms/9002. Give it a role"))),
			And(HaveField("Path", "/vms/9003"), HaveField("Privilege", "VM.Allocate, VM.Audit, VM.PowerMgmt")),
		))
	})

	It("asks for no more than a destruction needs", func(ctx context.Context) {
		_, errs := check(ctx, Needs{Destroy: []int{9001}}, func(o *fake.Options) {
			o.Tokens[0].Privileges = map[string][]string{"/vms/9001": {"VM.Allocate", "VM.Audit", "VM.PowerMgmt"}}
		})
		Expect(errs).To(BeEmpty())
	})

	It("needs a privilege on the VLAN alone, if the machine is in one", func(ctx context.Context) {
		tagged := createNeeds()
		tagged.Machines[0].Node.VLAN = 20
		only := func(o *fake.Options) {
			delete(o.Tokens[0].Privileges, "/sdn/zones/localnetwork")
			o.Tokens[0].Privileges["/sdn/zones/localnetwork/vmbr0/20"] = []string{"SDN.Use"}
		}
		_, errs := check(ctx, tagged, only)
		Expect(errs).To(BeEmpty())
		_, errs = check(ctx, createNeeds(), only)
		Expect(errs).To(ConsistOf(MatchError(ContainSubstring("lacks SDN.Use on /sdn/zones/localnetwork/vmbr0. "))))
	})

	It("names all that isn't there at once", func(ctx context.Context) {
		needs := createNeeds()
		needs.Machines[0].Node.Bridge = "vmbr9"
		needs.Machines[0].Node.Disks[1].Storage = "nvme"
		elsewhere, off := numbered(9002), numbered(9003)
		elsewhere.Node.Host, off.Node.Host = "pve9", "pve2"
		needs.Machines = append(needs.Machines, elsewhere, off)
		server := world(func(o *fake.Options) {
			o.Storages = []fake.Storage{
				{Name: "local", Type: "dir", Content: []string{"iso"}},
				{Name: "local-lvm", Type: "lvmthin", Content: []string{"images"}, Hosts: []string{"pve2"}},
			}
			delete(o.Tokens[0].Privileges, "/nodes")
			o.Tokens[0].Privileges["/storage/nvme"] = []string{"Datastore.AllocateSpace"}
		})
		server.SetOnline("pve2", false)
		Expect(clientOf(server).Preflight(ctx, needs)).To(ConsistOf(
			MatchError(ContainSubstring("lacks Sys.AccessNetwork on /nodes/pve1")),
			MatchError("host pve9 does not exist"),
			MatchError("host pve2 is not online"),
			MatchError("storage nvme does not exist"),
			MatchError(ContainSubstring("storage local-lvm is disabled, or not meant for host pve1")),
			MatchError("storage local takes iso, and for the image it must take import (pvesm set local --content iso,import)"),
			MatchError("bridge vmbr9 does not exist on host pve1"),
		))
	})

	It("doesn't take what it may not see for what isn't there", func(ctx context.Context) {
		_, errs := check(ctx, createNeeds(), func(o *fake.Options) {
			o.Tokens[0].Privileges = map[string][]string{"/vms": o.Tokens[0].Privileges["/vms"]}
		})
		Expect(errs).NotTo(BeEmpty())
		Expect(errs).To(HaveEach(MatchError(Denied)))
	})

	It("sees a storage whose disk is away", func(ctx context.Context) {
		_, errs := check(ctx, createNeeds(), func(o *fake.Options) {
			o.Storages = []fake.Storage{
				{Name: "local", Type: "dir", Content: []string{"import"}},
				{Name: "local-lvm", Type: "lvmthin", Content: []string{"images"}, Inactive: true},
			}
		})
		Expect(errs).To(ConsistOf(MatchError(ContainSubstring("storage local-lvm is not active on host pve1"))))
	})

	It("says when Proxmox is too old", func(ctx context.Context) {
		_, errs := check(ctx, createNeeds(), func(o *fake.Options) { o.Version = "8.3.5" })
		Expect(errs).To(ConsistOf(MatchError(`Proxmox VE is "8.3.5": to import an image takes 8.4 or newer`)))
	})

	DescribeTable("knows versions", func(version string, ok bool) {
		if ok {
			Expect(checkVersion(version)).To(Succeed())
		} else {
			Expect(checkVersion(version)).NotTo(Succeed())
		}
	},
		Entry("the oldest", "8.4.0", true), Entry("a later one", "8.4.16", true), Entry("the next", "9.0.0~11", true), Entry("a far one", "10.1.2", true),
		Entry("too old", "8.3.7", false), Entry("much too old", "7.4-17", false), Entry("none", "", false),
	)

	It("says nothing else when the API can't be asked", func(ctx context.Context) {
		server := world(nil)
		client := clientOf(server)
		server.Fail(fake.Fault{Path: "/nodes/pve1/storage", Status: 596, Message: "Connection timed out"})
		Expect(client.Preflight(ctx, createNeeds())).To(ConsistOf(MatchError(Unreachable)))
		server.Fail(fake.Fault{Path: "/access/permissions", Drop: true, Times: -1})
		Expect(client.Preflight(ctx, createNeeds())).To(ConsistOf(MatchError(Unreachable)))
		Expect(server.Stop()).To(Succeed())
		errs := client.Preflight(ctx, createNeeds())
		Expect(errs).To(ConsistOf(MatchError(Unreachable)))
		Expect(errors.Join(errs...)).NotTo(MatchError(ContainSubstring(tokenSecret)))
	})
})
