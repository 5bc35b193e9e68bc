package talos

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	machinery "github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/config"
	"github.com/siderolabs/talos/pkg/machinery/config/container"
	"github.com/siderolabs/talos/pkg/machinery/config/generate"
	"github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/config/types/network"
	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
	"github.com/siderolabs/talos/pkg/machinery/constants"

	"github.com/tazzo/rebirth/internal/bootstrap/spec"
)

// installDisk is the first disk of every machine: scsi0 in Proxmox.
const installDisk = "/dev/sda"

// Manifest is applied by Talos when the cluster starts for the first time. It rests
// on every control plane's disk: there must be no secret in it.
type Manifest struct {
	// Name is unique.
	Name string
	// YAML of one or more objects.
	YAML []byte
}

// Generate makes the base configuration of every node, by its name. It has no auth
// key in it. Every mistake is reported at once, with the nodes that have it; no part
// of a configuration stands in an error.
func Generate(cluster *spec.Cluster, s *Secrets, patches []Patch, manifests []Manifest) (map[string]Config, error) {
	contract, err := contractOf(cluster.Image.TalosVersion)
	if err != nil {
		return nil, err
	}
	loaded, err := loadPatches(patches)
	if err != nil {
		return nil, err
	}
	g := generator{cluster: cluster, secrets: s, contract: contract, patches: loaded, manifests: manifests}
	configs := make(map[string]Config, len(cluster.Nodes))
	var failures nodeErrors
	for _, node := range cluster.Nodes {
		made, err := g.config(node)
		if err != nil {
			failures.add(node.Name, err)
			continue
		}
		configs[node.Name] = made
	}
	if err := failures.join(); err != nil {
		return nil, err
	}
	return configs, nil
}

// contractOf says what a version of Talos understands. Which versions are supported
// was checked with cluster.yaml.
func contractOf(talosVersion string) (*machinery.VersionContract, error) {
	contract, err := machinery.ParseContractFromVersion(talosVersion)
	if err != nil {
		return nil, fmt.Errorf("image.talosVersion %q: not a version such as v1.13.9", talosVersion)
	}
	return contract, nil
}

// generator holds what the nodes' configurations have in common.
type generator struct {
	cluster   *spec.Cluster
	secrets   *Secrets
	contract  *machinery.VersionContract
	patches   []loadedPatch
	manifests []Manifest
}

// config makes one node's configuration.
func (g generator) config(node spec.Node) (Config, error) {
	ours, err := g.ours(node)
	if err != nil {
		return Config{}, withoutValues(err)
	}
	patched, err := applyPatches(ours, g.patches, node.Role)
	if err != nil {
		return Config{}, err
	}
	if err := g.check(node, patched); err != nil {
		return Config{}, err
	}
	made, err := encode(patched.Documents())
	if err != nil {
		return Config{}, err
	}
	if size := len(made.Value().Bytes()); size > constants.GRPCMaxMessageSize {
		return Config{}, fmt.Errorf("the configuration takes %d MiB, and Talos accepts %d MiB: hand fewer manifests over, and let Flux apply the rest", size>>20, constants.GRPCMaxMessageSize>>20)
	}
	return made, nil
}

// ours is the configuration before patches.
func (g generator) ours(node spec.Node) (machinery.Provider, error) {
	provider, err := g.generated(node.Role)
	if err != nil {
		return nil, err
	}
	provider, err = provider.PatchV1Alpha1(func(c *v1alpha1.Config) error {
		if node.Role == spec.ControlPlane {
			c.ClusterConfig.ClusterInlineManifests = inlineManifests(g.manifests)
		}
		if g.cluster.Tailnet != nil {
			keepToNetwork(c, node)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	kept := slices.DeleteFunc(provider.Documents(), func(d config.Document) bool { return d.Kind() == network.HostnameKind })
	return container.New(append(kept, g.documents(node)...)...)
}

// generated is what Talos' own generator makes for a role.
func (g generator) generated(role spec.Role) (machinery.Provider, error) {
	input, err := generate.NewInput(g.cluster.Metadata.Name, g.cluster.Talos.Endpoint,
		strings.TrimPrefix(g.cluster.Talos.KubernetesVersion, "v"),
		generate.WithVersionContract(g.contract),
		generate.WithSecretsBundle(g.secrets.bundle),
		generate.WithInstallImage(InstallerImage(g.cluster.Image)),
		generate.WithInstallDisk(installDisk),
	)
	if err != nil {
		return nil, err
	}
	// The generator's option would put the same names into both certificates.
	input.AdditionalMachineCertSANs = g.cluster.Talos.MachineCertSANs
	input.AdditionalSubjectAltNames = g.cluster.Talos.APIServerCertSANs
	return input.Config(machineType(role))
}

func machineType(role spec.Role) machine.Type {
	if role == spec.ControlPlane {
		return machine.TypeControlPlane
	}
	return machine.TypeWorker
}

func inlineManifests(manifests []Manifest) v1alpha1.ClusterInlineManifests {
	var inline v1alpha1.ClusterInlineManifests
	for _, m := range manifests {
		inline = append(inline, v1alpha1.ClusterInlineManifest{InlineManifestName: m.Name, InlineManifestContents: string(m.YAML)})
	}
	return inline
}

// keepToNetwork keeps the kubelet and etcd to the node's own network: next to a
// tailnet address, either could choose that one.
func keepToNetwork(c *v1alpha1.Config, node spec.Node) {
	own := []string{node.Address.Masked().String()}
	c.MachineConfig.MachineKubelet.KubeletNodeIP = &v1alpha1.KubeletNodeIPConfig{KubeletNodeIPValidSubnets: own}
	if c.ClusterConfig.EtcdConfig != nil {
		c.ClusterConfig.EtcdConfig.EtcdAdvertisedSubnets = own
	}
}

// check says what is wrong with a configuration once patches are applied.
func (g generator) check(node spec.Node, provider machinery.Provider) error {
	if provider.Machine() == nil || provider.Cluster() == nil {
		return errors.New("a patch takes away machine or cluster")
	}
	problems := []error{
		g.checkMachine(node, provider),
		g.checkExtension(node, provider),
	}
	// The strictest mode: an installation needs a disk and an image.
	if _, err := provider.Validate(bareMetal{}); err != nil {
		problems = append(problems, withoutValues(err))
	}
	return errors.Join(problems...)
}

// checkMachine finds patches that change what other steps rest on.
func (g generator) checkMachine(node spec.Node, provider machinery.Provider) error {
	var problems []error
	if actual := provider.Machine().Type(); actual != machineType(node.Role) {
		problems = append(problems, fmt.Errorf("a patch makes a %s of a %s: take machine.type out of it", actual, node.Role))
	}
	if CertSANsChange(provider.Machine().Security().CertSANs(), g.cluster.Talos.MachineCertSANs) != nil {
		problems = append(problems, errors.New("a patch changes machine.certSANs: use talos.machineCertSANs, so that a later change of them is seen"))
	}
	if hostname := provider.NetworkHostnameConfig(); hostname == nil || hostname.Hostname() != node.Name {
		problems = append(problems, errors.New("a patch changes the host name: use the node's name"))
	}
	if authority := provider.Machine().Security().IssuingCA(); authority == nil || string(authority.Crt) != string(g.secrets.bundle.Certs.OS.Crt) {
		problems = append(problems, errors.New("a patch changes machine.ca: use talos.secrets"))
	}
	if endpoint := provider.Cluster().Endpoint(); endpoint == nil || endpoint.String() != g.cluster.Talos.Endpoint {
		problems = append(problems, errors.New("a patch changes cluster.controlPlane.endpoint: use talos.endpoint"))
	}
	return errors.Join(problems...)
}

func (g generator) checkExtension(node spec.Node, provider machinery.Provider) error {
	service := tailscaleService(provider)
	switch {
	case g.cluster.Tailnet == nil && service == nil:
		return nil
	case g.cluster.Tailnet == nil:
		return errors.New("a patch configures the tailscale extension, and cluster.yaml has no tailnet: use tailnet")
	case service == nil:
		return errors.New("a patch takes the tailscale extension's document away: without it Talos never ends its boot")
	}
	if err := checkEnvironment(service.ServiceEnvironment, tailscaleDocument(g.cluster.Tailnet, node.Name).ServiceEnvironment); err != nil {
		return fmt.Errorf("a patch %w", err)
	}
	return nil
}

// bareMetal is a mode to validate for.
type bareMetal struct{}

func (bareMetal) String() string        { return "metal" }
func (bareMetal) RequiresInstall() bool { return true }
func (bareMetal) InContainer() bool     { return false }

// nodeErrors collects errors by node, and says each once.
type nodeErrors struct {
	texts []string
	nodes map[string][]string
}

func (n *nodeErrors) add(node string, err error) {
	if n.nodes == nil {
		n.nodes = map[string][]string{}
	}
	for line := range strings.Lines(err.Error()) {
		text := strings.TrimSpace(line)
		if _, known := n.nodes[text]; !known {
			n.texts = append(n.texts, text)
		}
		n.nodes[text] = append(n.nodes[text], node)
	}
}

func (n *nodeErrors) join() error {
	var all []error
	for _, text := range n.texts {
		all = append(all, fmt.Errorf("node %s: %s", strings.Join(n.nodes[text], ", "), text))
	}
	return errors.Join(all...)
}
