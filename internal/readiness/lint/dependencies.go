package lint

import "fmt"

// checkDependencies finds entries of dependsOn that name nothing, or the same
// thing twice.
func checkDependencies(c *cluster, _ *Graph) []Finding {
	var findings []Finding
	for _, k := range c.sortedKustomizations() {
		for i, d := range k.dependencies() {
			if _, exists := c.objects[d]; !exists {
				findings = append(findings, missingKustomization(c, k, d))
			}
			findings = append(findings, repeated(k.object, k.dependencies(), i)...)
		}
	}
	for _, r := range c.sortedReleases() {
		for i, d := range r.dependencies() {
			if _, exists := c.objects[d]; !exists {
				findings = append(findings, missingRelease(c, r, d))
			}
			findings = append(findings, repeated(r.object, r.dependencies(), i)...)
		}
	}
	return findings
}

func missingKustomization(c *cluster, k *kustomization, d Ref) Finding {
	message := fmt.Sprintf("depends on %s, which doesn't exist, so it never starts", d)
	for _, r := range c.sortedReleases() {
		if r.ref.Name == d.Name && len(c.appliers[r.ref]) > 0 {
			return k.finding(DependencyMissing, Error,
				fmt.Sprintf("%s: that name is a HelmRelease's, and dependsOn names Kustomizations", message),
				fmt.Sprintf("depend on %s, which applies %s", listed(c.appliers[r.ref]), r.ref))
		}
	}
	if meant := nearestRef(d, sortedRefs(c.kustomizations)); meant != "" {
		message += fmt.Sprintf(": did you mean %s?", meant)
	}
	return k.finding(DependencyMissing, Error, message, "correct the name and namespace in spec.dependsOn, or take the entry out")
}

func missingRelease(c *cluster, r *release, d Ref) Finding {
	message := fmt.Sprintf("depends on %s, which doesn't exist, so it is never installed", d)
	if meant := nearestRef(d, sortedRefs(c.releases)); meant != "" {
		message += fmt.Sprintf(": did you mean %s?", meant)
	}
	return r.finding(DependencyMissing, Error, message,
		"correct the name and namespace in spec.dependsOn, which names HelmReleases; wait for a Kustomization in the one that applies this")
}

// repeated reports the second of equal entries, and not the third.
func repeated(o object, dependencies []Ref, i int) []Finding {
	before := 0
	for _, d := range dependencies[:i] {
		before += boolToInt(d == dependencies[i])
	}
	if before != 1 {
		return nil
	}
	return []Finding{o.finding(DependencyDuplicate, Warning,
		fmt.Sprintf("depends on %s more than once", dependencies[i]), "leave one of these entries in spec.dependsOn")}
}
