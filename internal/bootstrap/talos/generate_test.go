package talos_test

import (
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/siderolabs/talos/pkg/machinery/config/config"
	"github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/constants"

	"github.com/tazzo/rebirth/internal/bootstrap/spec"
	"github.com/tazzo/rebirth/internal/bootstrap/talos"
)

var _ = Describe("Generated configurations", func() {
	var secrets *talos.Secrets

	BeforeEach(func() { secrets = clusterSecrets() })

	It("are the same for the same secrets", func() {
		first, second := generate(cluster(), secrets), generate(cluster(), secrets)
		Expect(first).To(HaveLen(2))
		for name := range first {
			Expect(yamlOf(first[name])).To(Equal(yamlOf(second[name])))
		}
	})

	It("give each node its role and its name", func() {
		configs := generate(cluster(), secrets)
		Expect(read(configs[controlPlane]).Machine().Type()).To(Equal(machine.TypeControlPlane))
		Expect(read(configs[worker]).Machine().Type()).To(Equal(machine.TypeWorker))
		for name, c := range configs {
			Expect(read(c).NetworkHostnameConfig().Hostname()).To(Equal(name))
		}
		Expect(yamlOf(configs[worker])).To(ContainSubstring(`auto: "off"`))
	})

	It("say what the cluster is", func() {
		c := read(generate(cluster(), secrets)[controlPlane])
		Expect(c.Cluster().Name()).To(Equal("tazlab"))
		Expect(c.Cluster().Endpoint().String()).To(Equal("https://192.168.1.71:6443"))
		Expect(c.Machine().Kubelet().Image()).To(HaveSuffix(":v1.36.3"))
		Expect(c.Machine().Install().Image()).To(Equal(talos.InstallerImage(cluster().Image)))
		Expect(yamlOf(generate(cluster(), secrets)[worker])).To(ContainSubstring("disk: /dev/sda"))
	})

	It("keep the two kinds of certificates' names apart", func() {
		c := read(generate(cluster(), secrets)[controlPlane])
		Expect(c.Machine().Security().CertSANs()).To(Equal([]string{"tazlab-cp-1.tail.example"}))
		Expect(c.Cluster().APIServer().ExtraArgs()).To(BeEmpty())
		Expect(c.Cluster().CertSANs()).To(ContainElement("k8s.example"))
		Expect(c.Cluster().CertSANs()).NotTo(ContainElement("tazlab-cp-1.tail.example"))
	})

	It("give a worker no key of any authority", func() {
		w := read(generate(cluster(), secrets)[worker])
		Expect(w.Machine().Security().IssuingCA().Key).To(BeEmpty())
		Expect(w.Cluster().IssuingCA().Key).To(BeEmpty())
		Expect(w.Cluster().Etcd().CA()).To(BeNil())
	})

	It("hand manifests over by the control planes", func() {
		configs, err := talos.Generate(cluster(), secrets, nil, []talos.Manifest{{Name: "flux", YAML: []byte("kind: Namespace\n")}})
		Expect(err).NotTo(HaveOccurred())
		inline := read(configs[controlPlane]).Cluster().InlineManifests()
		Expect(inline).To(HaveLen(1))
		Expect(inline[0].Name()).To(Equal("flux"))
		Expect(inline[0].Contents()).To(Equal("kind: Namespace\n"))
		Expect(yamlOf(configs[worker])).NotTo(ContainSubstring("kind: Namespace"))
	})

	It("are no bigger than what Talos accepts", func() {
		_, err := talos.Generate(cluster(), secrets, nil, []talos.Manifest{{Name: "huge", YAML: slices.Repeat([]byte("a"), constants.GRPCMaxMessageSize)}})
		Expect(err).To(MatchError(And(HavePrefix("node tazlab-cp-1: "), ContainSubstring("hand fewer manifests over"))))
	})

	Describe("in a tailnet", func() {
		It("configure the extension, without a key", func() {
			c := generate(cluster(), secrets)[worker]
			Expect(environment(c)).To(Equal([]string{
				"TS_HOSTNAME=" + worker,
				"TS_STATE_DIR=/var/lib/tailscale",
				"TS_AUTH_ONCE=true",
			}))
			Expect(c.HasAuthKey()).To(BeFalse())
		})

		It("know a control server of one's own, and its authority", func() {
			c := generate(cluster(func(c *spec.Cluster) {
				c.Tailnet.Tailscale = nil
				c.Tailnet.Headscale = &spec.Headscale{Endpoint: "https://headscale.lan", CA: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"}
				c.Tailnet.AcceptRoutes = true
			}), secrets)[worker]
			Expect(environment(c)).To(ContainElement("TS_EXTRA_ARGS=--login-server=https://headscale.lan --accept-routes"))
			Expect(read(c).TrustedRoots().ExtraTrustedRootCertificates()).To(ConsistOf(ContainSubstring("MIIB")))
		})

		It("keep the kubelet and etcd off the tailnet's addresses", func() {
			configs := generate(cluster(), secrets)
			for _, c := range configs {
				Expect(read(c).Machine().Kubelet().NodeIP().ValidSubnets()).To(Equal([]string{"192.168.1.0/24"}))
			}
			Expect(read(configs[controlPlane]).Cluster().Etcd().AdvertisedSubnets()).To(Equal([]string{"192.168.1.0/24"}))
		})
	})

	It("have nothing of a tailnet without one", func() {
		for _, c := range generate(cluster(func(c *spec.Cluster) { c.Tailnet = nil }), secrets) {
			Expect(environment(c)).To(BeEmpty())
			Expect(yamlOf(c)).NotTo(Or(ContainSubstring("ExtensionServiceConfig"), ContainSubstring("validSubnets")))
		}
	})

	DescribeTable("encrypt the disks",
		func(key spec.EncryptionKey, check func(config.EncryptionKey)) {
			c := read(generate(cluster(func(c *spec.Cluster) {
				c.Talos.DiskEncryption = &spec.DiskEncryption{State: &key, Ephemeral: &key}
			}), secrets)[worker])
			for _, volume := range []string{"STATE", "EPHEMERAL"} {
				encrypted, found := c.Volumes().ByName(volume)
				Expect(found).To(BeTrue())
				Expect(encrypted.Encryption().Provider().String()).To(Equal("luks2"))
				Expect(encrypted.Encryption().Keys()).To(HaveLen(1))
				check(encrypted.Encryption().Keys()[0])
			}
		},
		Entry("by the machine's UUID", spec.EncryptionKey{NodeID: &struct{}{}}, func(k config.EncryptionKey) { Expect(k.NodeID()).NotTo(BeNil()) }),
		Entry("by a key server", spec.EncryptionKey{KMS: &spec.KMS{Endpoint: "https://kms.lan"}}, func(k config.EncryptionKey) { Expect(k.KMS().Endpoint()).To(Equal("https://kms.lan")) }),
	)

	It("leave a disk as it is if nothing is said of it", func() {
		c := read(generate(cluster(func(c *spec.Cluster) {
			c.Talos.DiskEncryption = &spec.DiskEncryption{State: &spec.EncryptionKey{NodeID: &struct{}{}}}
		}), secrets)[worker])
		_, found := c.Volumes().ByName("EPHEMERAL")
		Expect(found).To(BeFalse())
	})
})

var _ = Describe("Patches", func() {
	patch := func(yaml string, roles ...spec.Role) talos.Patch {
		return talos.Patch{Name: "talos.patches[0]", Roles: roles, YAML: []byte(yaml)}
	}

	It("are merged in their order, for their roles", func() {
		configs := generate(cluster(), clusterSecrets(),
			patch("machine: {sysctls: {a: '1', b: '1'}}"),
			patch("machine: {sysctls: {b: '2'}}", spec.Worker),
			patch("cluster: {allowSchedulingOnControlPlanes: true}", spec.ControlPlane),
		)
		Expect(read(configs[worker]).Machine().Sysctls()).To(Equal(map[string]string{"a": "1", "b": "2"}))
		Expect(read(configs[controlPlane]).Machine().Sysctls()).To(Equal(map[string]string{"a": "1", "b": "1"}))
		Expect(read(configs[controlPlane]).Cluster().ScheduleOnControlPlanes()).To(BeTrue())
	})

	It("may add documents, and variables of the extension", func() {
		c := generate(cluster(), clusterSecrets(),
			patch("apiVersion: v1alpha1\nkind: KmsgLogConfig\nname: log\nurl: tcp://10.0.0.1:5044/\n"),
			patch("apiVersion: v1alpha1\nkind: ExtensionServiceConfig\nname: tailscale\nenvironment: [TS_ROUTES=10.96.0.0/12]\n"),
		)[worker]
		Expect(yamlOf(c)).To(ContainSubstring("KmsgLogConfig"))
		Expect(environment(c)).To(ContainElement("TS_ROUTES=10.96.0.0/12"))
	})

	DescribeTable("are refused",
		func(yaml string, complaint string) {
			_, err := talos.Generate(cluster(), clusterSecrets(), []talos.Patch{patch(yaml)}, nil)
			Expect(err).To(MatchError(And(ContainSubstring(complaint), Not(ContainSubstring(canary)))))
		},
		Entry("as JSON patches", `- {op: replace, path: /machine/type, value: worker}`, "talos.patches[0]: a JSON patch"),
		Entry("with fields that Talos doesn't know", "machine: {kubelet: {unheardOf: "+canary+"}}", "talos.patches[0]: error decoding document /v1alpha1/ (line 1): unknown keys found during decoding: machine: kubelet: unheardOf"),
		Entry("with values of the wrong kind", "machine: {install: {wipe: "+canary+"}}", "talos.patches[0]: "),
		Entry("that aren't YAML", "machine: [", "talos.patches[0]: "),
		Entry("that change a role", "machine: {type: controlplane}", "node tazlab-worker-1: a patch makes a controlplane of a worker"),
		Entry("that add names to Talos' certificate", "machine: {certSANs: [x]}", "node tazlab-cp-1, tazlab-worker-1: a patch changes machine.certSANs: use talos.machineCertSANs"),
		Entry("that change a name", "apiVersion: v1alpha1\nkind: HostnameConfig\nhostname: x\n", "changes the host name"),
		Entry("that change the authority", "machine: {ca: {crt: TFMwdA==}}", "changes machine.ca: use talos.secrets"),
		Entry("that change the endpoint", "cluster: {controlPlane: {endpoint: 'https://x:6443'}}", "changes cluster.controlPlane.endpoint"),
		Entry("that bring an auth key", "apiVersion: v1alpha1\nkind: ExtensionServiceConfig\nname: tailscale\nenvironment: [TS_AUTHKEY="+canary+"]\n", "a patch puts TS_AUTHKEY into the tailscale extension's document, which is written to the node's disk"),
		Entry("that bring one under another name", "apiVersion: v1alpha1\nkind: ExtensionServiceConfig\nname: tailscale\nenvironment: [TS_AUTH_KEY="+canary+"]\n", "puts TS_AUTH_KEY"),
		Entry("that change what joins rest on", "apiVersion: v1alpha1\nkind: ExtensionServiceConfig\nname: tailscale\nenvironment: [TS_HOSTNAME=x]\n", "changes TS_HOSTNAME"),
		Entry("that take the extension's document away", "apiVersion: v1alpha1\nkind: ExtensionServiceConfig\nname: tailscale\n$patch: delete\n", "takes the tailscale extension's document away"),
		Entry("that make an invalid configuration", "machine: {kubelet: {nodeIP: {validSubnets: [nonsense]}}}", "node tazlab-cp-1, tazlab-worker-1: v1alpha1.Config: kubelet nodeIP subnet is not valid: \"nonsense\""),
	)

	It("are refused all at once", func() {
		_, err := talos.Generate(cluster(), clusterSecrets(), []talos.Patch{
			{Name: "talos.patches[0] (a.yaml)", YAML: []byte("machine: {unheardOf: 1}")},
			{Name: "talos.patches[1] (b.yaml)", YAML: []byte("cluster: {unheardOf: 1}")},
		}, nil)
		Expect(err).To(MatchError(And(ContainSubstring("talos.patches[0] (a.yaml): "), ContainSubstring("\ntalos.patches[1] (b.yaml): "))))
	})

	It("have all of their faults reported", func() {
		_, err := talos.Generate(cluster(), clusterSecrets(), []talos.Patch{
			{Name: "p", YAML: []byte("machine: {certSANs: [x]}\ncluster: {controlPlane: {endpoint: 'https://x:6443'}}")},
		}, nil)
		Expect(err).To(MatchError(And(ContainSubstring("machine.certSANs"), ContainSubstring("\nnode tazlab-cp-1, tazlab-worker-1: a patch changes cluster.controlPlane.endpoint"))))
	})

	It("can't configure an extension that nobody asked for", func() {
		_, err := talos.Generate(cluster(func(c *spec.Cluster) { c.Tailnet = nil }), clusterSecrets(),
			[]talos.Patch{patch("apiVersion: v1alpha1\nkind: ExtensionServiceConfig\nname: tailscale\nenvironment: [A=b]\n")}, nil)
		Expect(err).To(MatchError(ContainSubstring("cluster.yaml has no tailnet")))
	})
})
