package lint

import (
	"fmt"
	"slices"
)

// checkHealthChecks finds health checks that Flux ignores, and those that say
// Current whatever the network does.
func checkHealthChecks(c *cluster, g *Graph) []Finding {
	var findings []Finding
	for _, k := range c.sortedKustomizations() {
		checks := k.healthChecks()
		if k.flux.Spec.Wait && len(checks) > 0 {
			findings = append(findings, k.finding(HealthChecksIgnored, Error,
				fmt.Sprintf("has \"wait: true\", so Flux ignores its healthChecks: %s", listed(checks)),
				"take \"wait: true\" out, and list in healthChecks what it waited for; or take healthChecks out"))
		}
		for _, check := range checks {
			switch {
			case check.Kind == "DaemonSet":
				findings = append(findings, daemonSetCheck(k, check))
			case isConfigMap(check):
				findings = append(findings, configMapCheck(c, g, k, check)...)
			}
		}
		findings = append(findings, tooWide(k)...)
	}
	return findings
}

// A DaemonSet that no node wants yet, as on day zero, is Current.
func daemonSetCheck(k *kustomization, check Ref) Finding {
	severity, remedy := Warning, "check what its pods do for others, or wait for something that is there only once they work"
	if isCNIDaemonSet(check) {
		severity, remedy = Error, "take it out and depend on the gate, which waits for a pod on every node and for its traffic"
	}
	return k.finding(DaemonSetCheckProvesNothing, severity,
		fmt.Sprintf("health-checks %s: a DaemonSet that wants no pod yet counts as ready, and pods without a readiness probe count as soon as they run", check), remedy)
}

func configMapCheck(c *cluster, g *Graph, k *kustomization, check Ref) []Finding {
	published := verdicts(c)
	if slices.Contains(published, check) {
		return verdictCheck(c, g, k, check)
	}
	var message string
	severity := Error
	switch {
	case slices.Contains(k.applies, check):
		message = "which it applies itself: it exists, so is Current, from then on"
	case len(c.appliers[check]) > 0:
		message = fmt.Sprintf("which %s applies whether anything works or not", listed(c.appliers[check]))
	case alwaysExists(c, check):
		message = "which exists at all times"
	case k.ref == g.Gate && len(published) == 0, hasExpression(k, "ConfigMap"):
		return nil
	default:
		message, severity = "which counts as ready as soon as it exists, whatever it says", Warning
	}
	message = fmt.Sprintf("health-checks %s, %s", check, message)
	if meant := nearestRef(check, published); meant != "" {
		message += fmt.Sprintf(": did you mean %s?", meant)
	}
	return []Finding{k.finding(ConfigMapCheckProvesNothing, severity, message,
		"depend on the Kustomization that makes the difference, or check a ConfigMap that exists only while the thing works, as the gate's verdict does")}
}

// verdictCheck: whoever waits for the verdict holds one of kustomize-controller's
// few workers meanwhile, and has applied its objects already.
func verdictCheck(c *cluster, g *Graph, k *kustomization, check Ref) []Finding {
	if k.ref == g.Gate || g.Gate == (Ref{}) || k.flux.Spec.Wait {
		return nil
	}
	return []Finding{k.finding(VerdictCheckedElsewhere, Warning,
		fmt.Sprintf("health-checks %s itself: its objects are applied before that check, and it holds one of Flux's workers while it waits", check),
		fmt.Sprintf("take the check out and add %s to its spec.dependsOn", dependencyOn(g.Gate, k.ref.Namespace)))}
}

// alwaysExists knows ConfigMaps that are there without anybody's doing.
func alwaysExists(c *cluster, r Ref) bool {
	switch r.Name {
	case "kube-root-ca.crt":
		return true
	case "cluster-info":
		return r.Namespace == "kube-public"
	case "coredns", "kube-flannel-cfg", "extension-apiserver-authentication", "kubeadm-config", "kube-proxy", "kubelet-config":
		return r.Namespace == "kube-system" || r.Namespace == "kube-flannel"
	}
	return slices.ContainsFunc(verdicts(c), func(verdict Ref) bool { return report(verdict) == r })
}

func hasExpression(k *kustomization, kind string) bool {
	for _, e := range k.flux.Spec.HealthCheckExprs {
		if e.Kind == kind && group(e.APIVersion) == "" {
			return true
		}
	}
	return false
}

// tooWide: an expression matches by group and kind, so an expression meant for one
// ConfigMap judges all of them, and one without that key never becomes Current.
func tooWide(k *kustomization) []Finding {
	if !hasExpression(k, "ConfigMap") {
		return nil
	}
	var hit []Ref
	for _, r := range k.awaits() {
		if isConfigMap(r) && !slices.Contains(hit, r) {
			hit = append(hit, r)
		}
	}
	if len(hit) < 2 {
		return nil
	}
	return []Finding{k.finding(HealthCheckExpressionTooWide, Error,
		fmt.Sprintf("has a healthCheckExprs entry for ConfigMap, which judges all that it waits for: %s", listed(hit)),
		"wait for one ConfigMap only, or take the expression out: the gate's verdict exists only while it is true")}
}
