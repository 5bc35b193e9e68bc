package proxmox

import (
	"context"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
	fake "github.com/tazzo/rebirth/test/proxmox"
)

var _ = Describe("An image", func() {
	var (
		server *fake.Server
		client *Client
		fresh  Download
	)

	given := func(change func(*fake.Options)) {
		GinkgoHelper()
		server = world(change)
		client = clientOf(server)
	}

	BeforeEach(func() {
		fresh = Download{Image: inventory.Image{Host: "pve1", Storage: "local", File: "talos-new.qcow2"}, URL: imageURL, SHA256: imageSHA}
	})

	It("is there or not", func(ctx context.Context) {
		given(nil)
		Expect(client.HasImage(ctx, image)).To(BeTrue())
		Expect(client.HasImage(ctx, fresh.Image)).To(BeFalse())
	})

	It("lies on one host", func(ctx context.Context) {
		given(nil)
		Expect(client.DownloadImage(ctx, fresh, told)).To(Succeed())
		Expect(client.HasImage(ctx, fresh.Image)).To(BeTrue())
		fresh.Image.Host = "pve2"
		Expect(client.HasImage(ctx, fresh.Image)).To(BeFalse())
	})

	It("is not there before all of it is", func(ctx context.Context) {
		given(func(o *fake.Options) { o.TaskTimes = map[string]time.Duration{"download": time.Minute} })
		ctx, cancel := context.WithCancel(ctx)
		ended := make(chan error)
		go func() { ended <- client.DownloadImage(ctx, fresh, told) }()
		Eventually(server.Tasks).Should(ContainElement(HaveField("Type", "download")))
		cancel()
		Eventually(ended).WithTimeout(time.Second).Should(Receive(MatchError(context.Canceled)))
		Expect(client.HasImage(context.Background(), fresh.Image)).To(BeFalse())
	})

	It("is told of while it comes", func(ctx context.Context) {
		given(func(o *fake.Options) { o.TaskTimes = map[string]time.Duration{"download": 100 * time.Millisecond} })
		var told reports
		Expect(client.DownloadImage(ctx, fresh, told.add)).To(Succeed())
		Expect(told.String()).To(ContainSubstring("download talos-new.qcow2 to storage local of host pve1, 50 %"))
	})

	DescribeTable("that is there needs no other", func(ctx context.Context, checksum string) {
		given(nil)
		Expect(client.DownloadImage(ctx, Download{Image: image, URL: imageURL, SHA256: checksum}, told)).To(Succeed())
	},
		Entry("with its checksum", imageSHA),
		Entry("without one", ""),
	)

	It("that is not what its checksum says is not kept", func(ctx context.Context) {
		given(nil)
		fresh.SHA256 = strings.Repeat("0", 64)
		Expect(client.DownloadImage(ctx, fresh, told)).To(fails(Failed, "checksum mismatch: got '"+imageSHA))
		Expect(client.HasImage(ctx, fresh.Image)).To(BeFalse())
		Expect(client.DownloadImage(ctx, Download{Image: image, URL: imageURL, SHA256: fresh.SHA256}, told)).
			To(MatchError(ContainSubstring("checksum mismatch")), "one that is there is not trusted either")
	})

	It("that can't be had says why", func(ctx context.Context) {
		given(nil)
		fresh.URL = "https://factory.example/image/typo"
		Expect(client.DownloadImage(ctx, fresh, told)).To(fails(Failed, "exit code 8; its log ends: 2026-01-01 00:00:00 ERROR 404: Not Found."))
	})

	It("takes a privilege that Proxmox doesn't name", func(ctx context.Context) {
		given(func(o *fake.Options) { delete(o.Tokens[0].Privileges, "/nodes") })
		Expect(client.DownloadImage(ctx, fresh, told)).To(fails(Denied, "lacks Sys.AccessNetwork on /nodes/pve1"))
	})

	It("needs a storage that takes it", func(ctx context.Context) {
		given(func(o *fake.Options) {
			o.Storages = []fake.Storage{{Name: "local", Type: "dir", Content: []string{"iso"}}}
		})
		Expect(client.DownloadImage(ctx, fresh, told)).To(MatchError(ContainSubstring("storage 'local' is not configured for content-type 'import'")))
	})
})
