package tailnet_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/bootstrap/tailnet"
	"github.com/tazzo/rebirth/internal/bootstrap/tailnet/join"
	"github.com/tazzo/rebirth/test/tailscale"
)

// singleUse is a key as the seed made it: reusable: false.
func singleUse(ctx context.Context) string {
	GinkgoHelper()
	out, err := server.CLI(ctx, "preauthkeys", "create", "--ephemeral", "--tags", strings.Join(tags, ","))
	Expect(err).NotTo(HaveOccurred())
	return strings.TrimSpace(string(out))
}

var _ = Describe("A single-use key", func() {
	It("lets the first node in and refuses the second, as in the seed", func(ctx SpecContext) {
		key := singleUse(ctx)
		first := start(ctx, GinkgoT().TempDir(), document("single-1", withKey(key)))
		Eventually(ctx, first.Addresses).WithTimeout(joinTimeout).ShouldNot(BeEmpty(), first.Log)
		second := start(ctx, GinkgoT().TempDir(), document("single-2", withKey(key)))
		Eventually(ctx, second.Log).WithTimeout(joinTimeout).Should(ContainSubstring("authkey already used"))
		Expect(second.Addresses(ctx)).To(BeEmpty())
	}, SpecTimeout(5*time.Minute))
})

var _ = Describe("A key of bootstrap", Ordered, func() {
	var (
		key    tailnet.Key
		secret string
		dirs   []string
		nodes  []*tailscale.Node
	)

	BeforeAll(func(ctx SpecContext) {
		key = mint(ctx)
		secret = string(key.Secret.Bytes())
		for i := range 3 {
			dirs = append(dirs, GinkgoT().TempDir())
			nodes = append(nodes, start(ctx, dirs[i], document(fmt.Sprintf("lab-worker-%d", i+1), withKey(secret))))
		}
	}, NodeTimeout(time.Minute))

	It("lives for a quarter of an hour", func() {
		Expect(key.Expires).To(BeTemporally("~", time.Now().Add(15*time.Minute), time.Minute))
	})

	It("lets every node in, tagged, ephemeral and under its own name, and both ends agree", func(ctx SpecContext) {
		for _, node := range nodes {
			Expect(awaitVerdict(ctx, node, key)).To(HaveField("Outcome", join.Joined))
		}
	}, SpecTimeout(5*time.Minute))

	It("is in no file that a node or the control server wrote", func() {
		for _, dir := range append(slices.Clone(dirs), serverDir) {
			Expect(filesWith(dir, secret)).To(BeEmpty())
		}
		Expect(os.ReadDir(filepath.Join(dirs[0], "state"))).NotTo(BeEmpty(), "there is state to search")
	})

	It("once it is revoked, lets nobody in", func(ctx SpecContext) {
		Expect(control.RevokeKey(ctx, key.ID)).To(Succeed())
		late := start(ctx, GinkgoT().TempDir(), document("late", withKey(secret)))
		Eventually(ctx, late.Log).WithTimeout(joinTimeout).Should(ContainSubstring("authkey expired"))
		Expect(late.Addresses(ctx)).To(BeEmpty())
	}, SpecTimeout(5*time.Minute))

	It("once it is revoked, leaves those in that have joined, as ephemeral as before", func(ctx SpecContext) {
		for _, node := range nodes {
			Expect(verdict(ctx, node, key)).To(HaveField("Outcome", join.Joined))
		}
	}, SpecTimeout(time.Minute))
})

var _ = Describe("A key that is lent to a node", func() {
	It("is nowhere on the node once it is taken back, and the node stays in", func(ctx SpecContext) {
		key, dir := mint(ctx), GinkgoT().TempDir()
		secret := string(key.Secret.Bytes())

		waiting := start(ctx, dir, document("lent"))
		Eventually(ctx, waiting.Log).WithTimeout(joinTimeout).Should(ContainSubstring("To authenticate, visit"))
		Expect(waiting.Stop()).To(Succeed())

		joining := start(ctx, dir, document("lent", withKey(secret)))
		joined := awaitVerdict(ctx, joining, key)
		Expect(joined.Outcome).To(Equal(join.Joined))
		Expect(processesWith(secret)).NotTo(BeEmpty(), "the search finds it where it is")
		Expect(joining.Stop()).To(Succeed())

		staying := start(ctx, dir, document("lent"))
		Expect(awaitVerdict(ctx, staying, key)).To(And(HaveField("Outcome", join.Joined), HaveField("Device.ID", joined.Device.ID)))
		Expect(processesWith(secret)).To(BeEmpty())
		Expect(filesWith(dir, secret)).To(BeEmpty())
	}, SpecTimeout(5*time.Minute))
})

// processesWith are the processes that have the text in their arguments or environment.
func processesWith(text string) []string {
	GinkgoHelper()
	var found []string
	for _, what := range []string{"cmdline", "environ"} {
		paths, err := filepath.Glob("/proc/[0-9]*/" + what)
		Expect(err).NotTo(HaveOccurred())
		for _, path := range paths {
			if content, err := os.ReadFile(path); err == nil && bytes.Contains(content, []byte(text)) {
				found = append(found, path)
			}
		}
	}
	return found
}

var _ = Describe("A node without its former state", func() {
	It("gets a number behind its name until the device of its former life is removed", func(ctx SpecContext) {
		key := mint(ctx)
		reborn := func() (*tailscale.Node, join.Verdict) {
			node := start(ctx, GinkgoT().TempDir(), document("reborn", withKey(string(key.Secret.Bytes()))))
			return node, awaitVerdict(ctx, node, key)
		}
		former, first := reborn()
		Expect(first.Outcome).To(Equal(join.Joined))
		Expect(former.Stop()).To(Succeed())

		numbered, second := reborn()
		Expect(second.Device.Hostname).To(Equal("reborn-1"))
		Expect(second).To(And(HaveField("Outcome", join.Wrong), HaveField("Reason", ContainSubstring(
			"should be called reborn, but device reborn ("+first.Device.ID+") of the tailnet has that name"))))
		Expect(numbered.Stop()).To(Succeed())

		for _, stale := range []string{first.Device.ID, second.Device.ID} {
			Expect(control.DeleteDevice(ctx, stale)).To(Succeed())
		}
		_, third := reborn()
		Expect(third.Outcome).To(Equal(join.Joined))
	}, SpecTimeout(5*time.Minute))
})

var _ = Describe("A node that asks for tags itself", func() {
	It("is refused, even if the key has the same: tags come from the key alone", func(ctx SpecContext) {
		key := mint(ctx)
		node := start(ctx, GinkgoT().TempDir(), document("asking", withKey(string(key.Secret.Bytes())),
			"TS_EXTRA_ARGS=--login-server="+server.Endpoint+" --advertise-tags="+strings.Join(tags, ",")))
		Eventually(ctx, node.Log).WithTimeout(joinTimeout).Should(ContainSubstring("requested tags [tag:lab tag:talos] are invalid or not permitted"))
		Expect(node.Addresses(ctx)).To(BeEmpty())
	}, SpecTimeout(5*time.Minute))
})
