package lint

import (
	"slices"
	"strings"
)

// What makes the network is known by the names under which it is usually
// installed; the gate waits for it, so it must not wait for the gate.
var (
	cniDaemonSets = []string{
		"antrea-agent", "aws-node", "calico-node", "canal", "cilium", "flannel", "kindnet", "kube-flannel",
		"kube-flannel-ds", "kube-ovn-cni", "kube-router", "weave-net",
	}
	cniCharts = []string{
		"antrea", "aws-vpc-cni", "calico", "canal", "cilium", "flannel", "kube-ovn", "rke2-canal", "rke2-cilium",
		"rke2-flannel", "tigera-operator",
	}
	dnsWorkloads = []string{"coredns", "kube-dns", "rke2-coredns-rke2-coredns"}
	dnsCharts    = []string{"coredns", "rke2-coredns"}
	// Names of Kustomizations count only where the content isn't known.
	networkNames = []string{"calico", "cilium", "cni", "coredns", "flannel", "kube-flannel"}
)

const (
	theCNI = "the CNI"
	theDNS = "the cluster's DNS"
)

// networkRole says which part of the network an object is, "" if none.
func networkRole(c *cluster, r Ref) string {
	switch {
	case isCNIDaemonSet(r), r.Group == "operator.tigera.io" && r.Kind == "Installation":
		return theCNI
	case (r.Kind == "Deployment" || r.Kind == "DaemonSet") && r.Namespace == "kube-system" && slices.Contains(dnsWorkloads, r.Name):
		return theDNS
	case r.isHelmRelease():
		release, known := c.releases[r]
		if !known {
			return ""
		}
		return chartRole(c.chart(release), release)
	case r.isKustomization():
		return nameRole(c.kustomizations[r])
	}
	return ""
}

func isCNIDaemonSet(r Ref) bool {
	return r.Kind == "DaemonSet" && slices.Contains(cniDaemonSets, r.Name)
}

func chartRole(chart string, r *release) string {
	switch {
	case slices.Contains(cniCharts, chart):
		return theCNI
	// CoreDNS also serves as a DNS server for others.
	case slices.Contains(dnsCharts, chart) && r.flux.GetValues()["isClusterService"] != false:
		return theDNS
	}
	return ""
}

func nameRole(k *kustomization) string {
	switch {
	case k == nil || k.read || !slices.Contains(networkNames, k.ref.Name):
		return ""
	case strings.Contains(k.ref.Name, "dns"):
		return theDNS
	}
	return theCNI
}

// networkParts are the parts of the network that a Kustomization brings: itself,
// if its content isn't known, or objects.
func networkParts(c *cluster, k *kustomization) []Ref {
	if networkRole(c, k.ref) != "" {
		return []Ref{k.ref}
	}
	var parts []Ref
	for _, r := range k.applies {
		if !r.isKustomization() && networkRole(c, r) != "" {
			parts = append(parts, r)
		}
	}
	return parts
}

// checkNetwork finds deadlocks: the network behind the gate that waits for it.
func checkNetwork(c *cluster, g *Graph) []Finding {
	if g.Gate == (Ref{}) {
		return nil
	}
	var findings []Finding
	for _, k := range c.sortedKustomizations() {
		for _, part := range networkParts(c, k) {
			if way := g.before(starts(part), isReady(g.Gate)); way != nil {
				findings = append(findings, c.objects[part].finding(NetworkBehindGate, Error,
					"is "+networkRole(c, part)+" and waits for the gate, which waits for it: neither ever starts: "+told(way),
					"take that dependency out, and put what brings it into the dependsOn of "+g.Gate.String()))
			}
		}
	}
	return findings
}
