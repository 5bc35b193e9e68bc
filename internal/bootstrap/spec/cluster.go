package spec

import (
	"net/netip"

	"k8s.io/apimachinery/pkg/api/resource"
)

// APIVersion and Kind of cluster.yaml.
const (
	APIVersion = "bootstrap.rebirth.tazlab.net/v1alpha1"
	Kind       = "Cluster"
)

// Cluster is the whole of cluster.yaml.
type Cluster struct {
	// APIVersion of this file's format.
	APIVersion string `json:"apiVersion" jsonschema:"enum=bootstrap.rebirth.tazlab.net/v1alpha1"`
	// Kind of this file.
	Kind string `json:"kind" jsonschema:"enum=Cluster"`
	// Metadata names the cluster.
	Metadata Metadata `json:"metadata"`

	// Proxmox is where the machines are made.
	Proxmox Proxmox `json:"proxmox"`
	// Image is what they boot.
	Image Image `json:"image"`
	// NodeDefaults holds for every node that doesn't say otherwise.
	NodeDefaults NodeDefaults `json:"nodeDefaults,omitzero"`
	// Nodes are the machines. The first control plane is the one that starts etcd.
	Nodes []Node `json:"nodes" jsonschema:"minItems=1"`
	// Talos is what runs on them.
	Talos Talos `json:"talos"`
	// Tailnet is what they join; without it they join none.
	Tailnet *Tailnet `json:"tailnet,omitempty"`
	// HandOver is what Flux needs to take over from here.
	HandOver HandOver `json:"handOver,omitzero"`
	// Timeouts are the deadlines of phases.
	Timeouts Timeouts `json:"timeouts,omitzero"`
}

// Metadata names the cluster.
type Metadata struct {
	// Name of the cluster: a DNS label of at most 32 characters. It is part of the
	// tag and the marker by which the cluster's machines are known.
	Name string `json:"name" jsonschema:"format=dns-label,maxLength=32"`
}

// Proxmox is the API of a Proxmox VE cluster, version 8.4 or newer.
type Proxmox struct {
	// Endpoint, such as https://pve.lan:8006.
	Endpoint string `json:"endpoint" jsonschema:"format=https-url"`
	// CA is the PEM of the authority that signed the API's certificate, in a block
	// that begins with "|". CA or Fingerprint is required unless this machine trusts
	// the certificate anyway; both together are refused.
	CA string `json:"ca,omitempty" jsonschema:"format=pem-certificates"`
	// Fingerprint is the SHA-256 of the API's certificate, as Proxmox shows it.
	Fingerprint string `json:"fingerprint,omitempty" jsonschema:"format=fingerprint"`
	// Token is where the API token, USER@REALM!ID=SECRET, is read from.
	Token Source `json:"token"`
}

// Image is the Talos image, made by an Image Factory.
type Image struct {
	// TalosVersion, such as v1.13.9; v1.12.0 is the oldest.
	TalosVersion string `json:"talosVersion" jsonschema:"format=version"`
	// Schematic is what is added to plain Talos. Its id is computed here.
	Schematic Schematic `json:"schematic"`
	// Factory is the address of the Image Factory; https://factory.talos.dev by
	// default. One without TLS needs Checksum.
	Factory string `json:"factory,omitempty" jsonschema:"format=http-url"`
	// Storage is the Proxmox storage, with content type "import", that the image is
	// downloaded to on each host.
	Storage string `json:"storage" jsonschema:"format=pve-storage"`
	// Checksum is the SHA-256 of the image, in hex; Proxmox checks it when it is given.
	// Another checksum, or another factory, is another file on the storage.
	Checksum string `json:"checksum,omitempty" jsonschema:"format=sha256"`
}

// Schematic is what an Image Factory adds to plain Talos.
type Schematic struct {
	// Extensions are official system extensions. siderolabs/qemu-guest-agent is
	// required, for every machine is created with its agent switched on, and so is
	// siderolabs/tailscale with a tailnet; without one it is refused. Talos restarts
	// for ever where an extension waits for what never comes.
	Extensions []string `json:"extensions" jsonschema:"uniqueItems=true,format=extension"`
	// KernelArgs are further kernel arguments.
	KernelArgs []string `json:"kernelArgs,omitempty" jsonschema:"format=kernel-argument"`
}

// NodeDefaults holds for every node that doesn't say otherwise. Every node needs
// host, cores, memory, disks, bridge and gateway, from here or of its own.
type NodeDefaults struct {
	// Host is the Proxmox node.
	Host string `json:"host,omitempty" jsonschema:"format=pve-node"`
	// Cores is the number of virtual CPUs.
	Cores int `json:"cores,omitempty" jsonschema:"minimum=1,maximum=512"`
	// Memory in binary units, such as 4Gi: at least 2Gi on a control plane, 1Gi on a worker.
	Memory resource.Quantity `json:"memory,omitzero" jsonschema:"format=memory"`
	// Disks: the first is the one that Talos is installed on, of at least 10Gi. A
	// node's own list takes the place of this one.
	Disks []Disk `json:"disks,omitempty" jsonschema:"minItems=1"`
	// Bridge that the machine's network card is plugged into.
	Bridge string `json:"bridge,omitempty" jsonschema:"format=pve-bridge"`
	// VLAN tag; none by default.
	VLAN int `json:"vlan,omitempty" jsonschema:"minimum=1,maximum=4094"`
	// Gateway is the default route's, in the node's own network.
	Gateway netip.Addr `json:"gateway,omitzero" jsonschema:"format=ip-gateway"`
	// Nameservers that the node asks; 1.1.1.1 and 8.8.8.8, as Talos has it, by default.
	Nameservers []netip.Addr `json:"nameservers,omitempty" jsonschema:"uniqueItems=true,format=ip"`
}

// Role is what a node does.
type Role string

// The roles.
const (
	ControlPlane Role = "controlplane"
	Worker       Role = "worker"
)

// Node is one machine.
type Node struct {
	// Name of the node in Kubernetes, in Proxmox and in the tailnet. By default it is
	// made by the tailnet's hostname pattern.
	Name string `json:"name,omitempty" jsonschema:"format=dns-label"`
	// Role of the node: controlplane or worker.
	Role Role `json:"role" jsonschema:"enum=controlplane,enum=worker"`
	// VMID is the machine's number in Proxmox, fixed for ever: never "the next free".
	VMID int `json:"vmid" jsonschema:"minimum=100,maximum=999999999"`
	// MAC is the network card's address, fixed too.
	MAC string `json:"mac" jsonschema:"format=mac"`
	// Address (IPv4) with the network's prefix length, such as 192.168.1.71/24.
	Address netip.Prefix `json:"address" jsonschema:"format=ip-prefix"`

	NodeDefaults `json:",inline"`
}

// Disk of a machine.
type Disk struct {
	// Storage of Proxmox that the disk lies on.
	Storage string `json:"storage" jsonschema:"format=pve-storage"`
	// Size in whole binary gigabytes, such as 32Gi.
	Size resource.Quantity `json:"size" jsonschema:"format=disk-size"`
}

// Talos is the cluster as Talos makes it.
type Talos struct {
	// Endpoint of the Kubernetes API, such as https://192.168.1.71:6443: a control
	// plane's address, a name, or a virtual address that a patch sets up.
	Endpoint string `json:"endpoint" jsonschema:"format=https-url"`
	// KubernetesVersion, such as v1.36.3: one that the version of Talos supports.
	KubernetesVersion string `json:"kubernetesVersion" jsonschema:"format=version"`
	// MachineCertSANs are further names in the certificate of Talos' API. To change
	// them on a running cluster makes its certificates anew; so that is refused.
	MachineCertSANs []string `json:"machineCertSANs,omitempty" jsonschema:"uniqueItems=true,format=host"`
	// APIServerCertSANs are further names in the certificate of the Kubernetes API.
	APIServerCertSANs []string `json:"apiServerCertSANs,omitempty" jsonschema:"uniqueItems=true,format=host"`
	// Patches are strategic merge patches of the machine configuration.
	Patches []Patch `json:"patches,omitempty"`
	// DiskEncryption of what rests on the machines' disks.
	DiskEncryption *DiskEncryption `json:"diskEncryption,omitempty"`
	// Secrets is where the cluster's secrets bundle (talosctl gen secrets) is read
	// from. Without it a new one is made for each life of the cluster, and a create
	// that was interrupted starts its machines anew.
	Secrets *Source `json:"secrets,omitempty"`
	// ServiceAccountKey is where the private key that signs ServiceAccounts' tokens
	// is read from (PEM), so that Vault's trust in it outlives the cluster.
	ServiceAccountKey *Source `json:"serviceAccountKey,omitempty"`
}

// Patch of the machine configuration: exactly one of File and Inline is given. It
// holds no secret of the cluster, and nothing that has a field here.
type Patch struct {
	// Roles that it is for; all by default.
	Roles []Role `json:"roles,omitempty" jsonschema:"uniqueItems=true,enum=controlplane,enum=worker"`
	// File with the patch, in YAML, relative to cluster.yaml.
	File string `json:"file,omitempty" jsonschema:"format=path"`
	// Inline is the patch itself, in YAML, in a block that begins with "|".
	Inline string `json:"inline,omitempty" jsonschema:"minLength=1"`
}

// DiskEncryption says how partitions are encrypted; empty is not at all.
type DiskEncryption struct {
	// State is the partition that holds the machine's configuration, keys included.
	State *EncryptionKey `json:"state,omitempty"`
	// Ephemeral is the partition of everything else: etcd, images, pods' data.
	Ephemeral *EncryptionKey `json:"ephemeral,omitempty"`
}

// EncryptionKey is where the key of a partition comes from: exactly one of them.
type EncryptionKey struct {
	// NodeID derives it from the machine's UUID: it protects a disk that is thrown
	// away, not one that is stolen with its machine's configuration.
	NodeID *struct{} `json:"nodeID,omitempty"`
	// KMS asks a key server.
	KMS *KMS `json:"kms,omitempty"`
}

// KMS is a key server that speaks Talos' KMS protocol.
type KMS struct {
	// Endpoint, such as https://kms.lan:4443.
	Endpoint string `json:"endpoint" jsonschema:"format=kms-url"`
}

// Tailnet is what the nodes join. Exactly one of Tailscale and Headscale is given.
type Tailnet struct {
	// Tailscale is the service.
	Tailscale *Tailscale `json:"tailscale,omitempty"`
	// Headscale is a control server of one's own.
	Headscale *Headscale `json:"headscale,omitempty"`
	// Tags that the nodes carry, such as tag:talos; at least one.
	Tags []string `json:"tags" jsonschema:"minItems=1,uniqueItems=true,format=tailnet-tag"`
	// AcceptRoutes that other nodes offer.
	AcceptRoutes bool `json:"acceptRoutes,omitempty"`
	// HostnamePattern of nodes without a name: {cluster}-{role}-{ordinal} by default.
	// The ordinal counts the nodes of a role from 1, those with a name included.
	HostnamePattern string `json:"hostnamePattern,omitempty" jsonschema:"format=hostname-pattern"`
}

// Tailscale is the service: with an OAuth client (recommended) or an API token.
type Tailscale struct {
	// Tailnet is its name, "-" (the default) for that of the credential.
	Tailnet string `json:"tailnet,omitempty" jsonschema:"format=word"`
	// Endpoint of the API; https://api.tailscale.com by default.
	Endpoint string `json:"endpoint,omitempty" jsonschema:"format=control-url"`
	// OAuth is a client of the tailnet; either it or APIToken is given.
	OAuth *OAuth `json:"oauth,omitempty"`
	// APIToken is where an API access token is read from.
	APIToken *Source `json:"apiToken,omitempty"`
}

// OAuth is a client with the scopes auth_keys and devices:core, and the tags.
type OAuth struct {
	// ClientID is public.
	ClientID string `json:"clientID" jsonschema:"format=word"`
	// ClientSecret is where the client's secret is read from.
	ClientSecret Source `json:"clientSecret"`
}

// Headscale is a control server of one's own, version 0.29 or newer.
type Headscale struct {
	// Endpoint, such as https://headscale.example.com.
	Endpoint string `json:"endpoint" jsonschema:"format=control-url"`
	// CA is the PEM of the authority that signed its certificate, unless a public one did.
	CA string `json:"ca,omitempty" jsonschema:"format=pem-certificates"`
	// APIKey is where its API key is read from.
	APIKey Source `json:"apiKey"`
	// User that keys are made for.
	User string `json:"user" jsonschema:"format=word"`
}

// HandOver is what Flux needs to take over.
type HandOver struct {
	// Manifests are files or folders (*.yaml, *.yml and *.json in them and below),
	// relative to cluster.yaml, that Talos applies at its first start
	// (inlineManifests): namespaces first, then CRDs, then the rest in this order. What
	// exists already it leaves alone. A Secret among them is refused, for Talos keeps
	// them on every control plane's disk.
	Manifests []string `json:"manifests,omitempty" jsonschema:"uniqueItems=true,format=path"`
	// Secret is applied once through the Kubernetes API, from memory: the
	// credential with which Flux reads its Git repository.
	Secret *HandOverSecret `json:"secret,omitempty"`
}

// HandOverSecret is a Secret that is made from sources.
type HandOverSecret struct {
	// Namespace is created if it isn't there.
	Namespace string `json:"namespace" jsonschema:"format=dns-label"`
	// Name of the Secret.
	Name string `json:"name" jsonschema:"format=dns-name"`
	// Type of the Secret; Opaque by default.
	Type string `json:"type,omitempty" jsonschema:"format=word"`
	// Data says for each key where its value is read from.
	Data map[string]Source `json:"data"`
}

// Source is where a secret is read from: exactly one of its fields is set. The
// secret is read when it is needed and stays in memory. Nothing of a Source is ever
// printed: somebody may have written a secret into it.
type Source struct {
	// Stdin reads standard input to its end. One source alone can.
	Stdin bool `json:"stdin,omitempty"`
	// Env names an environment variable. It is taken out of the environment at once,
	// so one source alone can read it.
	Env string `json:"env,omitempty" jsonschema:"format=env-name"`
	// Command is run, without a shell, and its standard output read. Its program is
	// an absolute path, or a name that is looked up in PATH.
	Command []string `json:"command,omitempty" jsonschema:"minItems=1"`
	// File, an absolute path, is read if it lies on tmpfs or ramfs: anything else is a disk.
	File string `json:"file,omitempty" jsonschema:"format=absolute-path"`
}

// Timeouts are the deadlines of phases.
type Timeouts struct {
	// Preflight of all the APIs; 1m by default.
	Preflight Duration `json:"preflight,omitzero" jsonschema:"format=timeout"`
	// Image is the download of the image to one host; 15m by default.
	Image Duration `json:"image,omitzero" jsonschema:"format=timeout"`
	// Machine is a machine's creation, import of its disk included; 10m by default.
	Machine Duration `json:"machine,omitzero" jsonschema:"format=timeout"`
	// Maintenance is from a machine's start until Talos waits for a configuration; 5m by default.
	Maintenance Duration `json:"maintenance,omitzero" jsonschema:"format=timeout"`
	// Configure is from the configuration until the node runs it; 10m by default.
	Configure Duration `json:"configure,omitzero" jsonschema:"format=timeout"`
	// Bootstrap is the start of etcd; 5m by default.
	Bootstrap Duration `json:"bootstrap,omitzero" jsonschema:"format=timeout"`
	// Health is until etcd and the Kubernetes API answer; 10m by default.
	Health Duration `json:"health,omitzero" jsonschema:"format=timeout"`
	// Join is one node's way into the tailnet; 5m by default. An auth key lives for
	// 15 minutes, so no more than 10m.
	Join Duration `json:"join,omitzero" jsonschema:"format=timeout"`
	// HandOver is the Secret's; 2m by default.
	HandOver Duration `json:"handOver,omitzero" jsonschema:"format=timeout"`
	// Destroy is the destruction of one machine; 5m by default.
	Destroy Duration `json:"destroy,omitzero" jsonschema:"format=timeout"`
}
