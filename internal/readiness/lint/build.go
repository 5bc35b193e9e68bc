package lint

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sync"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/apis/kustomize"
	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	kustomizetypes "sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/yaml"
)

// built is what a folder becomes.
type built struct {
	objects []object
	remote  []remoteEntry
}

// object is one object as it would be applied.
type object struct {
	ref    Ref
	fields map[string]any
	// file and line say where it comes from.
	file string
	line int
}

func (o object) annotation(key string) string {
	return text(o.fields, "metadata", "annotations", key)
}

// build does with a folder what kustomize-controller would do with a
// Kustomization of that spec (fluxcd/pkg/kustomize, Generator and Build), but
// for postBuild.
func (r *repository) build(dir string, spec kustomizev1.KustomizationSpec) (built, error) {
	files := newKustomizeFiles(r)
	file, edited, err := files.kustomization(dir, spec)
	if err != nil {
		return built{}, err
	}
	if edited == nil {
		return built{remote: files.remote}, nil
	}
	files.generated[file] = edited
	result, err := run(files, path.Join("/", dir))
	if err != nil {
		return built{remote: files.remote}, err
	}
	objects, err := r.located(dir, result)
	return built{objects: objects, remote: files.remote}, err
}

// kustomization returns the folder's kustomization file with what the spec adds;
// a folder without one gets a list of all its YAML. The content is nil if there
// is nothing to build.
func (k *kustomizeFiles) kustomization(dir string, spec kustomizev1.KustomizationSpec) (string, []byte, error) {
	var edited kustomizetypes.Kustomization
	file := k.repository.kustomizationFile(dir)
	if file == "" {
		file = path.Join(dir, konfig.DefaultKustomizationFileName())
		resources, err := k.repository.manifests(dir)
		if err != nil || len(resources) == 0 {
			return file, nil, err
		}
		edited.Resources = resources
	} else {
		data, err := k.ReadFile(file)
		if err != nil {
			return file, nil, err
		}
		if err := yaml.Unmarshal(data, &edited); err != nil {
			return file, nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	edited.FixKustomization()
	k.repository.edit(&edited, dir, spec)
	content, err := yaml.Marshal(edited)
	return file, content, err
}

// edit adds a Kustomization's spec to its folder's kustomization. Images are left
// out: no check looks at them.
func (r *repository) edit(k *kustomizetypes.Kustomization, dir string, spec kustomizev1.KustomizationSpec) {
	if k.Kind == "" {
		k.TypeMeta = kustomizetypes.TypeMeta{APIVersion: kustomizetypes.KustomizationVersion, Kind: kustomizetypes.KustomizationKind}
	}
	if spec.TargetNamespace != "" {
		k.Namespace = spec.TargetNamespace
	}
	if spec.NamePrefix != "" {
		k.NamePrefix = spec.NamePrefix
	}
	if spec.NameSuffix != "" {
		k.NameSuffix = spec.NameSuffix
	}
	for _, patch := range spec.Patches {
		k.Patches = append(k.Patches, kustomizetypes.Patch{Patch: patch.Patch, Target: selector(patch.Target)})
	}
	for _, component := range spec.Components {
		if !spec.IgnoreMissingComponents || r.isDir(path.Join(dir, component)) {
			k.Components = append(k.Components, component)
		}
	}
	// Tells of each object from which file it is.
	k.BuildMetadata = []string{kustomizetypes.OriginAnnotations}
}

func selector(s *kustomize.Selector) *kustomizetypes.Selector {
	if s == nil {
		return nil
	}
	var selected kustomizetypes.Selector
	selected.Group, selected.Version, selected.Kind = s.Group, s.Version, s.Kind
	selected.Name, selected.Namespace = s.Name, s.Namespace
	selected.LabelSelector, selected.AnnotationSelector = s.LabelSelector, s.AnnotationSelector
	return &selected
}

// manifests lists what Flux applies of a folder without a kustomization file:
// every YAML file, and every folder below that has one.
func (r *repository) manifests(dir string) ([]string, error) {
	var found []string
	relative := func(name string) string {
		if dir == "." {
			return name
		}
		return name[len(dir)+1:]
	}
	err := r.walkYAML(dir, func(below string) bool {
		if r.kustomizationFile(below) == "" {
			return false
		}
		found = append(found, relative(below))
		return true
	}, func(file string) {
		found = append(found, relative(file))
	})
	return found, err
}

// One build at a time: kustomize keeps its schema in a global variable.
var oneBuild sync.Mutex

// run runs kustomize as kustomize-controller does. On bad input it may panic.
func run(files *kustomizeFiles, dir string) (result resmap.ResMap, err error) {
	oneBuild.Lock()
	defer oneBuild.Unlock()
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("kustomize gave up: %v", panicked)
		}
	}()
	return krusty.MakeKustomizer(&krusty.Options{
		LoadRestrictions: kustomizetypes.LoadRestrictionsNone,
		PluginConfig:     kustomizetypes.DisabledPluginConfig(),
	}).Run(files, dir)
}

// located turns kustomize's result into objects that know their place.
func (r *repository) located(dir string, result resmap.ResMap) ([]object, error) {
	found := make([]object, 0, result.Size())
	places := map[string][]document{}
	for _, resource := range result.Resources() {
		fields, err := resource.Map()
		if err != nil {
			return nil, err
		}
		o := object{ref: refOf(fields), fields: fields}
		if origin, err := resource.GetOrigin(); err == nil && origin != nil {
			file := path.Join(dir, origin.Path)
			if origin.ConfiguredIn != "" {
				file = path.Join(dir, origin.ConfiguredIn)
			}
			if _, read := places[file]; !read {
				places[file] = r.documents(file)
			}
			o.file, o.line = r.place(file), lineOf(o.ref, places[file])
		}
		found = append(found, o)
	}
	return found, nil
}

// documents reads a file as far as it goes: what is wrong with it, the build says.
func (r *repository) documents(file string) []document {
	data, err := r.readFile(file)
	if err != nil {
		return nil
	}
	found, _ := documents(data)
	return found
}

// lineOf finds the document that became an object, whose name may have been
// prefixed and whose namespace set on the way. Generated objects stand nowhere.
func lineOf(r Ref, candidates []document) int {
	line, best := 1, 0
	for _, d := range candidates {
		was := d.ref()
		if was.Kind != r.Kind || was.Group != r.Group {
			continue
		}
		likeness := 1 + boolToInt(was.Name == r.Name)*2 + boolToInt(was.Namespace == r.Namespace)
		if likeness > best {
			line, best = d.line, likeness
		}
	}
	return line
}

// errNoFolder says that a path isn't there.
var errNoFolder = errors.New("no such folder")

// folder cleans spec.path, which is relative to the source's root whether it
// begins with "./", "/" or neither.
func (r *repository) folder(specPath string) (string, error) {
	dir := inRepository(specPath)
	if !fs.ValidPath(dir) || !r.isDir(dir) {
		return dir, errNoFolder
	}
	return dir, nil
}
