package lint

import (
	"fmt"
	"path"
	"slices"
	"strings"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
)

// roots records what Flux was told to apply, and returns the Kustomizations
// among it: of the given folder, or else of the Kustomization that applies its
// own file, as "flux bootstrap" makes it, or else all that nothing else applies.
func (r *reader) roots(entry string) ([]*kustomization, error) {
	itself, paths := r.selfApplying(entry)
	switch {
	case len(paths) > 1:
		return nil, errSeveral(paths)
	case itself != nil:
		r.own = sourceOf(itself.object, itself.flux)
		return []*kustomization{itself}, nil
	case entry != "":
		return r.given(entry)
	default:
		return r.unapplied(), nil
	}
}

// selfApplying finds the Kustomizations whose path contains their own file: the
// first one, and all their paths.
func (r *reader) selfApplying(entry string) (*kustomization, []string) {
	var chosen object
	var paths []string
	for _, o := range r.written {
		var k kustomizev1.Kustomization
		if decode(o.fields, &k) != nil || k.Spec.Path == "" {
			continue
		}
		dir := inRepository(k.Spec.Path)
		if !within(o.file, dir) || entry != "" && dir != inRepository(entry) || slices.Contains(paths, dir) {
			continue
		}
		if len(paths) == 0 {
			chosen = o
		}
		paths = append(paths, dir)
	}
	if len(paths) != 1 {
		return nil, paths
	}
	return r.cluster.adopt(chosen, nil), paths
}

func within(file, dir string) bool {
	return dir == "." || strings.HasPrefix(file, dir+"/")
}

// given builds the folder that the user names.
func (r *reader) given(entry string) ([]*kustomization, error) {
	dir, err := r.local.folder(entry)
	if err != nil {
		return nil, fmt.Errorf("path %s: %w; it is relative to the directory that is linted", entry, err)
	}
	result, err := r.local.build(dir, kustomizev1.KustomizationSpec{})
	if err != nil {
		return nil, fmt.Errorf("path %s can't be built: %w", entry, err)
	}
	return r.adoptAll(result.objects), nil
}

// unapplied returns the Kustomizations that stand in files and that none of the
// others applies, and records the HelmReleases beside them.
func (r *reader) unapplied() []*kustomization {
	applied := map[string]bool{}
	for _, o := range r.written {
		var k kustomization
		if decode(o.fields, &k.flux) != nil {
			continue
		}
		k.object = o
		repository := r.repositoryOf(&k)
		if repository == nil {
			continue
		}
		dir, err := repository.folder(k.flux.Spec.Path)
		if err != nil {
			continue
		}
		// What fails here is reported when it is followed.
		result, _ := r.build(repository, dir, k.flux.Spec)
		for _, inner := range result.objects {
			applied[at(inner)] = true
		}
	}
	var roots []object
	var folders []string
	for _, o := range r.written {
		if !applied[at(o)] {
			roots = append(roots, o)
			folders = append(folders, path.Dir(o.file))
		}
	}
	for _, o := range r.releases {
		if !applied[at(o)] && slices.Contains(folders, path.Dir(o.file)) {
			roots = append(roots, o)
		}
	}
	return r.adoptAll(roots)
}

func at(o object) string {
	return fmt.Sprintf("%s:%d", o.file, o.line)
}

func (r *reader) adoptAll(objects []object) []*kustomization {
	var found []*kustomization
	for _, o := range objects {
		if k := r.cluster.adopt(o, nil); k != nil {
			found = append(found, k)
		}
	}
	return found
}
