// Package tailnet_test holds the adapter of the tailnet against a real Headscale,
// with real nodes.
package tailnet_test

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
	"github.com/tazzo/rebirth/internal/bootstrap/secret"
	"github.com/tazzo/rebirth/internal/bootstrap/tailnet"
	"github.com/tazzo/rebirth/internal/bootstrap/tailnet/join"
	"github.com/tazzo/rebirth/test/headscale"
	"github.com/tazzo/rebirth/test/tailscale"
)

func TestTailnet(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Tailnet")
}

const joinTimeout = time.Minute // a refused node tries again after 5 s

var (
	tags      = []string{"tag:lab", "tag:talos"}
	serverDir string
	server    *headscale.Server
	control   *tailnet.Headscale
)

var _ = BeforeSuite(func(ctx SpecContext) {
	Expect(headscale.Prepare(ctx, GinkgoWriter)).To(Succeed())
	Expect(tailscale.Prepare(ctx, GinkgoWriter)).To(Succeed())
	serverDir = GinkgoT().TempDir()
	var err error
	server, err = headscale.Start(ctx, serverDir, tags...)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(server.Stop()).To(Succeed()) })
	control = client(func(*tailnet.HeadscaleOptions) {})
}, NodeTimeout(30*time.Minute)) // the first build takes minutes

// client is the adapter for the server, with options that are changed.
func client(change func(*tailnet.HeadscaleOptions)) *tailnet.Headscale {
	GinkgoHelper()
	options := tailnet.HeadscaleOptions{
		Endpoint: server.Endpoint, APIKey: secret.New([]byte(server.APIKey)), User: server.User,
	}
	change(&options)
	headscale, err := tailnet.NewHeadscale(options)
	Expect(err).NotTo(HaveOccurred())
	return headscale
}

// mint makes a key that is revoked at the spec's end.
func mint(ctx context.Context) tailnet.Key {
	GinkgoHelper()
	key, err := control.MintKey(ctx, tailnet.KeyRequest{Cluster: "lab", Tags: tags})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx SpecContext) { Expect(control.RevokeKey(ctx, key.ID)).To(Succeed()) }, NodeTimeout(time.Minute))
	return key
}

// document is the environment of a node's ExtensionServiceConfig, as bootstrap writes
// it: without a key at first and at last.
func document(hostname string, more ...string) []string {
	return append([]string{
		"TS_HOSTNAME=" + hostname,
		"TS_EXTRA_ARGS=--login-server=" + server.Endpoint,
		"TS_STATE_DIR=/var/lib/tailscale",
		"TS_AUTH_ONCE=true",
	}, more...)
}

func withKey(key string) string { return "TS_AUTHKEY=" + key }

// start starts a node in the folder; it is stopped at the spec's end.
func start(ctx context.Context, dir string, document []string) *tailscale.Node {
	GinkgoHelper()
	node, err := tailscale.Start(ctx, dir, document)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() {
		Expect(node.Kill()).To(Succeed())
		AddReportEntry("log of "+node.Hostname, node.Log(), ReportEntryVisibilityFailureOrVerbose)
	})
	return node
}

// verdict asks both ends whether the node has joined.
func verdict(ctx context.Context, node *tailscale.Node, key tailnet.Key) join.Verdict {
	GinkgoHelper()
	return join.Verify(devices(ctx), join.Want{
		Hostname: node.Hostname, Tags: tags, After: key.Created, NodeAddresses: node.Addresses(ctx),
	})
}

func devices(ctx context.Context) []inventory.Device {
	GinkgoHelper()
	all, err := control.Devices(ctx)
	Expect(err).NotTo(HaveOccurred())
	return all
}

// awaitVerdict waits until a node's join is decided.
func awaitVerdict(ctx context.Context, node *tailscale.Node, key tailnet.Key) join.Verdict {
	GinkgoHelper()
	var last join.Verdict
	Eventually(ctx, func() join.Outcome {
		last = verdict(ctx, node, key)
		return last.Outcome
	}).WithTimeout(joinTimeout).ShouldNot(Equal(join.Pending), node.Log)
	return last
}

// filesWith are the files below the folder that hold the text.
func filesWith(dir, text string) []string {
	GinkgoHelper()
	var found []string
	Expect(filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte(text)) {
			found = append(found, path)
		}
		return err
	})).To(Succeed())
	return found
}
