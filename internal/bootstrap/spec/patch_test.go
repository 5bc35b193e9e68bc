package spec_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/bootstrap/spec"
)

var _ = DescribeTable("A patch of the machine configuration",
	func(patch string, expected ...string) {
		Expect(spec.CheckPatch("p.yaml", []byte(patch)).String()).To(Equal(lines(expected...)))
	},
	Entry("that sets what is Talos' alone", "machine:\n  sysctls: {a: b}\n"),
	Entry("of several documents", "machine: {}\n---\napiVersion: v1alpha1\nkind: UserVolumeConfig\nname: data\n"),
	Entry("with nothing in it", "# later\n"),
	Entry("with aliases, which Talos follows", "machine:\n  sysctls: &s {a: b}\n  sysfs: *s\n"),
	Entry("that is no YAML", "machine:\n  a: b: c\n",
		"p.yaml:2:1: is not YAML: mapping values are not allowed in this context"),
	Entry("that is a JSON patch", "- op: remove\n  path: /machine\n",
		"p.yaml:1:1: is no strategic merge patch: write it as a part of the machine configuration; JSON patches (lists of operations) are not taken"),
	Entry("that sets what cluster.yaml sets", "machine:\n  certSANs: [a]\n  network:\n    hostname: b\ncluster:\n  controlPlane:\n    endpoint: c\n",
		"p.yaml:2:3: machine.certSANs: is set by cluster.yaml: use talos.machineCertSANs",
		"p.yaml:4:5: machine.network.hostname: is set by cluster.yaml: use nodes[].name",
		"p.yaml:7:5: cluster.controlPlane.endpoint: is set by cluster.yaml: use talos.endpoint"),
	Entry("that holds the cluster's secrets", "machine: {token: x}\ncluster: {secret: y, ca: {crt: a, key: b}}\n",
		"p.yaml:1:11: machine.token: is set by cluster.yaml: use talos.secrets",
		"p.yaml:2:11: cluster.secret: is set by cluster.yaml: use talos.secrets",
		"p.yaml:2:22: cluster.ca: is set by cluster.yaml: use talos.secrets"),
	Entry("that holds them behind an alias", "x: &c {token: x}\ncluster: *c\n",
		"p.yaml:1:8: cluster.token: is set by cluster.yaml: use talos.secrets"),
	Entry("that brings a Secret along", "cluster:\n  inlineManifests: [{name: a, contents: 'kind: Secret'}]\n",
		"p.yaml:2:3: cluster.inlineManifests: is set by cluster.yaml: use handOver.manifests"),
	Entry("that names the node", "apiVersion: v1alpha1\nkind: HostnameConfig\nhostname: a\n",
		"p.yaml:2:7: kind: HostnameConfig is set by cluster.yaml: use nodes[].name"),
	Entry("that brings an auth key along", "machine: {}\n---\napiVersion: v1alpha1\nkind: ExtensionServiceConfig\nname: tailscale\nenvironment: [TS_AUTHKEY=hunter2]\n",
		"p.yaml:4:7: kind: ExtensionServiceConfig of tailscale is set by cluster.yaml, and no auth key belongs into a file: use tailnet"),
	Entry("that configures another extension", "apiVersion: v1alpha1\nkind: ExtensionServiceConfig\nname: nut-client\n"),
	Entry("that holds another secret", "machine:\n  registries:\n    config:\n      r.lan: {auth: {username: u, password: hunter2}}\n",
		"p.yaml:4:35: warning: machine.registries.config[\"r.lan\"].auth.password: looks like a secret: it lies in this file, and on every node that the patch is for"),
)

var _ = Describe("A patch in cluster.yaml", func() {
	patch := func(written string) edit { return after("talos:", "  patches:\n  - inline: "+written) }

	It("is checked, with lines and columns of cluster.yaml", func() {
		Expect(problemsOf(with(patch("|\n      machine:\n\n        certSANs:\n        - a")))).To(Equal(
			"35:9: talos.patches[0].inline: machine.certSANs is set by cluster.yaml: use talos.machineCertSANs"))
	})

	It("is checked where its lines aren't those of the file", func() {
		Expect(problemsOf(with(patch(`"machine:\n  certSANs: []"`)))).To(Equal(
			"32:13: talos.patches[0].inline: machine.certSANs is set by cluster.yaml: use talos.machineCertSANs"))
	})

	It("must be a text", func() {
		Expect(problemsOf(with(patch("{machine: {}}")))).To(Equal("32:13: talos.patches[0].inline: must be a text"))
	})

	It("says where its YAML ends to be YAML", func() {
		Expect(problemsOf(with(patch("|\n      machine:\n        a: b: c")))).To(Equal(
			"34:7: talos.patches[0].inline: is not YAML: mapping values are not allowed in this context"))
	})

	It("may be long", func() {
		Expect(problemsOf(with(patch("|\n      machine:\n" + strings.Repeat("        # a comment\n", 1000))))).To(BeEmpty())
	})
})
