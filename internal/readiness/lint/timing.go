package lint

import "fmt"

// checkTiming finds Kustomizations that wait and leave to Flux's defaults how
// long, and how soon they try again: both are the interval, which is meant for
// the steady state.
func checkTiming(c *cluster, _ *Graph) []Finding {
	var findings []Finding
	for _, k := range c.sortedKustomizations() {
		spec := k.flux.Spec
		if !spec.Wait && len(spec.HealthChecks) == 0 {
			continue
		}
		if spec.RetryInterval == nil {
			findings = append(findings, k.finding(RetryIntervalMissing, Warning,
				fmt.Sprintf("waits for objects without spec.retryInterval: after a failure it tries again only at its interval, after %s", k.flux.GetRetryInterval()),
				"set spec.retryInterval, such as 30s"))
		}
		if spec.Timeout == nil {
			findings = append(findings, k.finding(TimeoutMissing, Warning,
				fmt.Sprintf("waits for objects without spec.timeout: by default it holds one of Flux's workers for %s", k.flux.GetTimeout()),
				"set spec.timeout, such as 5m"))
		}
	}
	return findings
}
