package lint

import (
	"cmp"
	"fmt"
	"strings"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"

	"github.com/tazzo/rebirth/internal/nearest"
)

// Ref names an object whatever its version.
type Ref struct {
	Group     string `json:"group,omitempty"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// String is "Kind namespace/name".
func (r Ref) String() string {
	return fmt.Sprintf("%s %s", r.Kind, r.key())
}

// key is "namespace/name", or the name of what has no namespace.
func (r Ref) key() string {
	if r.Namespace == "" {
		return r.Name
	}
	return r.Namespace + "/" + r.Name
}

func (r Ref) compare(other Ref) int {
	return cmp.Or(
		cmp.Compare(r.Kind, other.Kind),
		cmp.Compare(r.Namespace, other.Namespace),
		cmp.Compare(r.Name, other.Name),
		cmp.Compare(r.Group, other.Group),
	)
}

// KustomizationRef names a Flux Kustomization.
func KustomizationRef(namespace, name string) Ref {
	return Ref{Group: kustomizev1.GroupVersion.Group, Kind: kustomizev1.KustomizationKind, Namespace: namespace, Name: name}
}

// HelmReleaseRef names a HelmRelease.
func HelmReleaseRef(namespace, name string) Ref {
	return Ref{Group: helmv2.GroupVersion.Group, Kind: helmv2.HelmReleaseKind, Namespace: namespace, Name: name}
}

func (r Ref) isKustomization() bool {
	return r.Group == kustomizev1.GroupVersion.Group && r.Kind == kustomizev1.KustomizationKind
}

func (r Ref) isHelmRelease() bool {
	return r.Group == helmv2.GroupVersion.Group && r.Kind == helmv2.HelmReleaseKind
}

// group is the group of an apiVersion; core has none.
func group(apiVersion string) string {
	group, _, found := strings.Cut(apiVersion, "/")
	if !found {
		return ""
	}
	return group
}

// nearestRef is "namespace/name" of the one that was most likely meant, "" if none was:
// of the same name in another namespace, else of a like name, in the same namespace
// rather than in another one.
func nearestRef(meant Ref, existing []Ref) string {
	like := map[string]string{}
	var here, elsewhere []string
	for _, r := range existing {
		switch {
		case r.Name == meant.Name:
			return r.key()
		case r.Namespace == meant.Namespace:
			here = append(here, r.Name)
			like[r.Name] = r.key()
		default:
			elsewhere = append(elsewhere, r.Name)
			if like[r.Name] == "" {
				like[r.Name] = r.key()
			}
		}
	}
	return like[cmp.Or(nearest.Name(meant.Name, here), nearest.Name(meant.Name, elsewhere))]
}

func listed(refs []Ref) string {
	names := make([]string, 0, len(refs))
	for _, r := range refs {
		names = append(names, r.String())
	}
	return strings.Join(names, ", ")
}
