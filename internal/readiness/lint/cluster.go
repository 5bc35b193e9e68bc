package lint

import (
	"fmt"
	"slices"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
)

// cluster is what the repository makes of a cluster.
type cluster struct {
	kustomizations map[Ref]*kustomization
	releases       map[Ref]*release
	objects        map[Ref]object
	// appliers are the Kustomizations that apply an object: none for what Flux was
	// told to apply, and more than one if they fight over it.
	appliers map[Ref][]Ref
	findings []Finding
}

type kustomization struct {
	object
	flux kustomizev1.Kustomization
	// read says that what it applies is known.
	read    bool
	applies []Ref
}

type release struct {
	object
	flux helmv2.HelmRelease
}

func newCluster() *cluster {
	return &cluster{
		kustomizations: map[Ref]*kustomization{},
		releases:       map[Ref]*release{},
		objects:        map[Ref]object{},
		appliers:       map[Ref][]Ref{},
	}
}

// adopt records an object that a Kustomization applies, or, without one, that is
// there from the start. It returns the Kustomization that the object is, if it is
// a new one.
func (c *cluster) adopt(o object, by *kustomization) *kustomization {
	if by != nil {
		if o.ref == by.ref {
			// Flux's own Kustomization applies itself.
			return nil
		}
		by.applies = append(by.applies, o.ref)
	}
	first, known := c.objects[o.ref]
	if known && (o.ref.isKustomization() || o.ref.isHelmRelease()) {
		c.findings = append(c.findings, duplicate(first, o))
	}
	if !known {
		c.objects[o.ref] = o
	}
	if by != nil && !slices.Contains(c.appliers[o.ref], by.ref) {
		c.appliers[o.ref] = append(c.appliers[o.ref], by.ref)
	}
	if known {
		return nil
	}
	return c.register(o)
}

// register decodes what the linter looks into.
func (c *cluster) register(o object) *kustomization {
	switch {
	case o.ref.isKustomization():
		k := &kustomization{object: o}
		if err := decode(o.fields, &k.flux); err != nil {
			c.findings = append(c.findings, unreadable(o, err))
			return nil
		}
		k.flux.Namespace = o.ref.Namespace
		c.kustomizations[o.ref] = k
		return k
	case o.ref.isHelmRelease():
		r := &release{object: o}
		if err := decode(o.fields, &r.flux); err != nil {
			c.findings = append(c.findings, unreadable(o, err))
			return nil
		}
		r.flux.Namespace = o.ref.Namespace
		c.releases[o.ref] = r
	}
	return nil
}

// finding begins a finding about an object.
func (o object) finding(code Code, severity Severity, message, remedy string) Finding {
	ref := o.ref
	return Finding{Code: code, Severity: severity, Object: &ref, File: o.file, Line: o.line, Message: message, Remedy: remedy}
}

func unreadable(o object, err error) Finding {
	return o.finding(ObjectUnreadable, Error,
		fmt.Sprintf("can't be read as a %s: %v", o.ref.Kind, err),
		"correct the field: the API server would refuse the object too")
}

func duplicate(first, second object) Finding {
	return second.finding(ObjectDuplicate, Error,
		fmt.Sprintf("stands at %s:%d already: Flux would apply the one and the other in turn", first.file, first.line),
		"delete one of them; if they belong to different clusters, say with --path which cluster is meant")
}

// sortedKustomizations are all Kustomizations in a fixed order.
func (c *cluster) sortedKustomizations() []*kustomization {
	return inOrder(c.kustomizations)
}

// sortedReleases are all HelmReleases in a fixed order.
func (c *cluster) sortedReleases() []*release {
	return inOrder(c.releases)
}

func inOrder[T any](m map[Ref]T) []T {
	all := make([]T, 0, len(m))
	for _, ref := range sortedRefs(m) {
		all = append(all, m[ref])
	}
	return all
}

func sortedRefs[T any](m map[Ref]T) []Ref {
	refs := make([]Ref, 0, len(m))
	for ref := range m {
		refs = append(refs, ref)
	}
	slices.SortFunc(refs, Ref.compare)
	return refs
}
