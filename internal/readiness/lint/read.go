package lint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/sourceignore"

	"github.com/tazzo/rebirth/internal/nearest"
)

// reader follows Flux from what it was told to apply to all that comes of it.
type reader struct {
	cluster *cluster
	local   *repository
	others  map[string]*repository
	// own is the source that the linted directory is, if that is known.
	own string
	// written are the Kustomizations as they stand in files; configMaps too.
	written    []object
	releases   []object
	configMaps map[Ref]object
	folders    []string
	builds     map[string]built
}

// read turns a repository into the cluster that Flux would make of it.
func read(fsys fs.FS, o Options) (*cluster, error) {
	r := &reader{cluster: newCluster(), others: map[string]*repository{}, configMaps: map[Ref]object{}, builds: map[string]built{}}
	var err error
	if r.local, err = newRepository("", fsys); err != nil {
		return nil, err
	}
	for _, source := range slices.Sorted(maps.Keys(o.Sources)) {
		if r.others[source], err = newRepository(source, o.Sources[source]); err != nil {
			return nil, fmt.Errorf("source %s: %w", source, err)
		}
	}
	if err := r.scan(); err != nil {
		return nil, err
	}
	roots, err := r.roots(o.Path)
	if err != nil {
		return nil, err
	}
	r.follow(roots)
	return r.cluster, nil
}

// scan reads every YAML file, so that Kustomizations are found before it is known
// what applies them.
func (r *reader) scan() error {
	return r.local.walkYAML(".", func(dir string) bool {
		// Templates of a chart are no YAML.
		return path.Base(dir) == "templates" && r.local.isFile(path.Join(path.Dir(dir), "Chart.yaml"))
	}, func(file string) {
		if folder := path.Dir(file); !slices.Contains(r.folders, folder) {
			r.folders = append(r.folders, folder)
		}
		data, err := r.local.readFile(file)
		found := []document(nil)
		if err == nil {
			found, err = documents(data)
		}
		if err != nil && strings.Contains(string(data), ".toolkit.fluxcd.io") {
			r.cluster.findings = append(r.cluster.findings, Finding{
				Code: FileUnreadable, Severity: Warning, File: file, Line: 1,
				Message: fmt.Sprintf("mentions Flux and can't be read: %v", err),
				Remedy:  "correct it; if it is a template, list it in " + sourceignore.IgnoreFile,
			})
		}
		for _, d := range found {
			r.note(object{ref: d.ref(), fields: d.fields, file: file, line: d.line})
		}
	})
}

func (r *reader) note(o object) {
	switch {
	case o.ref.isKustomization():
		r.written = append(r.written, o)
	case o.ref.isHelmRelease():
		r.releases = append(r.releases, o)
	case o.ref.Group == "" && o.ref.Kind == "ConfigMap":
		r.configMaps[o.ref] = o
	}
}

// follow builds Kustomization after Kustomization.
func (r *reader) follow(queue []*kustomization) {
	for len(queue) > 0 {
		k := queue[0]
		queue = queue[1:]
		for _, o := range r.apply(k) {
			if nested := r.cluster.adopt(o, k); nested != nil {
				queue = append(queue, nested)
			}
		}
	}
}

// apply returns what a Kustomization applies, and reports what can't be read.
func (r *reader) apply(k *kustomization) []object {
	repository := r.repositoryOf(k)
	if repository == nil || k.flux.Spec.KubeConfig != nil {
		return nil
	}
	dir, err := repository.folder(k.flux.Spec.Path)
	if err != nil {
		r.report(r.pathMissing(k, dir))
		return nil
	}
	result, err := r.build(repository, dir, k.flux.Spec)
	for _, entry := range result.remote {
		r.report(remoteFinding(k, entry))
	}
	if err != nil {
		r.report(k.finding(BuildFailed, Error,
			fmt.Sprintf("can't be built from its path %s, so nothing in it was looked at: %v", dir, err),
			"correct it until \"kustomize build "+dir+"\" works"))
		return nil
	}
	k.read = true
	return r.substituted(k, result.objects)
}

func (r *reader) report(f Finding) {
	r.cluster.findings = append(r.cluster.findings, f)
}

func (r *reader) substituted(k *kustomization, objects []object) []object {
	s := variables(k, r.configMaps)
	if !s.needed(k.flux) {
		return objects
	}
	done := make([]object, 0, len(objects))
	for _, o := range objects {
		replaced, err := s.apply(o)
		if err != nil {
			r.report(k.finding(BuildFailed, Error, err.Error(),
				"correct the expression, or annotate the object with kustomize.toolkit.fluxcd.io/substitute: disabled"))
		}
		done = append(done, replaced)
	}
	return done
}

// build remembers its results: finding the roots builds what is built again later.
func (r *reader) build(repository *repository, dir string, spec kustomizev1.KustomizationSpec) (built, error) {
	encoded, err := json.Marshal(spec)
	if err != nil {
		return built{}, err
	}
	key := strings.Join([]string{repository.source, dir, string(encoded)}, "\x00")
	if result, known := r.builds[key]; known {
		return result, nil
	}
	result, err := repository.build(dir, spec)
	if err == nil {
		r.builds[key] = result
	}
	return result, err
}

// repositoryOf returns the repository that a Kustomization's source is, nil if it
// isn't here. As long as it isn't known which source the linted directory is, it
// is taken for that of everything that stands in it.
func (r *reader) repositoryOf(k *kustomization) *repository {
	source := sourceOf(k.object, k.flux)
	if other, given := r.others[source[strings.Index(source, " ")+1:]]; given {
		return other
	}
	if r.own == source {
		return r.local
	}
	if r.own == "" {
		if _, err := r.local.folder(k.flux.Spec.Path); err == nil || r.isOwn(source) {
			return r.local
		}
	}
	return nil
}

// isOwn says whether something from that source stands in the linted directory.
func (r *reader) isOwn(source string) bool {
	for _, o := range r.written {
		var k kustomizev1.Kustomization
		if decode(o.fields, &k) != nil || sourceOf(o, k) != source {
			continue
		}
		if _, err := r.local.folder(k.Spec.Path); err == nil {
			return true
		}
	}
	return false
}

// sourceOf is "Kind namespace/name" of a Kustomization's source.
func sourceOf(o object, k kustomizev1.Kustomization) string {
	ref := meta.NamespacedObjectKindReference{
		Kind: k.Spec.SourceRef.Kind, Name: k.Spec.SourceRef.Name, Namespace: k.Spec.SourceRef.Namespace,
	}
	if ref.Namespace == "" {
		ref.Namespace = o.ref.Namespace
	}
	return ref.Kind + " " + ref.Namespace + "/" + ref.Name
}

func (r *reader) pathMissing(k *kustomization, dir string) Finding {
	message := fmt.Sprintf("has the spec.path %s, which doesn't exist", k.flux.Spec.Path)
	if meant := nearest.Name(dir, r.folders); meant != "" {
		message += fmt.Sprintf(": did you mean ./%s?", meant)
	}
	return k.finding(PathMissing, Error, message,
		"correct spec.path; it is relative to the root of the source, so lint that root")
}

func remoteFinding(k *kustomization, entry remoteEntry) Finding {
	f := k.finding(RemoteResource, Warning,
		fmt.Sprintf("builds on %s, which is not in this repository: what it brings was not looked at", entry.entry),
		"copy it into the repository, which also lets a rebirth do without that server")
	f.File, f.Line = entry.file, entry.line
	return f
}

// errSeveral lists what --path may be.
func errSeveral(paths []string) error {
	return errors.New("this repository describes several clusters; name one with --path: " + strings.Join(paths, ", "))
}
