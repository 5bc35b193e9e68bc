package lint

import "slices"

// exemptions know what rightly starts before the gate opens.
type exemptions struct {
	cluster *cluster
	gate    Ref
	// upstream is what the gate waits for, ancestors what applies the gate.
	upstream, ancestors []Ref
}

func newExemptions(c *cluster, g *Graph) exemptions {
	return exemptions{cluster: c, gate: g.Gate, upstream: g.Upstream(g.Gate), ancestors: g.ancestors(g.Gate)}
}

func (e exemptions) covers(r Ref) bool {
	if r == e.gate || slices.Contains(e.upstream, r) || networkRole(e.cluster, r) != "" || isDeclared(e.cluster.objects[r]) {
		return true
	}
	if k, ok := e.cluster.kustomizations[r]; ok {
		return slices.Contains(e.ancestors, r) || k.flux.Spec.KubeConfig != nil ||
			len(networkParts(e.cluster, k)) > 0 || isFoundation(e.cluster, k)
	}
	return e.coversRelease(e.cluster.releases[r])
}

// coversRelease says whether whatever applies a HelmRelease covers it too. The
// gate's Kustomization covers the gate alone.
func (e exemptions) coversRelease(r *release) bool {
	if r.flux.Spec.KubeConfig != nil {
		return true
	}
	for _, by := range e.cluster.appliers[r.ref] {
		switch {
		case by == e.gate:
			if e.cluster.chart(r) == gateName {
				return true
			}
		case slices.Contains(e.upstream, by), isDeclared(e.cluster.objects[by]):
			return true
		}
	}
	return false
}

func isDeclared(o object) bool {
	return o.annotation(UpstreamAnnotation) == "true"
}

// isFoundation says whether a Kustomization brings nothing that needs a network:
// namespaces, CRDs, Flux's sources, and Kustomizations, which are judged for
// themselves.
func isFoundation(c *cluster, k *kustomization) bool {
	return k.read && len(k.applies) > 0 && !slices.ContainsFunc(k.applies, func(r Ref) bool {
		switch r.Group {
		case "":
			return r.Kind != "Namespace"
		case "apiextensions.k8s.io":
			return r.Kind != "CustomResourceDefinition"
		case sourceGroup:
			return false
		}
		return !r.isKustomization() && !isDeclared(c.objects[r])
	})
}
