package spec_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/internal/bootstrap/spec"
)

// valid is a small file with nothing wrong in it.
const valid = `apiVersion: bootstrap.rebirth.tazlab.net/v1alpha1
kind: Cluster
metadata:
  name: home
proxmox:
  endpoint: https://pve.lan:8006
  token: {env: PVE_TOKEN}
image:
  talosVersion: v1.13.9
  schematic:
    extensions: [siderolabs/qemu-guest-agent, siderolabs/tailscale]
  storage: local
nodeDefaults:
  host: pve1
  cores: 2
  memory: 4Gi
  disks:
    - {storage: local-lvm, size: 20Gi}
  bridge: vmbr0
  gateway: 192.168.1.1
nodes:
  - role: controlplane
    vmid: 101
    mac: BC:24:11:00:00:71
    address: 192.168.1.71/24
  - role: worker
    vmid: 102
    mac: bc:24:11:00:00:72
    address: 192.168.1.72/24
talos:
  endpoint: https://192.168.1.71:6443
  kubernetesVersion: v1.36.3
tailnet:
  tailscale:
    oauth:
      clientID: k123
      clientSecret: {command: [pass, show, tailscale]}
  tags: [tag:talos]
handOver:
  secret:
    namespace: flux-system
    name: flux-system
    data:
      identity: {file: /dev/shm/key}
timeouts:
  join: 4m
`

// edit replaces one text of the file by another.
type edit struct{ old, new string }

// with is the valid file, edited.
func with(edits ...edit) string {
	file := valid
	for _, e := range edits {
		if strings.Count(file, e.old) != 1 {
			panic(fmt.Sprintf("%q has to be there once", e.old))
		}
		file = strings.Replace(file, e.old, e.new, 1)
	}
	return file
}

// after puts lines behind the one that is given.
func after(line string, lines ...string) edit {
	return edit{line + "\n", line + "\n" + strings.Join(lines, "\n") + "\n"}
}

// problemsOf are a file's problems, a line each, without the file's name.
func problemsOf(file string) string {
	_, problems := spec.Decode("cluster.yaml", []byte(file))
	return strings.ReplaceAll("\n"+problems.String(), "\ncluster.yaml:", "\n")[1:]
}

// lines are what problemsOf returns.
func lines(problems ...string) string { return strings.Join(problems, "\n") }

func decoded(file string) *spec.Cluster {
	cluster, problems := spec.Decode("cluster.yaml", []byte(file))
	ExpectWithOffset(1, problems).To(BeEmpty(), problems.String())
	return cluster
}

var _ = Describe("Decode", func() {
	It("finds nothing wrong with what is right", func() {
		Expect(problemsOf(valid)).To(BeEmpty())
	})

	It("reports seven mistakes of a file at once, in its order", func() {
		Expect(problemsOf(with(
			edit{"kind: Cluster", "kind: Clutser"},
			edit{"{env: PVE_TOKEN}", "{envv: PVE_TOKEN}"},
			edit{"talosVersion: v1.13.9", "talosVersion: v1.13"},
			edit{"vmid: 101", "vmdi: 101"},
			edit{"192.168.1.72/24", "192.168.1.255/24"},
			edit{"  tags: [tag:talos]\n", ""},
			edit{"join: 4m", "join: 14m"},
		))).To(Equal(lines(
			"2:7: kind: must be Cluster",
			"7:11: proxmox.token: has a field that is unknown: did you mean env?",
			"9:17: image.talosVersion: is no version: write one in full, such as v1.2.3",
			"23:5: nodes[0].vmdi: is unknown: did you mean vmid?",
			"29:14: nodes[1].address: is the broadcast address of 192.168.1.0/24: take another one",
			"33:1: tailnet.tags: is required: Tags that the nodes carry, such as tag:talos; at least one",
			"45:9: timeouts.join: is longer than 10m, and the auth key is good for 15 minutes in all",
		)))
	})

	It("returns no cluster with an error, and one with warnings alone", func() {
		cluster, problems := spec.Decode("cluster.yaml", []byte(with(edit{"kind: Cluster", "kind: Node"})))
		Expect(cluster).To(BeNil())
		Expect(problems.Errors()).To(HaveLen(1))

		cluster, problems = spec.Decode("cluster.yaml", []byte(with(edit{"pve.lan", "192.168.1.5"})))
		Expect(cluster).NotTo(BeNil())
		Expect(problems.Errors()).To(BeEmpty())
		Expect(problems.Warnings()).To(HaveLen(1))
		Expect(problems.String()).To(HavePrefix("cluster.yaml:6:13: warning: proxmox.endpoint: "))
	})
})

var _ = DescribeTable("What is no cluster.yaml at all",
	func(file, expected string) {
		Expect(problemsOf(file)).To(Equal(expected))
	},
	Entry("nothing", "", "1:1: is empty: examples/cluster.yaml is one to start from"),
	Entry("comments", "# todo\n---\n# more\n", "1:1: is empty: examples/cluster.yaml is one to start from"),
	Entry("a list", "- role: worker\n", "1:1: is no mapping of fields: it must begin with apiVersion, kind and metadata"),
	Entry("a word", "hunter2", "1:1: is no mapping of fields: it must begin with apiVersion, kind and metadata"),
	Entry("bytes", "a: b\nc: \x7fELF\x02", "2:4: is not text in UTF-8: a byte here belongs to no character that YAML allows"),
	Entry("another encoding", "name: \xe9t\xe9", "1:7: is not text in UTF-8: a byte here belongs to no character that YAML allows"),
	Entry("too much", strings.Repeat("#", 1<<20+1), "1:1: has 1048577 bytes: at most 1048576 are read"),
	Entry("an open bracket", "a:\n  b: [1, 2\nc: d\n", "2:1: is not YAML: did not find expected ',' or ']'"),
	Entry("an open quote", "a: b\nc: \"d\n\ne: f\n", "2:1: is not YAML: found unexpected end of stream"),
	Entry("tabs", "a:\n\tb: c\n", "2:1: is not YAML: is indented by a tab: YAML takes spaces alone"),
	Entry("an alias of nothing", "a:\n  b: *hunter2\n", "2:6: is not YAML: an alias without an anchor: put a text that begins with an asterisk in quotes"),
	Entry("nesting without end", strings.Repeat("[", 20_000), "1:1: is not YAML: exceeded max depth of 10000"),
)

var _ = DescribeTable("YAML that is read more strictly than YAML is",
	func(file string, expected ...string) {
		Expect(problemsOf(file)).To(Equal(lines(expected...)))
	},
	Entry("a second document", valid+"---\nkind: Cluster\n",
		"48:1: a second document begins here: one file describes one cluster"),
	Entry("a field twice", with(after("  cores: 2", "  cores: 4")),
		"16:3: nodeDefaults.cores: is given twice, first in line 15"),
	Entry("an alias", with(edit{"gateway: 192.168.1.1\n", "gateway: &a 192.168.1.1\n  nameservers: [*a]\n"}),
		"21:17: nodeDefaults.nameservers[0]: is an alias (*…), which is not followed: write the value itself; what nodes share belongs into nodeDefaults"),
	Entry("a merge", with(edit{"nodeDefaults:", "nodeDefaults: &all"}, after("    vmid: 101", "    <<: *all")),
		"24:5: nodes[0]: has a merge (<<), which is not followed: write the fields themselves; what nodes share belongs into nodeDefaults"),
	Entry("a tag", with(edit{"vmid: 101", "vmid: !!int 101"}),
		"23:11: nodes[0].vmid: has a tag (!…) that means nothing here: leave it out"),
	Entry("a field's name that is a number", with(after("metadata:", "  1: a")),
		"4:3: metadata: has a field whose name is no text: put the name in quotes"),
	Entry("an octal number", with(edit{"vmid: 101", "vmid: 0145"}),
		"23:11: nodes[0].vmid: is a number in a notation of its own: write it in decimal digits, or in quotes if it is a text"),
	Entry("a fraction of nothing", with(edit{"cores: 2", "cores: 2.0"}),
		"15:10: nodeDefaults.cores: is a number in a notation of its own: write it in decimal digits, or in quotes if it is a text"),
	Entry("a number for a text", with(edit{"name: home", "name: 12"}),
		"4:9: metadata.name: must be a text, and YAML takes it for a number: put it in quotes"),
	Entry("a number for a text that it couldn't be", with(edit{"memory: 4Gi", "memory: 4096"}),
		"16:11: nodeDefaults.memory: is no amount of memory in whole binary units: write one such as 4Gi"),
	Entry("a text for a number", with(edit{"cores: 2", "cores: two"}),
		"15:10: nodeDefaults.cores: must be a whole number"),
	Entry("a text for a list", with(edit{"[tag:talos]", "tag:talos"}),
		"38:9: tailnet.tags: must be a list"),
	Entry("a list for a text", with(edit{"storage: local\n", "storage: [local]\n"}),
		"12:12: image.storage: must be a text"),
	Entry("a text for true or false", with(after("tailnet:", "  acceptRoutes: yes")),
		"34:17: tailnet.acceptRoutes: must be true or false"),
	Entry("an empty field", with(edit{"talosVersion: v1.13.9", "talosVersion:"}),
		"9:3: image.talosVersion: is empty: give it a text, or leave it out"),
	Entry("an empty node", with(edit{"nodes:\n", "nodes:\n  -\n"}),
		"22:4: nodes[0]: is empty: give it a mapping of fields, or leave it out"),
	Entry("no nodes", with(edit{"nodes:\n", "nodes: []\nnoodles:\n"}),
		"21:8: nodes: is empty: at least one entry is needed",
		"22:1: noodles: is unknown: did you mean nodes?",
	),
)

var _ = DescribeTable("Fields by themselves",
	func(e edit, expected ...string) {
		Expect(problemsOf(with(e))).To(Equal(lines(expected...)))
	},
	Entry("an unknown field", after("image:", "  colour: blue"),
		"9:3: image.colour: is unknown; known are checksum, factory, schematic, storage, talosVersion"),
	Entry("a misspelt field", edit{"storage: local\n", "storrage: local\n"},
		"12:3: image.storrage: is unknown: did you mean storage?"),
	Entry("a misspelt field of which others depend", edit{"tailscale:\n", "tailscail:\n"},
		"34:3: tailnet.tailscail: is unknown: did you mean tailscale?"),
	Entry("a missing field", edit{"  storage: local\n", ""},
		"8:1: image.storage: is required: Storage is the Proxmox storage, with content type \"import\", that the image is downloaded to on each host"),
	Entry("a cluster's name that is too long", edit{"name: home", "name: " + strings.Repeat("a", 33)},
		"4:9: metadata.name: has 33 characters: at most 32"),
	Entry("a cluster's name that is no label", edit{"name: home", "name: Home"},
		"4:9: metadata.name: is no DNS label: at most 63 lower-case letters, digits and hyphens, which begins and ends with a letter or digit"),
	Entry("Proxmox without TLS", edit{"https://pve.lan:8006", "http://pve.lan:8006"},
		"6:13: proxmox.endpoint: must begin with https://"),
	Entry("Proxmox by its name alone", edit{"https://pve.lan:8006", "pve.lan"},
		"6:13: proxmox.endpoint: is no address of a server: write one such as https://host.lan:1234"),
	Entry("an endpoint with a path", edit{"https://pve.lan:8006", "https://pve.lan:8006/"},
		"6:13: proxmox.endpoint: has something behind host and port, be it a slash: leave that out"),
	Entry("an endpoint with a password", edit{"https://pve.lan:8006", "https://root:hunter2@pve.lan:8006"},
		"6:13: proxmox.endpoint: holds a user or password: take it out, and make a new one; credentials have fields of their own"),
	Entry("an endpoint with a port that is none", edit{"https://pve.lan:8006", "https://pve.lan:80006"},
		"6:13: proxmox.endpoint: has a port that is none: 1 to 65535"),
	Entry("an endpoint with half an address", edit{"https://pve.lan:8006", "https://192.168.1:8006"},
		"6:13: proxmox.endpoint: has a host that is neither a name nor an IP address"),
	Entry("a fingerprint that is a SHA-1", after("proxmox:", "  fingerprint: "+strings.Repeat("AB:", 19)+"AB"),
		"6:16: proxmox.fingerprint: is no SHA-256 fingerprint: write the 32 pairs of hex digits, with colons between, that Proxmox shows under System, Certificates"),
	Entry("an extension without its author", edit{"[siderolabs/qemu", "[iscsi-tools, siderolabs/qemu"},
		"11:18: image.schematic.extensions[0]: is no system extension: write its author and name, such as siderolabs/tailscale"),
	Entry("an extension twice", edit{"siderolabs/tailscale]", "siderolabs/tailscale, siderolabs/tailscale]"},
		"11:69: image.schematic.extensions[2]: is the same as image.schematic.extensions[1] (line 11)"),
	Entry("two kernel arguments in one", after("  schematic:", "    kernelArgs: [a=b c=d]"),
		"11:18: image.schematic.kernelArgs[0]: is no kernel argument: write one argument an item, without spaces"),
	Entry("a checksum that is none", after("image:", "  checksum: abc"),
		"9:13: image.checksum: is no SHA-256: write its 64 hex digits"),
	Entry("memory in decimal units", edit{"memory: 4Gi", "memory: 4G"},
		"16:11: nodeDefaults.memory: is no amount of memory in whole binary units: write one such as 4Gi"),
	Entry("a disk in megabytes", edit{"size: 20Gi", "size: 20480Mi"},
		"18:34: nodeDefaults.disks[0].size: is no size in whole binary gigabytes: write one such as 32Gi"),
	Entry("a VLAN that is none", after("  bridge: vmbr0", "  vlan: 4095"),
		"20:9: nodeDefaults.vlan: is 4095: at most 4094"),
	Entry("a VM number that Proxmox keeps for itself", edit{"vmid: 101", "vmid: 99"},
		"23:11: nodes[0].vmid: is 99: at least 100"),
	Entry("a VM number that is too large", edit{"vmid: 101", "vmid: 99999999999999999999"},
		"23:11: nodes[0].vmid: is 99999999999999999999: at most 999999999"),
	Entry("a role that is none", edit{"role: worker", "role: node"},
		"26:11: nodes[1].role: must be controlplane or worker"),
	Entry("half a MAC address", edit{"BC:24:11:00:00:71", "BC:24:11"},
		"24:10: nodes[0].mac: is no MAC address: write six pairs of hex digits with colons between, such as BC:24:11:00:00:71"),
	Entry("a MAC address with hyphens", edit{"BC:24:11:00:00:71", "BC-24-11-00-00-71"},
		"24:10: nodes[0].mac: is no MAC address: write six pairs of hex digits with colons between, such as BC:24:11:00:00:71"),
	Entry("a group's MAC address", edit{"BC:24:11:00:00:71", "BD:24:11:00:00:71"},
		"24:10: nodes[0].mac: is a group's MAC address: the first pair must be even, as in BC:24:11:00:00:71"),
	Entry("no card's MAC address", edit{"BC:24:11:00:00:71", `"00:00:00:00:00:00"`},
		"24:10: nodes[0].mac: is the MAC address of no card"),
	Entry("an address without its network", edit{"192.168.1.72/24", "192.168.1.72"},
		"29:14: nodes[1].address: is no IP address with its network's prefix length: write one such as 192.168.1.71/24"),
	Entry("an IPv6 address for a node", edit{"192.168.1.72/24", "'2001:db8::72/64'"},
		"29:14: nodes[1].address: is no IPv4 address: nodes are reached over IPv4"),
	Entry("an address of nobody", edit{"192.168.1.72/24", "0.0.0.0/24"},
		"29:14: nodes[1].address: is no address that a machine could be reached at from elsewhere"),
	Entry("a nameserver by name", after("  bridge: vmbr0", "  nameservers: [dns.lan]"),
		"20:17: nodeDefaults.nameservers[0]: is no IP address: write one such as 192.168.1.1"),
	Entry("a nameserver by an IPv6 address", after("  bridge: vmbr0", "  nameservers: ['2001:db8::1']")),
	Entry("a version of two numbers", edit{"kubernetesVersion: v1.36.3", "kubernetesVersion: 1.36"},
		"32:22: talos.kubernetesVersion: is no version: write one in full, such as v1.2.3"),
	Entry("a certificate for a name with spaces", after("talos:", "  machineCertSANs: [a b]"),
		"31:21: talos.machineCertSANs[0]: is neither a DNS name nor an IP address"),
	Entry("a tag without tag:", edit{"[tag:talos]", "[talos]"},
		"38:10: tailnet.tags[0]: is no tag: write tag: and a name of letters, digits and hyphens that begins with a letter, such as tag:talos"),
	Entry("a pattern with an unknown placeholder", after("tailnet:", "  hostnamePattern: '{cluster}-{node}'"),
		"34:20: tailnet.hostnamePattern: is no pattern of names: beside {cluster}, {role} and {ordinal} it is of lower-case letters, digits and hyphens"),
	Entry("a pattern without an ordinal", after("tailnet:", "  hostnamePattern: '{cluster}-{role}'"),
		"34:20: tailnet.hostnamePattern: has no {ordinal}: all nodes would have one name"),
	Entry("a time without a unit", edit{"join: 4m", "join: 240"},
		"46:9: timeouts.join: is no duration: write one such as 90s or 5m"),
	Entry("a time that is over at once", edit{"join: 4m", "join: -4m"},
		"46:9: timeouts.join: is too short: at least 1s"),
)

var _ = Describe("Defaults", func() {
	It("gives each node what it doesn't say itself", func() {
		nodes := decoded(with(after("    vmid: 102", "    host: pve2", "    memory: 8Gi", "    disks: [{storage: ssd, size: 40Gi}]"))).Nodes
		Expect(nodes[0].Host).To(Equal("pve1"))
		Expect(nodes[1].Host).To(Equal("pve2"))
		Expect(nodes[0].Memory.String()).To(Equal("4Gi"))
		Expect(nodes[1].Memory.String()).To(Equal("8Gi"))
		Expect(nodes[0].Disks[0].Storage).To(Equal("local-lvm"))
		Expect(nodes[1].Disks[0].Storage).To(Equal("ssd"))
		Expect(nodes[1].Disks).To(HaveLen(1))
		Expect(nodes[1].Gateway).To(Equal(netip.MustParseAddr("192.168.1.1")))
		Expect(nodes[1].Cores).To(Equal(2))
	})

	It("leaves nothing in nodeDefaults for a caller to forget", func() {
		Expect(decoded(valid).NodeDefaults).To(BeZero())
	})

	It("writes MAC addresses in upper case", func() {
		Expect(decoded(valid).Nodes[1].MAC).To(Equal("BC:24:11:00:00:72"))
	})

	It("names nodes by the pattern, counting each role from 1", func() {
		Expect(names(decoded(valid))).To(Equal([]string{"home-controlplane-1", "home-worker-1"}))
		Expect(names(decoded(with(after("tailnet:", "  hostnamePattern: 'n{ordinal}-{role}-of-{cluster}'"))))).To(Equal([]string{"n1-controlplane-of-home", "n1-worker-of-home"}))
	})

	It("counts a node that has a name, so that its name renames no other", func() {
		third := edit{"talos:\n  endpoint", "  - role: worker\n    vmid: 103\n    mac: BC:24:11:00:00:73\n    address: 192.168.1.73/24\ntalos:\n  endpoint"}
		Expect(names(decoded(with(third)))).To(HaveExactElements("home-controlplane-1", "home-worker-1", "home-worker-2"))
		Expect(names(decoded(with(third, after("    vmid: 102", "    name: big"))))).To(HaveExactElements("home-controlplane-1", "big", "home-worker-2"))
	})

	It("knows where images and Tailscale are, and how long phases may take", func() {
		cluster := decoded(valid)
		Expect(cluster.Image.Factory).To(Equal("https://factory.talos.dev"))
		Expect(cluster.Tailnet.Tailscale.Endpoint).To(Equal("https://api.tailscale.com"))
		Expect(cluster.Tailnet.Tailscale.Tailnet).To(Equal("-"))
		Expect(cluster.HandOver.Secret.Type).To(Equal("Opaque"))
		Expect(cluster.Timeouts.Join.Duration).To(Equal(4 * time.Minute))
		Expect(cluster.Timeouts.Image.Duration).To(Equal(15 * time.Minute))
	})

	It("has nothing more to fill in when it reads what it has made", func() {
		cluster := decoded(valid)
		written, err := json.Marshal(cluster)
		Expect(err).NotTo(HaveOccurred())
		Expect(decoded(string(written))).To(Equal(cluster))
	})
})

func names(c *spec.Cluster) []string {
	var found []string
	for _, node := range c.Nodes {
		found = append(found, node.Name)
	}
	return found
}
