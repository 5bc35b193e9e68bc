package spec

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/compatibility"
	"github.com/siderolabs/talos/pkg/machinery/gendata"
	"golang.org/x/mod/semver"
)

// oldestTalos is the first with the document kinds that are written here, such as
// HostnameConfig.
const oldestTalos = "v1.12.0"

// checkVersions finds versions that don't go together (Talos' support matrix).
func checkVersions(d *document, c *Cluster) {
	at := path{"image", "talosVersion"}
	if c.Image.TalosVersion == "" {
		return
	}
	if semver.Compare(c.Image.TalosVersion, oldestTalos) < 0 {
		d.fail(at, "is older than %s, the oldest that is supported here", oldestTalos)
		return
	}
	if newest := semver.MajorMinor(strings.TrimSpace(gendata.VersionTag)); semver.Compare(semver.MajorMinor(c.Image.TalosVersion), newest) > 0 {
		d.fail(at, "is newer than %s, the newest that this bootstrap knows: take a newer bootstrap", newest)
		return
	}
	talos, err := compatibility.ParseTalosVersion(&machine.VersionInfo{Tag: c.Image.TalosVersion})
	if err != nil {
		d.fail(at, "is no version of Talos: %v", err)
		return
	}
	if c.Talos.KubernetesVersion == "" {
		return
	}
	kubernetes, err := compatibility.ParseKubernetesVersion(c.Talos.KubernetesVersion)
	if err == nil {
		err = kubernetes.SupportedWith(talos)
	}
	if err != nil {
		d.fail(path{"talos", "kubernetesVersion"}, "doesn't go with image.talosVersion: %v", err)
	}
}

// checkEndpoint finds an endpoint at which no API server will answer.
func checkEndpoint(d *document, c *Cluster) {
	at := path{"talos", "endpoint"}
	u, err := url.Parse(c.Talos.Endpoint)
	if err != nil || c.Talos.Endpoint == "" {
		return
	}
	if u.Port() == "" {
		d.fail(at, "has no port: the Kubernetes API of Talos answers at 6443")
		return
	}
	host, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return // a name
	}
	has := func(n Node) bool { return n.Address.Addr() == host }
	i := slices.IndexFunc(c.Nodes, has)
	incomplete := len(c.Nodes) == 0 || slices.ContainsFunc(c.Nodes, func(n Node) bool { return !n.Address.IsValid() || n.Role == "" })
	switch {
	case i >= 0 && c.Nodes[i].Role == Worker:
		d.fail(at, "is the address of the worker %s: take a control plane's", nodeLabel(c, i))
	case i >= 0 || incomplete:
	case len(c.Talos.Patches) > 0:
		d.warn(at, "is no control plane's address: that is right if a patch gives it to them as a virtual one")
	default:
		d.fail(at, "is no control plane's address, and no patch gives it to them: take the address of one")
	}
}

func checkPatches(d *document, c *Cluster) {
	for i, patch := range c.Talos.Patches {
		at := path{"talos", "patches", i}
		if d.isFaulty(at) {
			continue
		}
		d.exactlyOne(at, "file", "inline")
		if inline := at.at("inline"); patch.Inline != "" && !d.isFaulty(inline) {
			d.checkInline(inline, patch.Inline)
		}
	}
}

func checkEncryption(d *document, c *Cluster) {
	encryption := c.Talos.DiskEncryption
	if encryption == nil {
		return
	}
	for name, key := range map[string]*EncryptionKey{"state": encryption.State, "ephemeral": encryption.Ephemeral} {
		if key != nil && key.KMS != nil && strings.HasPrefix(key.KMS.Endpoint, "grpc:") {
			d.warn(path{"talos", "diskEncryption", name, "kms", "endpoint"}, "has no TLS: who listens on the network can read the partition's key; take https://")
		}
	}
}
