package talos_test

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/bootstrap/spec"
	"github.com/tazzo/rebirth/internal/bootstrap/talos"
	faketalos "github.com/tazzo/rebirth/test/talos"
)

const bootstrapCall = "/machine.MachineService/Bootstrap"

func count(calls []string, call string) int {
	return len(slices.DeleteFunc(slices.Clone(calls), func(c string) bool { return c != call }))
}

var _ = Describe("Waiting for a node's configuration", func() {
	It("says what the node does instead", func(ctx context.Context) {
		machine := play(controlPlane, func(o *faketalos.Options) { o.Times.HandOver = time.Second })
		m := awaitMaintenance(machine)
		secrets := clusterSecrets()
		reported := make(chan string, 100)
		done := make(chan error, 1)
		go func() {
			done <- nodeAt(machine, secrets).WaitConfigured(ctx, func(text string) { reported <- text })
		}()
		Eventually(reported).Should(Receive(Equal("is still in maintenance")))
		Expect(m.Apply(ctx, generate(clusterAt(machine), secrets)[controlPlane], uuid, mac)).To(Succeed())
		Eventually(reported).Should(Receive(Equal("does not answer: connection refused")))
		Eventually(done).Should(Receive(BeNil()))
	}, NodeTimeout(20*time.Second))

	It("ends with the caller's patience if the node is another cluster's", func() {
		machine := play(controlPlane)
		configure(machine, clusterSecrets())
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		Expect(nodeAt(machine, otherSecrets()).WaitConfigured(ctx, silent)).To(MatchError(ContainSubstring("shows a certificate that the cluster's secrets did not sign")))
	})
})

var _ = Describe("Starting etcd", func() {
	It("is tried until the node is that far, and happens once", func(ctx context.Context) {
		machine := play(controlPlane, func(o *faketalos.Options) { o.Times.Services = 1500 * time.Millisecond })
		node, _ := configure(machine, clusterSecrets())
		var reported []string
		Expect(node.Bootstrap(ctx, func(text string) { reported = append(reported, text) })).To(Succeed())
		Expect(reported).To(Equal([]string{"is not ready: bootstrap is not available yet"}))
		Expect(count(machine.Calls(), bootstrapCall)).To(BeNumerically(">", 1))
		Eventually(func() (bool, error) { return node.Bootstrapped(ctx) }).Should(BeTrue())
	})

	It("is done if etcd has data", func(ctx context.Context) {
		machine := play(controlPlane)
		node, _ := configure(machine, clusterSecrets())
		Expect(node.Bootstrap(ctx, silent)).To(Succeed())
		Eventually(func() (bool, error) { return node.Bootstrapped(ctx) }).Should(BeTrue())
		before := count(machine.Calls(), bootstrapCall)
		Expect(node.Bootstrap(ctx, silent)).To(Succeed())
		Expect(count(machine.Calls(), bootstrapCall)).To(Equal(before + 1))
	})

	It("goes on when the node was away", func(ctx context.Context) {
		machine := play(controlPlane)
		node, _ := configure(machine, clusterSecrets())
		machine.PowerOff()
		done := make(chan error, 1)
		reported := make(chan string, 100)
		go func() { done <- node.Bootstrap(ctx, func(text string) { reported <- text }) }()
		Eventually(reported).Should(Receive(HavePrefix("does not answer: ")))
		Expect(machine.PowerOn()).To(Succeed())
		Eventually(done).Should(Receive(BeNil()))
	}, NodeTimeout(20*time.Second))

	It("fails at once on a worker", func(ctx context.Context) {
		cp := play(controlPlane)
		machine := play(worker, func(o *faketalos.Options) { o.MAC = "BC:24:11:2E:00:81" })
		secrets := clusterSecrets()
		configure(cp, secrets)
		base := generate(clusterAt(cp), secrets)[worker]
		Expect(awaitMaintenance(machine).Apply(ctx, base, uuid, "BC:24:11:2E:00:81")).To(Succeed())
		node := nodeAt(machine, secrets)
		Expect(node.WaitConfigured(ctx, silent)).To(Succeed())
		Eventually(func() error { return node.Bootstrap(ctx, silent) }).Should(MatchError(ContainSubstring("bootstrap is only available on control plane nodes")))
	}, NodeTimeout(20*time.Second))

	It("ends with the caller's patience, and says what was missing", func() {
		machine := play(controlPlane, func(o *faketalos.Options) { o.Times.Services = time.Hour })
		node, _ := configure(machine, clusterSecrets())
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		err := node.Bootstrap(ctx, silent)
		Expect(err).To(MatchError(context.DeadlineExceeded))
		Expect(err).To(MatchError(ContainSubstring("start etcd: took too long: is not ready: bootstrap is not available yet")))
	})
})

var _ = Describe("Waiting for a node's health", func() {
	It("ends when Talos has nothing left to wait for but Kubernetes' own word", func(ctx context.Context) {
		machine := play(controlPlane, func(o *faketalos.Options) {
			o.Extension = &extension{}
			o.Times.Etcd = time.Second
			o.Times.StaticPods = time.Second
		})
		node, _ := configure(machine, clusterSecrets())
		reported := make(chan string, 100)
		done := make(chan error, 1)
		go func() { done <- node.WaitHealthy(ctx, func(text string) { reported <- text }) }()
		Eventually(reported).Should(Receive(ContainSubstring("etcd not running")))
		Consistently(done).ShouldNot(Receive())
		Expect(node.Bootstrap(ctx, silent)).To(Succeed())
		Eventually(reported).Should(Receive(Equal("waits for staticPods (kube-system/kube-apiserver-tazlab-cp-1 not ready)")))
		Eventually(done).Should(Receive(BeNil()))
	}, NodeTimeout(20*time.Second))

	It("names what is missing when patience ends", func() {
		machine := play(controlPlane)
		node, _ := configure(machine, clusterSecrets())
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		Expect(node.WaitHealthy(ctx, silent)).To(MatchError(ContainSubstring(
			"wait for its health: took too long: waits for services (etcd not running), staticPods (kube-system/kube-apiserver-tazlab-cp-1 not ready)")))
	})
})

var _ = Describe("A worker", func() {
	It("gets its certificate from a control plane, and waits for one", func(ctx context.Context) {
		cp := play(controlPlane)
		machine := play(worker, func(o *faketalos.Options) { o.MAC = "BC:24:11:2E:00:81" })
		secrets := clusterSecrets()
		base := generate(clusterAt(cp), secrets)[worker]
		Expect(awaitMaintenance(machine).Apply(ctx, base, uuid, "BC:24:11:2E:00:81")).To(Succeed())
		Consistently(stageOf(machine, secrets)).Should(Or(BeEquivalentTo("Unreachable"), BeEquivalentTo("Maintenance")))
		configure(cp, secrets)
		node := nodeAt(machine, secrets)
		Expect(node.WaitConfigured(ctx, silent)).To(Succeed())
		Expect(node.WaitHealthy(ctx, silent)).To(Succeed())
		_, err := node.Kubeconfig(ctx)
		Expect(err).To(MatchError(ContainSubstring("kubeconfig is only available on control plane nodes")))
	}, NodeTimeout(20*time.Second))
})

var _ = Describe("A configured node", func() {
	It("gives the kubeconfig out", func(ctx context.Context) {
		node, _ := configure(play(controlPlane), clusterSecrets())
		kubeconfig, err := node.Kubeconfig(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(kubeconfig.Bytes())).To(Equal("kind: Config\n"))
	})

	It("shows the configuration that it runs by", func(ctx context.Context) {
		node, base := configure(play(controlPlane), clusterSecrets())
		active, err := node.Config(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(yamlOf(active)).To(Equal(yamlOf(base)))
	})

	It("comes back from its disk", func(ctx context.Context) {
		machine := play(controlPlane)
		node, base := configure(machine, clusterSecrets())
		Expect(machine.Reboot()).To(Succeed())
		Expect(node.WaitConfigured(ctx, silent)).To(Succeed())
		active, err := node.Config(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(yamlOf(active)).To(Equal(yamlOf(base)))
	}, NodeTimeout(20*time.Second))

	It("takes no other names into its certificate", func(ctx context.Context) {
		machine := play(controlPlane)
		secrets := clusterSecrets()
		node, _ := configure(machine, secrets)
		changed := clusterAt(machine)
		changed.Talos.MachineCertSANs = []string{"another.example"}
		next := generate(changed, secrets)[controlPlane]
		before := count(machine.Calls(), applyCall)
		Expect(node.ApplyBase(ctx, next)).To(MatchError(And(ContainSubstring("node tazlab-cp-1"), ContainSubstring("another.example"))))
		Expect(node.Try(ctx, withKey(next, canary), time.Minute)).To(MatchError(ContainSubstring("another.example")))
		Expect(count(machine.Calls(), applyCall)).To(Equal(before))
	})

	It("shows no part of a change that it refuses", func(ctx context.Context) {
		machine := play(controlPlane)
		secrets := clusterSecrets()
		node, _ := configure(machine, secrets)
		next := generate(clusterAt(machine), secrets, talos.Patch{Name: "p", YAML: []byte("machine: {files: [{path: /var/x, op: create, permissions: 0o600, content: " + canary + "}]}")})[controlPlane]
		err := node.ApplyBase(ctx, next)
		Expect(err).To(MatchError(And(HaveSuffix("refuses what it was sent: this config change can't be applied in immediate mode"), Not(ContainSubstring(canary)))))
		Expect(talos.ReasonOf(err)).To(Equal(talos.Invalid))
	})
})

var _ = Describe("Lending the auth key", func() {
	var (
		machine   *faketalos.Machine
		tailscale *extension
		node      *talos.Node
		base      talos.Config
	)

	BeforeEach(func() {
		tailscale = &extension{}
		machine = play(controlPlane, func(o *faketalos.Options) { o.Extension = tailscale })
		node, base = configure(machine, clusterSecrets())
		Eventually(tailscale.starts).Should(Equal(1))
		Expect(tailscale.latest()).To(ContainElements("TS_HOSTNAME=tazlab-cp-1", "TS_AUTH_ONCE=true", "TS_SOCKET=/var/run/tailscale/tailscaled.sock"))
	})

	holdsKey := func() (bool, error) {
		active, err := machine.Active()
		return strings.Contains(string(active), canary), err
	}
	keyReachedService := func() bool { return slices.Contains(tailscale.latest(), "TS_AUTHKEY="+canary) }

	It("reaches the service, and no disk; then it is gone, and the node stays in the tailnet", func(ctx context.Context) {
		Expect(node.TailnetAddresses(ctx)).To(BeEmpty())
		Expect(node.Try(ctx, withKey(base, canary), time.Minute)).To(Succeed())
		Eventually(keyReachedService).Should(BeTrue())
		Eventually(func() ([]netip.Addr, error) { return node.TailnetAddresses(ctx) }).Should(HaveLen(2))
		Expect(onDisk(machine, canary)).To(BeFalse())
		Expect(machine.Persisted()).To(Equal([]byte(yamlOf(base))))

		Expect(node.ApplyBase(ctx, base)).To(Succeed())
		Expect(holdsKey()).To(BeFalse())
		Eventually(keyReachedService).Should(BeFalse())
		Eventually(func() ([]netip.Addr, error) { return node.TailnetAddresses(ctx) }).Should(HaveLen(2))
		Expect(onDisk(machine, canary)).To(BeFalse())
	})

	It("ends by itself if nobody takes the key back", func(ctx context.Context) {
		Expect(node.Try(ctx, withKey(base, canary), 2*time.Second)).To(Succeed())
		Expect(holdsKey()).To(BeTrue())
		Eventually(holdsKey).Should(BeFalse())
		active, err := node.Config(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(yamlOf(active)).To(Equal(yamlOf(base)))
	})

	It("is over after ApplyBase: no timer brings anything back", func(ctx context.Context) {
		Expect(node.Try(ctx, withKey(base, canary), 300*time.Millisecond)).To(Succeed())
		Expect(node.ApplyBase(ctx, base)).To(Succeed())
		starts := tailscale.starts
		Eventually(starts).Should(Equal(3))
		Consistently(starts, "600ms").Should(Equal(3))
	})

	It("never makes an earlier key what the node returns to", func(ctx context.Context) {
		Expect(node.Try(ctx, withKey(base, canary), time.Minute)).To(Succeed())
		Expect(node.Try(ctx, withKey(base, "tskey-auth-second"), 300*time.Millisecond)).To(Succeed())
		Eventually(func() (string, error) {
			active, err := machine.Active()
			return string(active), err
		}).Should(Equal(yamlOf(base)))
		Consistently(holdsKey).Should(BeFalse())
		Expect(onDisk(machine, canary)).To(BeFalse())
	})

	It("can be ended from what the node itself says", func(ctx context.Context) {
		Expect(node.Try(ctx, withKey(base, canary), time.Minute)).To(Succeed())
		active, err := node.Config(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(active.HasAuthKey()).To(BeTrue())
		found, err := active.WithoutAuthKey()
		Expect(err).NotTo(HaveOccurred())
		Expect(yamlOf(found)).To(Equal(yamlOf(base)))
		Expect(node.ApplyBase(ctx, found)).To(Succeed())
		Expect(holdsKey()).To(BeFalse())
	})

	It("is taken back from a node that was away for a moment", func(ctx context.Context) {
		Expect(node.Try(ctx, withKey(base, canary), time.Minute)).To(Succeed())
		stop := machine.Hang()
		done := make(chan error, 1)
		go func() { done <- node.ApplyBase(ctx, base) }()
		Consistently(done).ShouldNot(Receive())
		stop()
		Eventually(done).Should(Receive(BeNil()))
		Expect(holdsKey()).To(BeFalse())
	}, NodeTimeout(20*time.Second))

	It("says that it was interrupted, and not that the node is at fault", func() {
		machine.PowerOff()
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- node.ApplyBase(ctx, base) }()
		cancel()
		var err error
		Eventually(done).Should(Receive(&err))
		Expect(err).To(MatchError(context.Canceled))
		Expect(err).To(MatchError(ContainSubstring("apply its configuration: failed: interrupted")))
	})

	It("ends with the node's power", func(ctx context.Context) {
		Expect(node.Try(ctx, withKey(base, canary), time.Minute)).To(Succeed())
		Expect(machine.Reboot()).To(Succeed())
		Expect(node.WaitConfigured(ctx, silent)).To(Succeed())
		Expect(holdsKey()).To(BeFalse())
	}, NodeTimeout(20*time.Second))

	It("refuses a key where it would be written down", func(ctx context.Context) {
		before := count(machine.Calls(), applyCall)
		Expect(node.ApplyBase(ctx, withKey(base, canary))).To(MatchError(And(ContainSubstring("it was not sent"), Not(ContainSubstring(canary)))))
		Expect(count(machine.Calls(), applyCall)).To(Equal(before))
	})
})

var _ = Describe("Several control planes", func() {
	It("follow the one that etcd was started on", func(ctx context.Context) {
		first := play(controlPlane)
		second := play("tazlab-cp-2", func(o *faketalos.Options) { o.MAC = "BC:24:11:2E:00:72" })
		secrets := clusterSecrets()
		c := clusterAt(first)
		c.Nodes = append(c.Nodes, spec.Node{Name: "tazlab-cp-2", Role: spec.ControlPlane, Address: netip.PrefixFrom(second.Address(), 8)})
		configs := generate(c, secrets)
		Expect(awaitMaintenance(first).Apply(ctx, configs[controlPlane], uuid, mac)).To(Succeed())
		Expect(awaitMaintenance(second).Apply(ctx, configs["tazlab-cp-2"], uuid, "BC:24:11:2E:00:72")).To(Succeed())
		a, b := nodeAt(first, secrets), nodeAt(second, secrets)
		Expect(b.WaitConfigured(ctx, silent)).To(Succeed())
		Consistently(func() (bool, error) { return b.Bootstrapped(ctx) }).Should(BeFalse())
		Expect(a.WaitConfigured(ctx, silent)).To(Succeed())
		Expect(a.Bootstrap(ctx, silent)).To(Succeed())
		Expect(a.WaitHealthy(ctx, silent)).To(Succeed())
		Expect(b.WaitHealthy(ctx, silent)).To(Succeed())
	}, NodeTimeout(20*time.Second))
})
