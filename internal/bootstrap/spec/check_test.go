package spec_test

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// node is one more node, number 3 and so on, behind the others.
func node(number int, role string) string {
	return fmt.Sprintf("  - role: %s\n    vmid: %d\n    mac: BC:24:11:00:00:%d\n    address: 192.168.1.%d/24\n", role, 100+number, 70+number, 70+number)
}

func nodes(more ...string) edit {
	return edit{"talos:\n  endpoint", strings.Join(more, "") + "talos:\n  endpoint"}
}

// noTailnet is the valid file without one.
func noTailnet() []edit {
	start, end := strings.Index(valid, "tailnet:\n"), strings.Index(valid, "handOver:\n")
	return []edit{{valid[start:end], ""}, {", siderolabs/tailscale]", "]"}}
}

var _ = DescribeTable("Nodes together",
	func(edits []edit, expected ...string) {
		Expect(problemsOf(with(edits...))).To(Equal(lines(expected...)))
	},
	Entry("three control planes", []edit{nodes(node(3, "controlplane"), node(4, "controlplane"))}),
	Entry("no control plane", []edit{{"role: controlplane", "role: worker"}, {"https://192.168.1.71:6443", "https://home.lan:6443"}},
		"22:3: nodes: has no node with role controlplane: one or three"),
	Entry("two control planes", []edit{nodes(node(3, "controlplane"))},
		"22:3: nodes: has two nodes with role controlplane: etcd stops when either is down, so take one or three"),
	Entry("four control planes", []edit{nodes(node(3, "controlplane"), node(4, "controlplane"), node(5, "controlplane"))},
		"22:3: warning: nodes: has 4 nodes with role controlplane: etcd stands no more failures than with 3"),
	Entry("a role that could be a control plane's", []edit{{"role: controlplane", "role: control-plane"}},
		"22:11: nodes[0].role: must be controlplane or worker"),
	Entry("no worker", []edit{{"role: worker", "role: controlplane"}, nodes(node(3, "controlplane"))},
		"22:3: warning: nodes: has no worker: no pod of yours starts, unless a patch sets cluster.allowSchedulingOnControlPlanes"),
	Entry("a VM twice", []edit{{"vmid: 102", "vmid: 101"}},
		"27:11: nodes[1].vmid: is the VM 101, which nodes[0].vmid (line 23) has already"),
	Entry("a MAC address twice, in other letters", []edit{{"bc:24:11:00:00:72", "bc:24:11:00:00:71"}},
		"28:10: nodes[1].mac: is the MAC address BC:24:11:00:00:71, which nodes[0].mac (line 24) has already"),
	Entry("an address twice, in another network", []edit{{"192.168.1.72/24", "192.168.1.71/16"}},
		"29:14: nodes[1].address: is the address 192.168.1.71, which nodes[0].address (line 25) has already"),
	Entry("a name twice", []edit{after("    vmid: 101", "    name: a"), after("    vmid: 102", "    name: a")},
		"29:11: nodes[1].name: is the name a, which nodes[0].name (line 24) has already"),
	Entry("a name that the pattern gives to another", []edit{after("    vmid: 101", "    name: home-worker-1")},
		"27:5: nodes[1].name: is the name home-worker-1, which nodes[0].name (line 24) has already"),
	Entry("a pattern that tells roles not apart", []edit{after("tailnet:", "  hostnamePattern: 'n-{ordinal}'")},
		"26:5: nodes[1].name: is the name n-1, which nodes[0].name (line 22) has already"),
	Entry("a pattern that makes names too long", []edit{after("tailnet:", "  hostnamePattern: '{cluster}-"+strings.Repeat("x", 60)+"{ordinal}-{role}'"), {"  - role: worker\n    vmid: 102\n    mac: bc:24:11:00:00:72\n    address: 192.168.1.72/24\n", ""}, after("talos:", "  patches: [{file: a}]")},
		"31:20: tailnet.hostnamePattern: makes the name home-"+strings.Repeat("x", 60)+"1-controlplane, which is no DNS label of at most 63 characters"),
	Entry("a pattern that makes names no DNS has", []edit{after("tailnet:", "  hostnamePattern: '{role}{ordinal}-'")},
		"34:20: tailnet.hostnamePattern: makes the name controlplane1-, which is no DNS label of at most 63 characters"),
	Entry("nothing about a machine, anywhere", []edit{{"  bridge: vmbr0\n", ""}, {"  cores: 2\n", ""}},
		"13:1: nodeDefaults.bridge: is required, as no node has its own: Bridge that the machine's network card is plugged into",
		"13:1: nodeDefaults.cores: is required, as no node has its own: Cores is the number of virtual CPUs"),
	Entry("nothing about one machine", []edit{{"  host: pve1\n", ""}, after("    vmid: 101", "    host: pve1")},
		"26:5: nodes[1].host: is required, here or in nodeDefaults: Host is the Proxmox node"),
	Entry("too little memory for one role", []edit{{"memory: 4Gi", "memory: 1Gi"}},
		"16:11: nodeDefaults.memory: is 1Gi: Talos needs 2Gi on a controlplane"),
	Entry("too little memory of its own", []edit{after("    vmid: 102", "    memory: 512Mi")},
		"28:13: nodes[1].memory: is 512Mi: Talos needs 1Gi on a worker"),
	Entry("too small a first disk, for all", []edit{{"size: 20Gi", "size: 9Gi"}},
		"18:34: nodeDefaults.disks[0].size: is 9Gi: Talos needs 10Gi"),
	Entry("a small second disk", []edit{after("    - {storage: local-lvm, size: 20Gi}", "    - {storage: local-lvm, size: 1Gi}")}),
	Entry("a network's own address", []edit{{"192.168.1.72/24", "192.168.1.64/28"}},
		"29:14: nodes[1].address: is in the network 192.168.1.64/28, and its gateway 192.168.1.1 is not: nodeDefaults.gateway (line 20)",
		"29:14: nodes[1].address: is the address of the network itself: take another one in 192.168.1.64/28"),
	Entry("a broadcast address", []edit{{"192.168.1.72/24", "192.168.1.127/25"}},
		"29:14: nodes[1].address: is the broadcast address of 192.168.1.0/25: take another one"),
	Entry("the whole Internet as a network", []edit{{"192.168.1.72/24", "192.168.1.72/0"}},
		"29:14: nodes[1].address: has the prefix length 0, which is the whole Internet: write that of the node's network, such as /24"),
	Entry("a node's own address as its gateway", []edit{{"gateway: 192.168.1.1\n", "gateway: 192.168.1.72\n"}},
		"29:14: nodes[1].address: is its own gateway's, in nodeDefaults.gateway (line 20)"),
	Entry("a gateway that no node reaches", []edit{{"gateway: 192.168.1.1\n", "gateway: 192.168.2.1\n"}},
		"20:12: nodeDefaults.gateway: is 192.168.2.1, which is in the network of no node that has no gateway of its own"),
	Entry("a gateway that one node doesn't reach", []edit{{"192.168.1.72/24", "192.168.3.72/24"}},
		"29:14: nodes[1].address: is in the network 192.168.3.0/24, and its gateway 192.168.1.1 is not: nodeDefaults.gateway (line 20)"),
	Entry("a gateway of its own that it doesn't reach", []edit{after("    vmid: 102", "    gateway: 192.168.2.1")},
		"28:14: nodes[1].gateway: is 192.168.2.1, which is not in the node's network 192.168.1.0/24"),
)

var _ = DescribeTable("Fields together",
	func(edits []edit, expected ...string) {
		Expect(problemsOf(with(edits...))).To(Equal(lines(expected...)))
	},
	Entry("no tailnet", noTailnet()),
	Entry("no guest agent", []edit{{"[siderolabs/qemu-guest-agent, ", "["}},
		"11:17: image.schematic.extensions: lacks siderolabs/qemu-guest-agent: every machine is made with its agent switched on"),
	Entry("a tailnet without its extension", []edit{{", siderolabs/tailscale]", "]"}},
		"11:17: image.schematic.extensions: lacks siderolabs/tailscale, with which the nodes join the tailnet"),
	Entry("the extension without a tailnet", noTailnet()[:1],
		"11:47: image.schematic.extensions[1]: is siderolabs/tailscale, and no tailnet is given: it would wait for one for ever and Talos restart again and again. Give a tailnet, or leave it out"),
	Entry("CA and fingerprint", []edit{after("proxmox:", "  ca: "+quoted(certificate()), "  fingerprint: "+strings.Repeat("AB:", 31)+"AB")},
		"7:16: proxmox.fingerprint: can't be together with ca: leave one of them out"),
	Entry("a private address that nobody vouches for", []edit{{"pve.lan", "192.168.1.5"}},
		"6:13: warning: proxmox.endpoint: is a private address, for which no public authority signs: give ca or fingerprint, unless this machine trusts its authority"),
	Entry("an Image Factory without TLS", []edit{after("image:", "  factory: http://factory.lan:8080")},
		"9:12: image.factory: must begin with https://, unless checksum says which image is meant: the machines run what comes from there"),
	Entry("an Image Factory without TLS, and the checksum of what comes from it",
		[]edit{after("image:", "  factory: http://factory.lan:8080", "  checksum: "+strings.Repeat("ab", 32))}),
	Entry("an Image Factory on this machine", []edit{after("image:", "  factory: http://127.0.0.1:8080")}),
	Entry("a Talos that is too old", []edit{{"v1.13.9", "v1.11.6"}},
		"9:17: image.talosVersion: is older than v1.12.0, the oldest that is supported here"),
	Entry("a Talos that is too new", []edit{{"v1.13.9", "v1.99.0"}},
		"9:17: image.talosVersion: is newer than v1.13, the newest that this bootstrap knows: take a newer bootstrap"),
	Entry("a Kubernetes that is too new for Talos", []edit{{"v1.36.3", "v1.37.2"}},
		"32:22: talos.kubernetesVersion: doesn't go with image.talosVersion: version of Kubernetes 1.37.2 is too new to be used with Talos 1.13.9"),
	Entry("a Kubernetes that is too old for Talos", []edit{{"v1.36.3", "v1.30.0"}},
		"32:22: talos.kubernetesVersion: doesn't go with image.talosVersion: version of Kubernetes 1.30.0 is too old to be used with Talos 1.13.9"),
	Entry("an endpoint by name", []edit{{"https://192.168.1.71:6443", "https://home.lan:6443"}}),
	Entry("an endpoint without a port", []edit{{"https://192.168.1.71:6443", "https://192.168.1.71"}},
		"31:13: talos.endpoint: has no port: the Kubernetes API of Talos answers at 6443"),
	Entry("an endpoint at a worker", []edit{{"https://192.168.1.71:6443", "https://192.168.1.72:6443"}},
		"31:13: talos.endpoint: is the address of the worker home-worker-1: take a control plane's"),
	Entry("an endpoint at nobody's address", []edit{{"https://192.168.1.71:6443", "https://192.168.1.70:6443"}},
		"31:13: talos.endpoint: is no control plane's address, and no patch gives it to them: take the address of one"),
	Entry("an endpoint that a patch may set up", []edit{{"https://192.168.1.71:6443", "https://192.168.1.70:6443"}, after("talos:", "  patches: [{file: vip.yaml}]")},
		"32:13: warning: talos.endpoint: is no control plane's address: that is right if a patch gives it to them as a virtual one"),
	Entry("a patch from nowhere", []edit{after("talos:", "  patches: [{roles: [worker]}]")},
		"31:13: talos.patches[0]: needs file or inline"),
	Entry("a patch from two places", []edit{after("talos:", "  patches: [{file: a.yaml, inline: 'machine: {}'}]")},
		"31:36: talos.patches[0].inline: can't be together with file: leave one of them out"),
	Entry("two kinds of keys for a partition", []edit{after("talos:", "  diskEncryption:", "    state: {kms: {endpoint: 'https://kms.lan'}, nodeID: {}}")},
		"32:12: talos.diskEncryption.state: has 2 fields: give exactly one of kms, nodeID"),
	Entry("a TPM, for which the image has no keys", []edit{after("talos:", "  diskEncryption:", "    state: {tpm: {}}", "    ephemeral: {tpm: {}}")},
		"32:13: talos.diskEncryption.state.tpm: needs a SecureBoot image, which bootstrap does not install: take nodeID or kms",
		"33:17: talos.diskEncryption.ephemeral.tpm: needs a SecureBoot image, which bootstrap does not install: take nodeID or kms"),
	Entry("no kind of key for a partition", []edit{after("talos:", "  diskEncryption:", "    state: {}")},
		"32:12: talos.diskEncryption.state: is empty: give exactly one of kms, nodeID"),
	Entry("a key server without TLS", []edit{after("talos:", "  diskEncryption:", "    state: {kms: {endpoint: 'grpc://kms.lan:4050'}}")},
		"32:29: warning: talos.diskEncryption.state.kms.endpoint: has no TLS: who listens on the network can read the partition's key; take https://"),
	Entry("Tailscale and Headscale", []edit{after("tailnet:", "  headscale: {endpoint: 'https://hs.lan', user: me, apiKey: {env: A}}")},
		"34:14: tailnet.headscale: can't be together with tailscale: leave one of them out"),
	Entry("neither Tailscale nor Headscale", []edit{{"  tailscale:\n    oauth:\n      clientID: k123\n      clientSecret: {command: [pass, show, tailscale]}\n", ""}},
		"34:3: tailnet: needs tailscale or headscale"),
	Entry("Tailscale without a credential", []edit{{"    oauth:\n      clientID: k123\n      clientSecret: {command: [pass, show, tailscale]}\n", "    tailnet: example.com\n"}},
		"35:5: tailnet.tailscale: needs oauth or apiToken"),
	Entry("Tailscale with two credentials", []edit{after("  tailscale:", "    apiToken: {env: T}")},
		"35:15: tailnet.tailscale.apiToken: can't be together with oauth: leave one of them out"),
	Entry("Headscale without TLS", []edit{{"  tailscale:\n    oauth:\n      clientID: k123\n      clientSecret: {command: [pass, show, tailscale]}\n", "  headscale: {endpoint: 'http://hs.lan', user: me, apiKey: {env: A}}\n"}},
		"34:25: tailnet.headscale.endpoint: must begin with https://: a credential is sent there"),
	Entry("Headscale on this machine", []edit{{"  tailscale:\n    oauth:\n      clientID: k123\n      clientSecret: {command: [pass, show, tailscale]}\n", "  headscale: {endpoint: 'http://127.0.0.1:8080', user: me, apiKey: {env: A}}\n"}}),
	Entry("a key that no Secret can have", []edit{{"identity: {file", "'a/b': {file"}},
		"44:7: handOver.secret.data: is no key of a Secret: letters, digits, hyphens, underscores and dots"),
	Entry("a Secret of a type that needs other keys", []edit{after("    namespace: flux-system", "    type: kubernetes.io/ssh-auth")},
		"44:5: handOver.secret.data.ssh-privatekey: is required in a Secret of type kubernetes.io/ssh-auth"),
	Entry("a Secret of a type that Kubernetes makes", []edit{after("    namespace: flux-system", "    type: kubernetes.io/service-account-token")},
		"42:11: handOver.secret.type: is made by Kubernetes itself: take another type"),
	Entry("a Secret without data", []edit{{"    data:\n      identity: {file: /dev/shm/key}\n", "    data: {}\n"}},
		"43:11: handOver.secret.data: is empty: at least one entry is needed"),
	Entry("manifests twice", []edit{after("handOver:", "  manifests: [a, b, a]")},
		"40:21: handOver.manifests[2]: is the same as handOver.manifests[0] (line 40)"),
)
