package dayzero

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tazzo/rebirth/internal/bootstrap/spec"
	"github.com/tazzo/rebirth/internal/bootstrap/talos"
)

// TalosVersion and KubernetesVersion of the cluster.
const (
	TalosVersion      = "v1.13.9"
	KubernetesVersion = "v1.36.0"
)

// Names of the environment's variables with the secrets.
const (
	proxmoxToken    = "LAB_PROXMOX_TOKEN"
	headscaleAPIKey = "LAB_HEADSCALE_API_KEY"
	oauthSecret     = "LAB_TAILSCALE_OAUTH_SECRET"
)

func (w *World) image() spec.Image {
	extensions := []string{"siderolabs/qemu-guest-agent"}
	if !w.options.WithoutTailnet {
		extensions = append(extensions, "siderolabs/tailscale")
	}
	return spec.Image{TalosVersion: TalosVersion, Factory: w.factory.endpoint, Schematic: spec.Schematic{Extensions: extensions}}
}

func (w *World) imageURL() string { return talos.ImageURL(w.image()) }

// Environment has the secrets that cluster.yaml names.
func (w *World) Environment() []string {
	env := []string{proxmoxToken + "=" + w.token.ID + "=" + w.token.Secret}
	if w.Headscale != nil {
		env = append(env, headscaleAPIKey+"="+w.Headscale.APIKey)
	}
	if w.options.Tailscale != nil {
		env = append(env, oauthSecret+"="+w.options.Tailscale.Clients[0].Secret)
	}
	for variable, secret := range w.options.Secrets {
		env = append(env, variable+"="+secret)
	}
	return env
}

// Secrets that may stand in no file and no output, but for the auth key, which
// Headscale knows.
func (w *World) Secrets() []string {
	secrets := []string{w.token.Secret}
	if w.Headscale != nil {
		secrets = append(secrets, w.Headscale.APIKey)
	}
	return append(secrets, slices.Collect(maps.Values(w.options.Secrets))...)
}

// VMID of the node with that index in cluster.yaml.
func (w *World) VMID(index int) int { return 9001 + index }

// Host of the node with that index in cluster.yaml.
func (w *World) Host(index int) string { return w.options.Hosts[index%len(w.options.Hosts)] }

// MAC of the node with that index in cluster.yaml.
func (w *World) MAC(index int) string {
	return fmt.Sprintf("BC:24:11:00:%02X:%02X", w.options.Subnet, index)
}

// Nodes are their names, in the order of cluster.yaml.
func (w *World) Nodes() []string {
	var names []string
	for i := range w.options.ControlPlanes {
		names = append(names, fmt.Sprintf("%s-controlplane-%d", w.options.Cluster, i+1))
	}
	for i := range w.options.Workers {
		names = append(names, fmt.Sprintf("%s-worker-%d", w.options.Cluster, i+1))
	}
	return names
}

// ClusterYAML describes the cluster that this world is for.
func (w *World) ClusterYAML() string {
	var y strings.Builder
	fmt.Fprintf(&y, `apiVersion: %s
kind: %s
metadata: {name: %s}
proxmox:
  endpoint: %s
  ca: |
%s
  token: {env: %s}
image:
  talosVersion: %s
  factory: %s
  checksum: %s
  storage: local
  schematic: {extensions: [%s]}
nodeDefaults:
  cores: 2
  memory: 2Gi
  disks: [{storage: local-lvm, size: 16Gi}]
  bridge: vmbr0
  gateway: 127.%d.0.1
talos:
  endpoint: https://%s:6443
  kubernetesVersion: %s
`, spec.APIVersion, spec.Kind, w.options.Cluster, w.Proxmox.Endpoint(), indent(w.Proxmox.CA()), proxmoxToken,
		TalosVersion, w.factory.endpoint, imageSHA256, strings.Join(w.image().Schematic.Extensions, ", "),
		w.options.Subnet, w.Address(0), KubernetesVersion)
	y.WriteString(w.options.TalosExtra)
	if w.Headscale != nil {
		fmt.Fprintf(&y, "tailnet:\n  headscale: {endpoint: %q, user: %s, apiKey: {env: %s}}\n  tags: [%q]\n",
			w.front.endpoint, w.Headscale.User, headscaleAPIKey, Tag)
	}
	if service := w.options.Tailscale; service != nil {
		fmt.Fprintf(&y, "tailnet:\n  tailscale: {endpoint: %q, oauth: {clientID: %s, clientSecret: {env: %s}}}\n  tags: [%q]\n",
			service.URL, service.Clients[0].ID, oauthSecret, Tag)
	}
	y.WriteString("nodes:\n")
	for i := range w.options.ControlPlanes + w.options.Workers {
		role := spec.ControlPlane
		if i >= w.options.ControlPlanes {
			role = spec.Worker
		}
		fmt.Fprintf(&y, "  - {role: %s, vmid: %d, mac: %q, address: %s/24, host: %s}\n", role, w.VMID(i), w.MAC(i), w.Address(i), w.Host(i))
	}
	y.WriteString(w.options.Extra)
	return y.String()
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    ")
}
