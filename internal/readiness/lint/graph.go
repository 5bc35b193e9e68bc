package lint

import (
	"slices"
)

// Graph says what must be Ready before what can start.
//
// Every object has two moments: it starts (is applied, its own dependencies being
// Ready) and it is Ready. A Kustomization or HelmRelease starts after all of its
// dependsOn are Ready and after whatever applies it has started; it is Ready
// after it has started and all that it waits for is Ready.
//
// A Graph remembers what it was asked, so it isn't safe for concurrent use.
type Graph struct {
	// Gate is the gate's Kustomization; the zero Ref if there is none.
	Gate Ref

	needs    map[moment][]need
	applies  map[Ref][]Ref
	appliers map[Ref][]Ref
	subjects []Ref
	unread   []Ref
	reached  map[moment]map[moment]bool
}

// moment is an object's start, or its being Ready.
type moment struct {
	ref   Ref
	ready bool
}

func starts(r Ref) moment  { return moment{ref: r} }
func isReady(r Ref) moment { return moment{ref: r, ready: true} }

// need is a moment that must come first, and why.
type need struct {
	moment
	why string
}

const (
	whyDependsOn = "depends on"
	whyAppliedBy = "is applied by"
	whyWaitsFor  = "waits for"
	whyStarted   = ""
)

func newGraph(c *cluster) *Graph {
	g := &Graph{
		needs: map[moment][]need{}, reached: map[moment]map[moment]bool{},
		applies: map[Ref][]Ref{}, appliers: c.appliers,
	}
	for _, ref := range sortedRefs(c.objects) {
		g.need(isReady(ref), starts(ref), whyStarted)
		for _, by := range c.appliers[ref] {
			g.need(starts(ref), starts(by), whyAppliedBy)
		}
	}
	for _, k := range c.sortedKustomizations() {
		g.subjects = append(g.subjects, k.ref)
		g.applies[k.ref] = k.applies
		if !k.read {
			g.unread = append(g.unread, k.ref)
		}
		for _, dependency := range k.dependencies() {
			g.need(starts(k.ref), isReady(dependency), whyDependsOn)
		}
		for _, awaited := range k.awaits() {
			g.need(isReady(k.ref), isReady(awaited), whyWaitsFor)
		}
	}
	for _, r := range c.sortedReleases() {
		g.subjects = append(g.subjects, r.ref)
		for _, dependency := range r.dependencies() {
			g.need(starts(r.ref), isReady(dependency), whyDependsOn)
		}
	}
	slices.SortFunc(g.subjects, Ref.compare)
	return g
}

func (g *Graph) need(what, first moment, why string) {
	g.needs[what] = append(g.needs[what], need{moment: first, why: why})
}

// dependencies are the Kustomizations that this one names in dependsOn.
func (k *kustomization) dependencies() []Ref {
	var all []Ref
	for _, d := range k.flux.Spec.DependsOn {
		all = append(all, KustomizationRef(namespaceOr(d.Namespace, k.ref.Namespace), d.Name))
	}
	return all
}

// dependencies are the HelmReleases that this one names in dependsOn.
func (r *release) dependencies() []Ref {
	var all []Ref
	for _, d := range r.flux.Spec.DependsOn {
		all = append(all, HelmReleaseRef(namespaceOr(d.Namespace, r.ref.Namespace), d.Name))
	}
	return all
}

// awaits is what must be Ready for the Kustomization to be: with "wait: true" all
// that it applies, and that alone.
func (k *kustomization) awaits() []Ref {
	if k.flux.Spec.Wait {
		return k.applies
	}
	return k.healthChecks()
}

// healthChecks are the objects that spec.healthChecks names.
func (k *kustomization) healthChecks() []Ref {
	var all []Ref
	for _, check := range k.flux.Spec.HealthChecks {
		all = append(all, Ref{Group: group(check.APIVersion), Kind: check.Kind, Namespace: check.Namespace, Name: check.Name})
	}
	return all
}

func namespaceOr(namespace, other string) string {
	if namespace == "" {
		return other
	}
	return namespace
}

// before returns the shortest way from a moment to one that must come first, both
// included; nil if there is none. The first moment counts only as the end of a
// way that leads back to it.
func (g *Graph) before(what, first moment) []need {
	type step struct {
		need
		back int
	}
	steps := []step{{need: need{moment: what}, back: -1}}
	seen := map[moment]bool{}
	for i := 0; i < len(steps); i++ {
		for _, next := range g.needs[steps[i].moment] {
			if seen[next.moment] {
				continue
			}
			seen[next.moment] = true
			steps = append(steps, step{need: next, back: i})
			if next.moment != first {
				continue
			}
			var way []need
			for at := len(steps) - 1; at >= 0; at = steps[at].back {
				way = append(way, steps[at].need)
			}
			slices.Reverse(way)
			return way
		}
	}
	return nil
}

// after says whether one moment can only come after the other.
func (g *Graph) after(what, first moment) bool {
	seen, known := g.reached[what]
	if !known {
		seen = map[moment]bool{}
		g.reach(what, seen)
		g.reached[what] = seen
	}
	return seen[first]
}

func (g *Graph) reach(what moment, seen map[moment]bool) {
	for _, next := range g.needs[what] {
		if !seen[next.moment] {
			seen[next.moment] = true
			g.reach(next.moment, seen)
		}
	}
}

// Subjects returns all Kustomizations and HelmReleases.
func (g *Graph) Subjects() []Ref {
	return slices.Clone(g.subjects)
}

// Unread returns the Kustomizations whose content isn't known: they come from
// another source, are applied to another cluster, or can't be built.
func (g *Graph) Unread() []Ref {
	return slices.Clone(g.unread)
}

// Applies returns what a Kustomization applies.
func (g *Graph) Applies(kustomization Ref) []Ref {
	return slices.Clone(g.applies[kustomization])
}

// AppliedBy returns the Kustomizations that apply an object.
func (g *Graph) AppliedBy(object Ref) []Ref {
	return slices.Clone(g.appliers[object])
}

// Behind says whether an object can't start before another one is Ready.
func (g *Graph) Behind(object, other Ref) bool {
	return object != other && g.after(starts(object), isReady(other))
}

// Downstream returns the Kustomizations and HelmReleases that can't start before
// the object is Ready.
func (g *Graph) Downstream(object Ref) []Ref {
	return g.filter(func(r Ref) bool { return g.Behind(r, object) })
}

// Upstream returns the Kustomizations and HelmReleases that must be Ready before
// the object is.
func (g *Graph) Upstream(object Ref) []Ref {
	return g.filter(func(r Ref) bool { return r != object && g.after(isReady(object), isReady(r)) })
}

// ancestors are those that only have to start before the object does: the
// Kustomizations that apply it, and what applies those.
func (g *Graph) ancestors(object Ref) []Ref {
	return g.filter(func(r Ref) bool { return r != object && g.after(starts(object), starts(r)) })
}

func (g *Graph) filter(keep func(Ref) bool) []Ref {
	var kept []Ref
	for _, r := range g.subjects {
		if keep(r) {
			kept = append(kept, r)
		}
	}
	return kept
}
