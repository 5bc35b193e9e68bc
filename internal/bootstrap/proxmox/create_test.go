package proxmox

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
	fake "github.com/tazzo/rebirth/test/proxmox"
)

var _ = Describe("Making a machine", func() {
	var (
		server *fake.Server
		client *Client
	)

	given := func(change func(*fake.Options)) {
		GinkgoHelper()
		server = world(change)
		client = clientOf(server)
	}

	It("ends with one that is whole, stopped, and the cluster's own", func(ctx context.Context) {
		given(nil)
		var told reports
		vm, err := client.CreateVM(ctx, machine(), told.add)
		Expect(err).NotTo(HaveOccurred())
		marker, own := vm.BelongsTo(cluster)
		Expect(own).To(BeTrue())
		Expect(marker).To(Equal(machine().Marker))
		made := shown(server, 9001)
		Expect(vm).To(And(HaveField("UUID", made.UUID), HaveField("UUID", HaveLen(36)), HaveField("MAC", "BC:24:11:00:00:01"),
			HaveField("Host", "pve1"), HaveField("Running", false), HaveField("Lock", "")))
		Expect(made.Image).To(Equal("local:import/" + imageFile))
		Expect(made.Config).To(And(
			HaveKeyWithValue("scsi0", HaveSuffix(",size=33554432K")), // 32 GiB, though the image has 2
			HaveKeyWithValue("scsi1", HaveSuffix(",size=104857600K")),
			HaveKeyWithValue("ide2", "local-lvm:vm-9001-cloudinit,media=cdrom"),
			HaveKeyWithValue("boot", "order=scsi0"),
			HaveKeyWithValue("ipconfig0", "ip=192.168.1.71/24,gw=192.168.1.1"),
			HaveKeyWithValue("agent", "1"),
		))
		Expect(told.String()).To(And(ContainSubstring("make VM 9001 on host pve1"), ContainSubstring("import the image to VM 9001")))
	})

	It("can put it into a VLAN", func(ctx context.Context) {
		given(nil)
		m := machine()
		m.Node.VLAN = 20
		_, err := client.CreateVM(ctx, m, told)
		Expect(err).NotTo(HaveOccurred())
		made := shown(server, 9001)
		Expect(made.Config).To(HaveKeyWithValue("net0", HaveSuffix(",tag=20")))
	})

	It("tells how far the import is", func(ctx context.Context) {
		given(func(o *fake.Options) { o.TaskTimes = map[string]time.Duration{"import": 400 * time.Millisecond} })
		var told reports
		_, err := client.CreateVM(ctx, machine(), told.add)
		Expect(err).NotTo(HaveOccurred())
		Expect(told.String()).To(MatchRegexp(`(?m)^import the image to VM 9001, (25|50|75) %$`))
		Expect(strings.Count(told.String(), ", 50 %")).To(BeNumerically("<=", 1))
	})

	It("is known as the cluster's own while its disk is imported, and after an interruption", func(ctx context.Context) {
		given(func(o *fake.Options) { o.TaskTimes = map[string]time.Duration{"import": time.Minute} })
		ctx, cancel := context.WithCancelCause(ctx)
		ended := make(chan error)
		go func() {
			_, err := client.CreateVM(ctx, machine(), told)
			ended <- err
		}()
		Eventually(server.Requests).WithTimeout(5 * time.Second).Should(ContainElement(
			HaveField("Path", And(ContainSubstring(":qmconfig:"), HaveSuffix("/status")))))
		cancel(errors.New("Ctrl-C"))
		Eventually(ended).WithTimeout(time.Second).Should(Receive(And(
			MatchError(context.Cause(ctx)), MatchError(ContainSubstring("import the image to VM 9001: interrupted; last: the task runs")))))

		vms, err := client.VMs(context.Background(), cluster, nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(ids(vms)).To(Equal([]int{9001}))
		marker, own := vms[0].BelongsTo(cluster)
		Expect(own).To(BeTrue())
		Expect(marker.Life).To(Equal(inventory.Unfinished))
	})

	It("says how far it was when its time is up", func(ctx context.Context) {
		given(func(o *fake.Options) { o.TaskTimes = map[string]time.Duration{"qmcreate": time.Minute} })
		ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		_, err := client.CreateVM(ctx, machine(), told)
		Expect(err).To(And(MatchError(TimedOut), MatchError(context.DeadlineExceeded), MatchError("make VM 9001 on host pve1: not done in time; last: the task runs")))
	})

	It("never takes another number, nor somebody's machine", func(ctx context.Context) {
		given(nil)
		server.AddVM("pve2", 9001, map[string]string{"name": "somebody's"})
		_, err := client.CreateVM(ctx, machine(), told)
		Expect(err).To(fails(Conflict, "make VM 9001 on host pve1: unable to create VM 9001 - VM 9001 already exists on node 'pve2'"))
		server.AddContainer("pve2", 9002, "pihole")
		_, err = client.CreateVM(ctx, numbered(9002), told)
		Expect(err).To(fails(Conflict, "CT 9002 already exists"))
		Expect(server.VMs()).To(HaveLen(1))
	})

	It("knows that a task may not be known yet", func(ctx context.Context) {
		given(func(o *fake.Options) { o.LateTasks = true })
		_, err := client.CreateVM(ctx, machine(), told)
		Expect(err).NotTo(HaveOccurred())
	})

	It("gives up on a task that is never known", func(ctx context.Context) {
		given(nil)
		server.Fail(fake.Fault{Path: "/nodes/pve1/tasks/*/status", Status: 400, Message: "Parameter verification failed.", Times: -1})
		_, err := client.CreateVM(ctx, machine(), told)
		Expect(err).To(MatchError(ContainSubstring("status 400")))
	})

	It("takes warnings for success, and passes them on", func(ctx context.Context) {
		given(nil)
		server.Fail(fake.Fault{Method: "POST", Path: "/nodes/pve1/qemu", TaskWarning: "iothread is only valid with virtio disk"})
		var told reports
		_, err := client.CreateVM(ctx, machine(), told.add)
		Expect(err).NotTo(HaveOccurred())
		Expect(told.String()).To(ContainSubstring("make VM 9001 on host pve1: done, with a warning: iothread is only valid with virtio disk"))
	})

	It("takes a failed task for a failure, and says why it failed", func(ctx context.Context) {
		given(nil)
		m := machine()
		m.Image.File = "gone.qcow2"
		_, err := client.CreateVM(ctx, m, told)
		Expect(err).To(And(MatchError(Failed), MatchError("import the image to VM 9001: task qmconfig failed: failed to stat '/var/lib/vz/import/gone.qcow2'")))
		server.Fail(fake.Fault{Method: "POST", Path: "/nodes/pve1/qemu", TaskExit: "unable to create VM 9002 - unable to create image: out of space"})
		_, err = client.CreateVM(ctx, numbered(9002), told)
		Expect(err).To(fails(Failed, "out of space"))
	})

	It("can't have a disk that is smaller than the image", func(ctx context.Context) {
		given(nil)
		m := machine()
		m.Node.Disks[0].Size = resource.MustParse("1Gi")
		_, err := client.CreateVM(ctx, m, told)
		Expect(err).To(fails(Failed, "grow the disk of VM 9001: task resize failed: shrinking disks is not supported"))
	})

	It("tries again when a lock times out", func(ctx context.Context) {
		given(nil)
		server.Fail(fake.Fault{Method: "POST", Path: "/nodes/pve1/qemu", Status: 500, Message: "can't lock file '/var/lock/qemu-server/lock-9001.conf' - got timeout"})
		server.Fail(fake.Fault{Method: "POST", Path: "/nodes/pve1/qemu/9001/config", TaskExit: "cfs-lock 'storage-nfs' error: got lock request timeout"})
		var told reports
		_, err := client.CreateVM(ctx, machine(), told.add)
		Expect(err).NotTo(HaveOccurred())
		Expect(told.String()).To(And(ContainSubstring("lock-9001.conf' - got timeout; trying again"), ContainSubstring("got lock request timeout; trying again")))
	})

	It("bears a short outage while it waits for a task", func(ctx context.Context) {
		given(nil)
		server.Fail(fake.Fault{Path: "/nodes/pve1/tasks/*/status", Drop: true, Times: 2})
		server.Fail(fake.Fault{Path: "/nodes/pve1/tasks/*/status", Status: 595, Message: "Connection refused"})
		_, err := client.CreateVM(ctx, machine(), told)
		Expect(err).NotTo(HaveOccurred())
	})

	It("doesn't bear a long one", func(ctx context.Context) {
		given(nil)
		server.Fail(fake.Fault{Path: "/nodes/pve1/tasks/*/status", Drop: true, Times: -1})
		began := client.clock.Now()
		_, err := client.CreateVM(ctx, machine(), told)
		Expect(err).To(MatchError(Unreachable))
		Expect(client.clock.Since(began)).To(BeNumerically("~", outageForgiven, 15*time.Second))
	})

	It("imports no more than two images at the same time on one host", func(ctx context.Context) {
		given(func(o *fake.Options) { o.TaskTimes = map[string]time.Duration{"import": 100 * time.Millisecond} })
		var told reports
		var group errgroup.Group
		for i := range 8 {
			m := numbered(9001 + i)
			if i >= 5 {
				m.Node.Host, m.Image.Host = "pve2", "pve2"
			}
			group.Go(func() error {
				_, err := client.CreateVM(ctx, m, told.add)
				return err
			})
		}
		Expect(group.Wait()).To(Succeed())
		Expect(server.MostImports("pve1")).To(Equal(2))
		Expect(server.MostImports("pve2")).To(Equal(2))
		Expect(told.String()).To(ContainSubstring("waiting, for host pve1 imports 2 others"))
		Expect(server.VMs()).To(HaveLen(8))
	})

	It("names the privilege that lacks, also where Proxmox doesn't", func(ctx context.Context) {
		given(func(o *fake.Options) { o.Tokens[0].Privileges = map[string][]string{"/vms": {"VM.Audit"}} })
		_, err := client.CreateVM(ctx, machine(), told)
		Expect(err).To(fails(Denied, "lacks VM.Allocate on /vms/9001"))
	})

	It("passes on what Proxmox says of a parameter", func(ctx context.Context) {
		given(nil)
		m := machine()
		m.Node.MAC = "bd:24:11:00:00:01" // a multicast address
		_, err := client.CreateVM(ctx, m, told)
		Expect(err).To(fails(Invalid, "net0 (invalid format - format error macaddr: invalid format - value does not look like a valid unicast MAC address"))
	})

	It("takes least privileges: none of them can be spared, and no other is needed", func(ctx context.Context) {
		everything := fake.LeastPrivileges("local", "local-lvm")
		for path, names := range everything {
			for _, spared := range names {
				given(func(o *fake.Options) {
					less := fake.LeastPrivileges("local", "local-lvm")
					less[path] = without(less[path], spared)
					o.Tokens[0].Privileges = less
				})
				Expect(live(ctx, client)).To(
					Or(MatchError(Denied), MatchError(NotFound), MatchError(ContainSubstring("Permission check failed"))), "%s on %s", spared, path)
			}
		}
		given(nil)
		Expect(live(ctx, client)).To(Succeed())
	})
})

// live is all that is done to a machine in its life.
func live(ctx context.Context, client *Client) error {
	m := machine()
	m.Image.File = "talos-other.qcow2"
	if _, err := client.HasImage(ctx, m.Image); err != nil {
		return err
	}
	if err := client.DownloadImage(ctx, Download{Image: m.Image, URL: imageURL, SHA256: imageSHA}, told); err != nil {
		return err
	}
	if _, err := client.CreateVM(ctx, m, told); err != nil {
		return err
	}
	if err := client.StartVM(ctx, 9001, cluster, told); err != nil {
		return err
	}
	m.Marker.Life = inventory.Complete
	if err := client.SetMarker(ctx, 9001, m.Marker); err != nil {
		return fmt.Errorf("mark: %w", err)
	}
	vm, err := client.VM(ctx, 9001)
	if err != nil {
		return err
	}
	return client.DestroyVM(ctx, vm, cluster, told)
}

func without(names []string, spared string) []string {
	var rest []string
	for _, name := range names {
		if name != spared {
			rest = append(rest, name)
		}
	}
	return rest
}
