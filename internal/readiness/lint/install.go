package lint

import "fmt"

// checkInstall finds HelmReleases that a slow day zero defeats: helm-controller
// uninstalls a failed install before it tries again, or doesn't try again,
// unless the strategy is RetryOnFailure.
func checkInstall(c *cluster, _ *Graph) []Finding {
	const remedy = "set spec.install.strategy.name: RetryOnFailure"
	var findings []Finding
	for _, r := range c.sortedReleases() {
		install := r.flux.GetInstall()
		if install.GetRetry(false) != nil {
			continue
		}
		remediation := install.GetRemediation()
		if remediation.GetRetries() != 0 || remediation.MustRemediateLastFailure() {
			findings = append(findings, r.finding(InstallMayUninstall, Warning,
				fmt.Sprintf("has install.remediation (retries: %d): on day zero an install that is merely slow is uninstalled before the next try, with all that it has made so far", remediation.GetRetries()),
				remedy+", and take install.remediation out"))
			continue
		}
		findings = append(findings, r.finding(InstallNotRetried, Warning,
			"has no install strategy: an install that fails on day zero is not tried again", remedy))
	}
	return findings
}
