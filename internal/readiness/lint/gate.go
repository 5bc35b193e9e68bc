package lint

import (
	"fmt"
	"path"
	"slices"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

// gateName is how the chart, and by custom its Kustomization, is called.
const gateName = "readiness-gate"

// findGate returns the gate's Kustomization, or the zero Ref and what to do.
func findGate(c *cluster, o Options) (Ref, []Finding, error) {
	if o.Gate != "" {
		return givenGate(c, o)
	}
	candidates := gateCandidates(c)
	switch len(candidates) {
	case 1:
		return candidates[0].ref, nil, nil
	case 0:
		return Ref{}, []Finding{noGate(c)}, nil
	}
	var names []Ref
	for _, k := range candidates {
		names = append(names, k.ref)
	}
	return Ref{}, []Finding{candidates[0].finding(GateAmbiguous, Error,
		"may be the gate as well as these: "+listed(names[1:]),
		"name the one that health-checks the verdict with --gate namespace/name")}, nil
}

func noGate(c *cluster) Finding {
	f := Finding{Code: GateMissing, Severity: Error,
		Message: "no Kustomization applies a ReadinessGate or a HelmRelease of the chart readiness-gate: nothing here waits for the network",
		Remedy:  "add a Kustomization for readiness-gate and let the others depend on it; if it comes from another source, name it with --gate namespace/name",
	}
	if !slices.ContainsFunc(sortedRefs(c.objects), Ref.isKustomization) {
		f.Message = "no Kustomization of Flux stands here: nothing waits for the network, and nothing is applied"
		f.Remedy = "lint the root of the repository that Flux reads"
	}
	return f
}

func givenGate(c *cluster, o Options) (Ref, []Finding, error) {
	gate, err := o.gate()
	if err != nil {
		return Ref{}, nil, err
	}
	if _, exists := c.kustomizations[gate]; exists {
		return gate, nil, nil
	}
	message := fmt.Sprintf("the gate %s doesn't exist", gate)
	if meant := nearestRef(gate, sortedRefs(c.kustomizations)); meant != "" {
		message += fmt.Sprintf(": did you mean %s?", meant)
	}
	return Ref{}, []Finding{{Code: GateMissing, Severity: Error, Message: message,
		Remedy: "name an existing Kustomization with --gate namespace/name"}}, nil
}

// gateCandidates looks for the Kustomization that applies the gate, rather the
// one with the ReadinessGate than the one with the controller; else for one whose
// content isn't known, but whose name says so.
func gateCandidates(c *cluster) []*kustomization {
	var withGate, withChart, byName []*kustomization
	for _, k := range c.sortedKustomizations() {
		switch {
		case slices.ContainsFunc(k.applies, isReadinessGate):
			withGate = append(withGate, k)
		case slices.ContainsFunc(k.applies, func(r Ref) bool { return isGateRelease(c, r) }):
			withChart = append(withChart, k)
		case !k.read && (k.ref.Name == gateName || path.Base(k.flux.Spec.Path) == gateName):
			byName = append(byName, k)
		}
	}
	for _, candidates := range [][]*kustomization{withGate, withChart, byName} {
		if len(candidates) > 0 {
			return candidates
		}
	}
	return nil
}

func isReadinessGate(r Ref) bool {
	return r.Group == v1alpha1.GroupVersion.Group && r.Kind == v1alpha1.ReadinessGateKind
}

func isGateRelease(c *cluster, r Ref) bool {
	release, known := c.releases[r]
	return known && c.chart(release) == gateName
}

// chart is the name of a HelmRelease's chart.
func (c *cluster) chart(r *release) string {
	if r.flux.Spec.Chart != nil {
		return path.Base(r.flux.Spec.Chart.Spec.Chart)
	}
	ref := r.flux.Spec.ChartRef
	if ref == nil {
		return ""
	}
	source := c.objects[Ref{Group: sourceGroup, Kind: ref.Kind, Namespace: namespaceOr(ref.Namespace, r.ref.Namespace), Name: ref.Name}]
	if url := text(source.fields, "spec", "url"); url != "" {
		return path.Base(url)
	}
	if chart := text(source.fields, "spec", "chart"); chart != "" {
		return path.Base(chart)
	}
	return ref.Name
}

// sourceGroup is the API group of Flux's sources.
const sourceGroup = "source.toolkit.fluxcd.io"

// verdicts are the ConfigMaps that the ReadinessGates of the repository publish
// only while the network works.
func verdicts(c *cluster) []Ref {
	var all []Ref
	for _, ref := range sortedRefs(c.objects) {
		var gate v1alpha1.ReadinessGate
		if !isReadinessGate(ref) || decode(c.objects[ref].fields, &gate) != nil || gate.Spec.Publish.ConfigMapName == "" {
			continue
		}
		all = append(all, configMap(ref.Namespace, gate.Spec.Publish.ConfigMapName))
	}
	return all
}

// report is the ConfigMap that stands beside a verdict at all times.
func report(verdict Ref) Ref {
	return configMap(verdict.Namespace, verdict.Name+"-report")
}

func configMap(namespace, name string) Ref {
	return Ref{Kind: "ConfigMap", Namespace: namespace, Name: name}
}

func isConfigMap(r Ref) bool {
	return r.Group == "" && r.Kind == "ConfigMap"
}

// checkGate says whether the gate's Kustomization is Ready only while the gate is
// open: being applied is not enough.
func checkGate(c *cluster, g *Graph) []Finding {
	gate, known := c.kustomizations[g.Gate]
	if !known || gate.flux.Spec.Wait && len(gate.flux.Spec.HealthChecks) > 0 {
		// Ignored health checks are a finding of their own.
		return nil
	}
	var findings []Finding
	if !slices.ContainsFunc(gate.awaits(), func(r Ref) bool { return isEvidence(c, r) }) {
		findings = append(findings, gate.finding(GateVerdictUnchecked, Error,
			"is the gate and is Ready as soon as its objects are applied: it doesn't health-check the verdict"+verdictNames(c),
			"list that ConfigMap in spec.healthChecks, without \"wait: true\""))
	}
	if !gate.flux.Spec.Wait && !slices.ContainsFunc(gate.awaits(), func(r Ref) bool { return r.Kind == "Deployment" }) {
		findings = append(findings, gate.finding(GateControllerUnchecked, Warning,
			"is the gate and doesn't health-check its controller's Deployment: the verdict of a dead controller stays where it is",
			"list the Deployment in spec.healthChecks beside the ConfigMap"))
	}
	return findings
}

// isEvidence says whether an object is Current only while the gate is open: the
// verdict, or the ReadinessGate itself. If no verdict is known, because the chart
// makes the gate, any ConfigMap counts that nothing here applies.
func isEvidence(c *cluster, r Ref) bool {
	published := verdicts(c)
	if isReadinessGate(r) || slices.Contains(published, r) {
		return true
	}
	return isConfigMap(r) && len(published) == 0 && len(c.appliers[r]) == 0 && !alwaysExists(c, r)
}

func verdictNames(c *cluster) string {
	if published := verdicts(c); len(published) > 0 {
		return ", " + listed(published)
	}
	return ", the ConfigMap of its ReadinessGate"
}
