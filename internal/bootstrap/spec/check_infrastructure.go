package spec

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// The extensions that bootstrap itself has to do with.
const (
	guestAgentExtension = "siderolabs/qemu-guest-agent"
	tailscaleExtension  = "siderolabs/tailscale"
)

func checkProxmox(d *document, c *Cluster) {
	ca, fingerprint := path{"proxmox", "ca"}, path{"proxmox", "fingerprint"}
	switch {
	case d.has(ca) && d.has(fingerprint):
		d.fail(fingerprint, "can't be together with ca: leave one of them out")
	case !d.has(ca) && !d.has(fingerprint) && addressOf(c.Proxmox.Endpoint).IsPrivate():
		d.warn(path{"proxmox", "endpoint"}, "is a private address, for which no public authority signs: give ca or fingerprint, unless this machine trusts its authority")
	}
}

// addressOf is the IP address in an endpoint; not valid if it has a name.
func addressOf(endpoint string) netip.Addr {
	u, err := url.Parse(endpoint)
	if err != nil {
		return netip.Addr{}
	}
	address, _ := netip.ParseAddr(u.Hostname())
	return address
}

func checkImage(d *document, c *Cluster) {
	if at := (path{"image", "factory"}); strings.HasPrefix(c.Image.Factory, "http:") && !addressOf(c.Image.Factory).IsLoopback() && !d.has(path{"image", "checksum"}) {
		d.fail(at, "must begin with https://, unless checksum says which image is meant: the machines run what comes from there")
	}
}

// checkExtensions keeps Talos from a loop: it waits 70 minutes for an extension's
// service that can't become ready, and restarts.
func checkExtensions(d *document, c *Cluster) {
	at := path{"image", "schematic", "extensions"}
	if d.isFaulty(at) || !d.has(at) {
		return
	}
	if !slices.Contains(c.Image.Schematic.Extensions, guestAgentExtension) {
		d.fail(at, "lacks %s: every machine is made with its agent switched on", guestAgentExtension)
	}
	i := slices.Index(c.Image.Schematic.Extensions, tailscaleExtension)
	switch wanted := d.has(path{"tailnet"}); {
	case wanted && i < 0:
		d.fail(at, "lacks %s, with which the nodes join the tailnet", tailscaleExtension)
	case !wanted && i >= 0:
		d.fail(at.at(i), "is %s, and no tailnet is given: it would wait for one for ever and Talos restart again and again. Give a tailnet, or leave it out", tailscaleExtension)
	}
}

func checkRoles(d *document, c *Cluster) {
	at := path{"nodes"}
	controlPlanes, workers := 0, 0
	for i, node := range c.Nodes {
		switch {
		case node.Role == ControlPlane:
			controlPlanes++
		case node.Role == Worker:
			workers++
		case d.isFaulty(path{"nodes", i, "role"}):
			return // it may be either
		}
	}
	switch {
	case len(c.Nodes) == 0:
	case controlPlanes == 0:
		d.fail(at, "has no node with role controlplane: one or three")
	case controlPlanes == 2:
		d.fail(at, "has two nodes with role controlplane: etcd stops when either is down, so take one or three")
	case controlPlanes%2 == 0:
		d.warn(at, "has %d nodes with role controlplane: etcd stands no more failures than with %d", controlPlanes, controlPlanes-1)
	}
	if workers == 0 && controlPlanes > 0 && len(c.Talos.Patches) == 0 {
		d.warn(at, "has no worker: no pod of yours starts, unless a patch sets cluster.allowSchedulingOnControlPlanes")
	}
}

func checkTailnet(d *document, c *Cluster) {
	if c.Tailnet == nil {
		return
	}
	at := path{"tailnet"}
	d.exactlyOne(at, "tailscale", "headscale")
	if c.Tailnet.Tailscale != nil {
		d.exactlyOne(at.at("tailscale"), "oauth", "apiToken")
	}
}
