package stage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"testing/fstest"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/tazzo/rebirth/test/flux"
)

// What the shipped examples call the user's own Git repository, and this project's,
// which has the charts.
const (
	RepositoryName = "flux-system"
	projectName    = "rebirth"
)

// repositories are the content of both.
type repositories struct {
	own, project fstest.MapFS
	projectURL   string // once it is pushed
}

// AddTree adds a folder of the project's tree to the user's Git repository, byte by
// byte. Push has Flux see it.
func (s *Stage) AddTree(dir string) error { return addTree(s.repositories.own, s.root, dir) }

// AddFile adds or replaces a file in the user's Git repository.
func (s *Stage) AddFile(name string, content []byte) {
	s.repositories.own[name] = &fstest.MapFile{Data: content}
}

// AddChart adds a chart to the project's Git repository, byte by byte.
func (s *Stage) AddChart(name string) error {
	return addTree(s.repositories.project, s.root, path.Join("charts", name))
}

func addTree(files fstest.MapFS, root, dir string) error {
	tree := os.DirFS(filepath.Join(root, dir))
	return fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(tree, name)
		files[path.Join(dir, name)] = &fstest.MapFile{Data: content}
		return err
	})
}

// Push commits what was added, and returns when Flux has pulled the user's repository.
func (s *Stage) Push(ctx context.Context) (err error) {
	if s.repositories.projectURL, err = s.Flux.Publish(ctx, projectName, s.repositories.project); err != nil {
		return err
	}
	_, err = s.Flux.Push(ctx, RepositoryName, s.repositories.own)
	return err
}

// Kustomization is the one of that name in the flux.yaml of a program's example, as a
// user copies it, with the edits that he makes in it.
func (s *Stage) Kustomization(program, name string, edits ...func(*unstructured.Unstructured) error) (*unstructured.Unstructured, error) {
	file := s.Path("manifests", program, "example", "flux.yaml")
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), 4096)
	for {
		found := &unstructured.Unstructured{}
		err := documents.Decode(&found.Object)
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s holds no Kustomization %s", file, name)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if found.GetKind() != flux.Kustomization.Kind || found.GetName() != name {
			continue
		}
		for _, edit := range edits {
			err = errors.Join(err, edit(found))
		}
		return found, err
	}
}

// DependingOn adds a Kustomization that the edited one waits for.
func DependingOn(name string) func(*unstructured.Unstructured) error {
	return func(k *unstructured.Unstructured) error {
		others, _, err := unstructured.NestedSlice(k.Object, "spec", "dependsOn")
		return errors.Join(err, unstructured.SetNestedSlice(k.Object, append(others, map[string]any{"name": name}), "spec", "dependsOn"))
	}
}

// Patched adds patches (YAML, a list) to what the edited Kustomization applies.
func Patched(patches string) func(*unstructured.Unstructured) error {
	return func(k *unstructured.Unstructured) error {
		var list []any
		if err := sigsyaml.Unmarshal([]byte(patches), &list); err != nil {
			return err
		}
		others, _, err := unstructured.NestedSlice(k.Object, "spec", "patches")
		return errors.Join(err, unstructured.SetNestedSlice(k.Object, append(others, list...), "spec", "patches"))
	}
}

// FromHere has the edited Kustomization's chart come from the demo's Git server, and
// not from the project's public one. The charts have to be pushed by then.
func (s *Stage) FromHere() func(*unstructured.Unstructured) error {
	return Patched(fmt.Sprintf(`
- target: {kind: GitRepository, name: rebirth}
  patch: |
    - {op: replace, path: /spec/url, value: %q}
    - {op: replace, path: /spec/ref, value: {branch: main}}
`, s.repositories.projectURL))
}

// Apply creates Kustomizations.
func (s *Stage) Apply(ctx context.Context, kustomizations ...*unstructured.Unstructured) error {
	for _, k := range kustomizations {
		if err := s.Admin.Create(ctx, k); err != nil {
			return fmt.Errorf("create Kustomization %s: %w", k.GetName(), err)
		}
	}
	return nil
}

// Reconcile is "flux reconcile": Flux looks again at once. It does not wait.
func (s *Stage) Reconcile(ctx context.Context, kind schema.GroupVersionKind, key client.ObjectKey) error {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kind)
	if err := s.Admin.Get(ctx, key, object); err != nil {
		return err
	}
	before := client.MergeFrom(object.DeepCopy())
	annotations := object.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[meta.ReconcileRequestAnnotation] = time.Now().Format(time.RFC3339Nano)
	object.SetAnnotations(annotations)
	return s.Admin.Patch(ctx, object, before)
}
