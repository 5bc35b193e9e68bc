package dayzero_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/test/dayzero"
)

var _ = Describe("bootstrap", Ordered, func() {
	var w *dayzero.World

	BeforeAll(func(ctx SpecContext) {
		w = world(ctx, dayzero.Options{Workers: 1})
	}, NodeTimeout(2*time.Minute))

	It("says before the first create what it would do, and does nothing", func(ctx SpecContext) {
		result := must(ctx, w, "plan")
		Expect(result.Stdout).To(And(ContainSubstring("create would take"), ContainSubstring("lab-worker-1"), ContainSubstring("mint an auth key")))
		Expect(w.Proxmox.VMs()).To(BeEmpty())
	})

	It("creates a cluster whose nodes join the tailnet with their names and tags (B1)", func(ctx SpecContext) {
		must(ctx, w, "create", "--discard-credentials")
		Expect(lives(w)).To(HaveEach("complete"))
		devices, err := w.Headscale.Devices(ctx)
		Expect(err).NotTo(HaveOccurred())
		for _, device := range devices {
			Expect(device.Tags).To(ConsistOf(dayzero.Tag))
			Expect(device.Online).To(BeTrue())
			Expect(device.Key.Ephemeral).To(BeTrue())
		}
		Expect(hostnames(ctx, w)).To(ConsistOf(w.Nodes()))
	}, SpecTimeout(2*time.Minute))

	It("lent one key for all of them, and has revoked it", func(ctx SpecContext) {
		Expect(w.AuthKeys()).To(HaveLen(1))
		Expect(workingKeys(ctx, w)).To(BeEmpty())
	})

	It("left the key on no disk and in no node's configuration (B14)", func() {
		for _, machine := range w.Machines() {
			active, err := machine.Active()
			Expect(err).NotTo(HaveOccurred())
			Expect(string(active)).NotTo(ContainSubstring("TS_AUTHKEY"))
		}
		for _, key := range w.AuthKeys() {
			Expect(filesWith(w.Dir(), key)).To(BeEmpty())
		}
	})

	It("does nothing when it is run again", func(ctx SpecContext) {
		before := uuids(w)
		must(ctx, w, "create", "--discard-credentials")
		Expect(uuids(w)).To(Equal(before))
		Expect(w.AuthKeys()).To(HaveLen(1))
		Expect(must(ctx, w, "plan").Stdout).To(ContainSubstring("is complete: there is nothing to do"))
	}, SpecTimeout(time.Minute))

	It("shows each node's state, also for a machine to read", func(ctx SpecContext) {
		Expect(must(ctx, w, "status").Stdout).To(ContainSubstring("lab-worker-1 connected"))
		var nodes []map[string]any
		Expect(json.Unmarshal([]byte(must(ctx, w, "status", "-o", "json").Stdout), &nodes)).To(Succeed())
		Expect(nodes).To(HaveEach(HaveKeyWithValue("ok", true)))
	})

	It("lets the cluster be reborn, twice in a row, each time with new machines and a new key", func(ctx SpecContext) {
		for life := 2; life <= 3; life++ {
			before := uuids(w)
			must(ctx, w, "rebirth", "--yes", "--discard-credentials")
			Expect(uuids(w)).NotTo(ContainElements(before))
			Expect(hostnames(ctx, w)).To(ConsistOf(w.Nodes()), "no name has a number behind it")
			Expect(workingKeys(ctx, w)).To(BeEmpty())
			Expect(w.AuthKeys()).To(HaveLen(life))
		}
	}, SpecTimeout(3*time.Minute))

	It("asks before it destroys, and destroys nothing where nobody can answer", func(ctx SpecContext) {
		Expect(mustFail(ctx, w, "destroy")).To(ContainSubstring("--yes"))
		Expect(w.Proxmox.VMs()).To(HaveLen(2))
	})

	It("destroys machines and devices, and leaves nothing", func(ctx SpecContext) {
		must(ctx, w, "destroy", "--yes")
		Expect(w.Proxmox.VMs()).To(BeEmpty())
		Expect(hostnames(ctx, w)).To(BeEmpty())
		Expect(workingKeys(ctx, w)).To(BeEmpty())
	}, SpecTimeout(time.Minute))

	It("has never printed a secret", func() {
		for _, secret := range append(w.AuthKeys(), w.Secrets()...) {
			Expect(w.Output()).NotTo(ContainSubstring(secret))
		}
	})
})

var _ = Describe("credentials of the cluster", func() {
	var w *dayzero.World

	BeforeEach(func(ctx SpecContext) {
		w = world(ctx, dayzero.Options{WithoutTailnet: true, Workers: 1, Kubeconfig: func() ([]byte, error) { return []byte("kind: Config\n"), nil }})
	})

	It("go to files in memory", func(ctx SpecContext) {
		dir := inRAM()
		must(ctx, w, "create", "--kubeconfig", filepath.Join(dir, "kubeconfig"), "--talosconfig", filepath.Join(dir, "talosconfig"), "--secrets", filepath.Join(dir, "secrets"))
		Expect(os.ReadFile(filepath.Join(dir, "kubeconfig"))).To(Equal([]byte("kind: Config\n")))
		Expect(os.ReadFile(filepath.Join(dir, "talosconfig"))).To(ContainSubstring("contexts:"))
		Expect(os.ReadFile(filepath.Join(dir, "secrets"))).To(ContainSubstring("cluster:"))
	}, SpecTimeout(time.Minute))

	It("go to standard output, and nothing else does", func(ctx SpecContext) {
		Expect(must(ctx, w, "create", "--kubeconfig", "-").Stdout).To(Equal("kind: Config\n"))
	}, SpecTimeout(time.Minute))

	DescribeTable("are refused a place on a disk, before anything is made",
		func(ctx SpecContext, flag string) {
			Expect(mustFail(ctx, w, "create", flag, filepath.Join(w.Dir(), "credential"))).To(And(
				ContainSubstring(flag), ContainSubstring("not on tmpfs or ramfs")))
			Expect(w.Proxmox.VMs()).To(BeEmpty())
		},
		Entry("the kubeconfig", "--kubeconfig"),
		Entry("the talosconfig", "--talosconfig"),
		Entry("the secrets", "--secrets"),
	)

	It("can't be had again of a finished cluster whose secrets are gone, and none is made up", func(ctx SpecContext) {
		must(ctx, w, "create", "--discard-credentials")
		file := filepath.Join(inRAM(), "talosconfig")
		Expect(mustFail(ctx, w, "create", "--talosconfig", file)).To(ContainSubstring("no credential of it can be had again"))
		Expect(file).NotTo(BeAnExistingFile())
	}, SpecTimeout(time.Minute))

	It("must go somewhere, or be discarded by name", func(ctx SpecContext) {
		Expect(mustFail(ctx, w, "create")).To(ContainSubstring("--discard-credentials"))
		Expect(w.Proxmox.VMs()).To(BeEmpty())
	})
})

var _ = Describe("validate", func() {
	It("says everything that is wrong at once, with line and column", func(ctx SpecContext) {
		w := world(ctx, dayzero.Options{WithoutTailnet: true, Workers: 2})
		broken := strings.NewReplacer(
			"cores: 2", "cores: 0", // 1
			"vmid: 9002", "vmid: 9001", // 2
			"memory: 2Gi", "memory: lots", // 3
			"gateway: 127.", "gatway: 127.", // 4, and 5: it is missing
			"role: worker, vmid: 9003", "role: minion, vmid: 9003", // 6
			"kubernetesVersion: "+dayzero.KubernetesVersion, "kubernetesVersion: latest", // 7
		).Replace(w.ClusterYAML())
		file := filepath.Join(w.Dir(), "broken.yaml")
		Expect(os.WriteFile(file, []byte(broken), 0o600)).To(Succeed())
		said := mustFail(ctx, w, "validate", "--file", file)
		Expect(said).To(And(
			MatchRegexp(`broken.yaml:\d+:\d+: nodeDefaults.cores: `),
			MatchRegexp(`broken.yaml:\d+:\d+: nodes\[1\].vmid: `),
			MatchRegexp(`broken.yaml:\d+:\d+: nodeDefaults.memory: `),
			MatchRegexp(`broken.yaml:\d+:\d+: nodeDefaults.gatway: .*gateway`),
			MatchRegexp(`broken.yaml:\d+:\d+: nodes\[2\].role: `),
			MatchRegexp(`broken.yaml:\d+:\d+: talos.kubernetesVersion: `),
		))
	})
})
