// Package spec is cluster.yaml: what a cluster shall be, as its owner writes it.
//
// The hazard: this file decides which machines are destroyed. So it is read
// strictly, every mistake is found before anything is touched, and no secret can
// stand in it: a secret is always a source that is read into memory later.
package spec

import (
	"net/netip"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// APIVersion and Kind of cluster.yaml.
const (
	APIVersion = "bootstrap.rebirth.tazlab.net/v1alpha1"
	Kind       = "Cluster"
)

// Cluster is the whole of cluster.yaml.
type Cluster struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Metadata   Metadata `json:"metadata"`

	// Proxmox is where the machines are made.
	Proxmox Proxmox `json:"proxmox"`
	// Image is what they boot.
	Image Image `json:"image"`
	// NodeDefaults holds for every node that doesn't say otherwise.
	NodeDefaults NodeDefaults `json:"nodeDefaults,omitempty"`
	// Nodes are the machines. The first control plane is the one that starts etcd.
	Nodes []Node `json:"nodes"`
	// Talos is what runs on them.
	Talos Talos `json:"talos"`
	// Tailnet is what they join; without it they join none.
	Tailnet *Tailnet `json:"tailnet,omitempty"`
	// HandOver is what Flux needs to take over from here.
	HandOver HandOver `json:"handOver,omitempty"`
	// Timeouts are the deadlines of phases.
	Timeouts Timeouts `json:"timeouts,omitempty"`
}

// Metadata names the cluster.
type Metadata struct {
	// Name of the cluster: a DNS label of at most 32 characters. It is part of the
	// tag and the marker by which the cluster's machines are known.
	Name string `json:"name"`
}

// Proxmox is the API of a Proxmox VE cluster, version 8 or newer.
type Proxmox struct {
	// Endpoint, such as https://pve.lan:8006.
	Endpoint string `json:"endpoint"`
	// CA is the PEM of the authority that signed the API's certificate; its bytes
	// are kept as they are. CA or Fingerprint is required unless a public authority
	// signed it.
	CA string `json:"ca,omitempty"`
	// Fingerprint is the SHA-256 of the API's certificate, as Proxmox shows it.
	Fingerprint string `json:"fingerprint,omitempty"`
	// Token is where the API token, USER@REALM!ID=SECRET, is read from.
	Token Source `json:"token"`
}

// Image is the Talos image, made by an Image Factory.
type Image struct {
	// TalosVersion, such as v1.13.9.
	TalosVersion string `json:"talosVersion"`
	// Schematic is what is added to plain Talos. Its id is computed here.
	Schematic Schematic `json:"schematic,omitempty"`
	// Factory is the address of the Image Factory; https://factory.talos.dev by default.
	Factory string `json:"factory,omitempty"`
	// Storage is the Proxmox storage, with content type "import", that the image is
	// downloaded to on each host.
	Storage string `json:"storage"`
	// Checksum is the SHA-256 of the image, in hex; Proxmox checks it when it is given.
	Checksum string `json:"checksum,omitempty"`
}

// Schematic is what an Image Factory adds to plain Talos.
type Schematic struct {
	// Extensions are official system extensions, such as siderolabs/tailscale.
	// siderolabs/qemu-guest-agent is required: every machine is created with its
	// agent switched on.
	Extensions []string `json:"extensions,omitempty"`
	// KernelArgs are further kernel arguments.
	KernelArgs []string `json:"kernelArgs,omitempty"`
}

// NodeDefaults holds for every node that doesn't say otherwise.
type NodeDefaults struct {
	// Host is the Proxmox node.
	Host string `json:"host,omitempty"`
	// Cores is the number of virtual CPUs.
	Cores int `json:"cores,omitempty"`
	// Memory in binary units, such as 4Gi.
	Memory resource.Quantity `json:"memory,omitempty"`
	// Disks: the first is the one that Talos is installed on.
	Disks []Disk `json:"disks,omitempty"`
	// Bridge that the machine's network card is plugged into.
	Bridge string `json:"bridge,omitempty"`
	// VLAN tag; none by default.
	VLAN int `json:"vlan,omitempty"`
	// Gateway is the default route's.
	Gateway netip.Addr `json:"gateway,omitzero"`
	// Nameservers that the node asks.
	Nameservers []netip.Addr `json:"nameservers,omitempty"`
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
	// Name of the node in Kubernetes, in Proxmox and in the tailnet. By default the
	// tailnet's hostname pattern, with the ordinal counted per role from 1.
	Name string `json:"name,omitempty"`
	Role Role   `json:"role"`
	// VMID is the machine's number in Proxmox, fixed for ever: never "the next free".
	VMID int `json:"vmid"`
	// MAC is the network card's address, fixed too.
	MAC string `json:"mac"`
	// Address with the network's prefix length, such as 192.168.1.71/24.
	Address netip.Prefix `json:"address"`

	NodeDefaults `json:",inline"`
}

// Disk of a machine.
type Disk struct {
	// Storage of Proxmox that the disk lies on.
	Storage string `json:"storage"`
	// Size in binary units, such as 32Gi.
	Size resource.Quantity `json:"size"`
}

// Talos is the cluster as Talos makes it.
type Talos struct {
	// Endpoint of the Kubernetes API, such as https://192.168.1.71:6443.
	Endpoint string `json:"endpoint"`
	// KubernetesVersion, such as v1.37.2.
	KubernetesVersion string `json:"kubernetesVersion"`
	// MachineCertSANs are further names in the certificate of Talos' API. To change
	// them on a running cluster makes its certificates anew; so that is refused.
	MachineCertSANs []string `json:"machineCertSANs,omitempty"`
	// APIServerCertSANs are further names in the certificate of the Kubernetes API.
	APIServerCertSANs []string `json:"apiServerCertSANs,omitempty"`
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

// Patch of the machine configuration.
type Patch struct {
	// Roles that it is for; all by default.
	Roles []Role `json:"roles,omitempty"`
	// File, relative to cluster.yaml, or Inline is the patch, in YAML.
	File   string `json:"file,omitempty"`
	Inline string `json:"inline,omitempty"`
}

// DiskEncryption says how partitions are encrypted; empty is not at all.
type DiskEncryption struct {
	State     *EncryptionKey `json:"state,omitempty"`
	Ephemeral *EncryptionKey `json:"ephemeral,omitempty"`
}

// EncryptionKey is where the key of a partition comes from: exactly one of them.
type EncryptionKey struct {
	// TPM seals the key in the machine's (virtual) TPM 2.0.
	TPM *struct{} `json:"tpm,omitempty"`
	// NodeID derives it from the machine's UUID: it protects a disk that is thrown
	// away, not one that is stolen with its machine's configuration.
	NodeID *struct{} `json:"nodeID,omitempty"`
	// KMS asks a key server.
	KMS *KMS `json:"kms,omitempty"`
}

// KMS is a key server that speaks Talos' KMS protocol.
type KMS struct {
	Endpoint string `json:"endpoint"`
}

// Tailnet is what the nodes join. Exactly one of Tailscale and Headscale is given.
type Tailnet struct {
	Tailscale *Tailscale `json:"tailscale,omitempty"`
	Headscale *Headscale `json:"headscale,omitempty"`
	// Tags that the nodes carry, such as tag:talos; at least one.
	Tags []string `json:"tags"`
	// AcceptRoutes that other nodes offer.
	AcceptRoutes bool `json:"acceptRoutes,omitempty"`
	// HostnamePattern of nodes without a name: {cluster}-{role}-{ordinal} by default.
	HostnamePattern string `json:"hostnamePattern,omitempty"`
}

// Tailscale is the service: with an OAuth client (recommended) or an API token.
type Tailscale struct {
	// Tailnet is its name, "-" (the default) for that of the credential.
	Tailnet string `json:"tailnet,omitempty"`
	// Endpoint of the API; https://api.tailscale.com by default.
	Endpoint string `json:"endpoint,omitempty"`
	OAuth    *OAuth `json:"oauth,omitempty"`
	// APIToken is where an API access token is read from.
	APIToken *Source `json:"apiToken,omitempty"`
}

// OAuth is a client with the scopes auth_keys and devices:core, and the tags.
type OAuth struct {
	ClientID     string `json:"clientID"`
	ClientSecret Source `json:"clientSecret"`
}

// Headscale is a control server of one's own, version 0.29 or newer.
type Headscale struct {
	// Endpoint, such as https://headscale.example.com.
	Endpoint string `json:"endpoint"`
	// CA is the PEM of the authority that signed its certificate, unless a public one did.
	CA string `json:"ca,omitempty"`
	// APIKey is where its API key is read from.
	APIKey Source `json:"apiKey"`
	// User that keys are made for.
	User string `json:"user"`
}

// HandOver is what Flux needs to take over.
type HandOver struct {
	// Manifests are files or directories, relative to cluster.yaml, that Talos
	// applies at its first start (inlineManifests). A Secret among them is refused,
	// for Talos keeps them on every control plane's disk.
	Manifests []string `json:"manifests,omitempty"`
	// Secret is applied once through the Kubernetes API, from memory: the
	// credential with which Flux reads its Git repository.
	Secret *HandOverSecret `json:"secret,omitempty"`
}

// HandOverSecret is a Secret that is made from sources.
type HandOverSecret struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Type of the Secret; Opaque by default.
	Type string            `json:"type,omitempty"`
	Data map[string]Source `json:"data"`
}

// Source is where a secret is read from: exactly one of its fields is set. The
// secret is read when it is needed and stays in memory.
type Source struct {
	// Stdin reads standard input to its end. One source alone can.
	Stdin bool `json:"stdin,omitempty"`
	// Env names an environment variable. It is taken out of the environment at once.
	Env string `json:"env,omitempty"`
	// Command is run, without a shell, and its standard output read.
	Command []string `json:"command,omitempty"`
	// File is read, if it lies on tmpfs or ramfs: anything else is a disk.
	File string `json:"file,omitempty"`
}

// Timeouts are the deadlines of phases.
type Timeouts struct {
	// Preflight of all the APIs; 1m by default.
	Preflight metav1.Duration `json:"preflight,omitempty"`
	// Image is the download of the image to one host; 15m by default.
	Image metav1.Duration `json:"image,omitempty"`
	// Machine is a machine's creation, import of its disk included; 10m by default.
	Machine metav1.Duration `json:"machine,omitempty"`
	// Maintenance is from a machine's start until Talos waits for a configuration; 5m by default.
	Maintenance metav1.Duration `json:"maintenance,omitempty"`
	// Configure is from the configuration until the node runs it; 10m by default.
	Configure metav1.Duration `json:"configure,omitempty"`
	// Bootstrap is the start of etcd; 5m by default.
	Bootstrap metav1.Duration `json:"bootstrap,omitempty"`
	// Health is until etcd and the Kubernetes API answer; 10m by default.
	Health metav1.Duration `json:"health,omitempty"`
	// Join is one node's way into the tailnet; 5m by default. An auth key lives for
	// 15 minutes, so no more than 10m.
	Join metav1.Duration `json:"join,omitempty"`
	// HandOver is the Secret's; 2m by default.
	HandOver metav1.Duration `json:"handOver,omitempty"`
	// Destroy is the destruction of one machine; 5m by default.
	Destroy metav1.Duration `json:"destroy,omitempty"`
}
