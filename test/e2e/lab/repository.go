package lab

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing/fstest"
	"text/template"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/tazzo/rebirth/test/controlplane"
	"github.com/tazzo/rebirth/test/flux"
)

// files are the lab's own: handover/ is applied once, repository/ is what a user adds
// to the manifests of this project in a Flux repository. They are templates.
//
//go:embed handover repository
var files embed.FS

// Repository is what changes in the user's Flux repository.
type Repository struct {
	Workers         []string // names of nodes with a volume each
	DayZeroPassword string   // of Grafana's user, in the secret store
	S3              S3
	// DataSource has PGO restore an empty database from the bucket.
	DataSource bool
	// Restore is the moment that the database is set back to in place, as PostgreSQL
	// writes it, and RestoreID names that restore.
	Restore, RestoreID string
	// Repair has secret-sync ask PGO for a new verifier.
	Repair bool
	// ExternalSecretsCRDs are names of files.
	ExternalSecretsCRDs []string
}

// fluxRepository is the user's, chartsRepository that of this project.
const (
	fluxRepository   = "flux-system"
	chartsRepository = "rebirth"
)

// Push commits the repository, as it is now. Flux pulls it by itself.
func (l *Lab) Push(ctx context.Context) error {
	tree := fstest.MapFS{}
	if err := l.copyUpstream(ctx, tree); err != nil {
		return err
	}
	if err := l.copyManifests(ctx, tree); err != nil {
		return err
	}
	if err := renderInto(tree, "repository", l.Repository); err != nil {
		return err
	}
	_, err := l.git.Commit(ctx, fluxRepository, tree)
	return err
}

// copyManifests does what docs/installation.md and docs/readiness-gate.md tell: what
// they have users type is typed, what they print is taken as it stands, and what has
// to be named is named.
func (l *Lab) copyManifests(ctx context.Context, tree fstest.MapFS) error {
	dir, err := os.MkdirTemp(l.options.Out, "repository-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := errors.Join(installGate.follow(ctx, l.root, dir), installSecretSync.follow(ctx, l.root, dir)); err != nil {
		return err
	}
	if err := copyTree(tree, os.DirFS(dir), ".", "."); err != nil {
		return err
	}
	if err := l.copyExamples(tree); err != nil {
		return err
	}
	return l.nameThings(tree)
}

// copyExamples adds the Flux Kustomizations, and the example of a database and its
// consumer.
func (l *Lab) copyExamples(tree fstest.MapFS) error {
	printed, err := installSecretSync.manifest(l.root)
	if err != nil {
		return err
	}
	tree["clusters/home/secret-sync.yaml"] = &fstest.MapFile{Data: printed}
	manifests := os.DirFS(filepath.Join(l.root, "manifests"))
	gate, err := documents(manifests, "readiness-gate/example/flux.yaml")
	if err != nil {
		return err
	}
	tree["clusters/home/readiness-gate.yaml"] = &fstest.MapFile{Data: gate[0]} // "the first Kustomization of"
	others, err := documents(manifests, "secret-sync/example/flux.yaml")
	if err != nil {
		return err
	}
	others = slices.DeleteFunc(others, func(d []byte) bool { return bytes.Contains(d, []byte("\n  name: secret-sync\n")) })
	tree["clusters/home/example.yaml"] = &fstest.MapFile{Data: bytes.Join(others, []byte("\n---\n"))}
	return errors.Join(
		copyTree(tree, manifests, "secret-sync/example/namespaces", "infrastructure/namespaces"),
		copyTree(tree, manifests, "secret-sync/example/tazlab-db", "database/tazlab-db"),
		copyTree(tree, manifests, "secret-sync/example/monitoring", "apps/monitoring/example"))
}

// nameThings sets what the two sections and the examples tell users to set, and what
// the specs need beyond: the right to repair, and to read one more Secret.
func (l *Lab) nameThings(tree fstest.MapFS) error {
	version := "v" + productVersion
	source := []string{"https://github.com/tazzo/rebirth", l.git.URL(chartsRepository), "tag: v0.1.0", "tag: " + version}
	registry := []string{"registry: registry.example.com", "registry: localhost"}
	return errors.Join(
		edit(tree, "infrastructure/readiness-gate/source.yaml", source...),
		edit(tree, "infrastructure/readiness-gate/release.yaml", append(registry, "min: 1", "min: 2")...),
		edit(tree, "clusters/home/readiness-gate.yaml", "path: ./manifests/readiness-gate", "path: ./infrastructure/readiness-gate"),
		edit(tree, "infrastructure/secret-sync/source.yaml", source...),
		edit(tree, "infrastructure/secret-sync/release.yaml", append(registry,
			"- namespace: tazlab-db\n", "- namespace: tazlab-db\n        repair: true\n",
			"- tazlab-db-cluster-cert\n", "- tazlab-db-cluster-cert\n          - tazlab-db-client-cert\n")...),
	)
}

// documents of a YAML file.
func documents(source fs.FS, name string) ([][]byte, error) {
	content, err := fs.ReadFile(source, name)
	return bytes.Split(content, []byte("\n---\n")), err
}

// edit replaces words of a file. Each must be there.
func edit(tree fstest.MapFS, name string, replace ...string) error {
	file, ok := tree[name]
	if !ok {
		return fmt.Errorf("the documentation no longer leads to a file %s", name)
	}
	for i := 0; i < len(replace); i += 2 {
		if !bytes.Contains(file.Data, []byte(replace[i])) {
			return fmt.Errorf("%s no longer says %q: adapt this test to the documentation", name, replace[i])
		}
		file.Data = bytes.ReplaceAll(file.Data, []byte(replace[i]), []byte(replace[i+1]))
	}
	return nil
}

// copyTree copies a file or folder.
func copyTree(tree fstest.MapFS, source fs.FS, from, to string) error {
	return fs.WalkDir(source, from, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(source, name)
		tree[path.Join(to, strings.TrimPrefix(name, from))] = &fstest.MapFile{Data: content}
		return err
	})
}

// upstream are files of others' modules that a user would take from their releases.
var upstream = []struct{ tools, module, file, to string }{
	{"tools/pgo", pgoModule, "config/crd/bases/postgres-operator.crunchydata.com_postgresclusters.yaml", "infrastructure/pgo/crds/postgresclusters.yaml"},
	{"tools/pgo", pgoModule, "config/crd/bases/postgres-operator.crunchydata.com_pgupgrades.yaml", "infrastructure/pgo/crds/pgupgrades.yaml"},
	{"tools/pgo", pgoModule, "config/rbac/cluster/service_account.yaml", "infrastructure/pgo/rbac/service_account.yaml"},
	{"tools/pgo", pgoModule, "config/rbac/cluster/role.yaml", "infrastructure/pgo/rbac/role.yaml"},
	{"tools/pgo", pgoModule, "config/rbac/cluster/role_binding.yaml", "infrastructure/pgo/rbac/role_binding.yaml"},
}

const (
	pgoModule = "github.com/crunchydata/postgres-operator"
	esoModule = "github.com/external-secrets/external-secrets"
	esoCRDs   = "config/crds/bases/"
)

func (l *Lab) copyUpstream(ctx context.Context, tree fstest.MapFS) error {
	for _, u := range upstream {
		content, err := controlplane.ModuleFile(ctx, u.tools, u.module, u.file)
		if err != nil {
			return err
		}
		tree[u.to] = &fstest.MapFile{Data: content}
	}
	if err := l.namePGOsNamespace(tree); err != nil {
		return err
	}
	list, err := controlplane.ModuleFile(ctx, "tools/external-secrets", esoModule, esoCRDs+"kustomization.yaml")
	if err != nil {
		return err
	}
	l.Repository.ExternalSecretsCRDs = nil
	for line := range strings.Lines(string(list)) {
		name, isFile := strings.CutPrefix(strings.TrimSpace(line), "- ")
		if !isFile {
			continue
		}
		content, err := controlplane.ModuleFile(ctx, "tools/external-secrets", esoModule, esoCRDs+name)
		if err != nil {
			return err
		}
		tree["infrastructure/external-secrets/crds/"+name] = &fstest.MapFile{Data: content}
		l.Repository.ExternalSecretsCRDs = append(l.Repository.ExternalSecretsCRDs, name)
	}
	return nil
}

// namePGOsNamespace puts the namespace into the binding, which lacks it.
func (l *Lab) namePGOsNamespace(tree fstest.MapFS) error {
	binding := tree["infrastructure/pgo/rbac/role_binding.yaml"]
	named := bytes.Replace(binding.Data, []byte("  name: pgo"), []byte("  name: pgo\n  namespace: postgres-operator"), 1)
	if bytes.Equal(named, binding.Data) {
		return errors.New("PGO's ClusterRoleBinding has another subject than pgo")
	}
	binding.Data = named
	return nil
}

// pushCharts makes this tree's charts the project's repository, with a tag as a
// release has.
func (l *Lab) pushCharts(ctx context.Context) error {
	tree := fstest.MapFS{}
	if err := copyTree(tree, os.DirFS(l.root), "charts", "charts"); err != nil {
		return err
	}
	if _, err := l.git.Commit(ctx, chartsRepository, tree); err != nil {
		return err
	}
	return l.git.Tag(ctx, chartsRepository, "v"+productVersion)
}

// controller of Flux, for the template.
type controller struct {
	Name string
	Args []string
}

// HandOver applies what is there before Flux takes over, as bootstrap does by Talos'
// inline manifests: the network, and Flux itself. Nothing is applied after it.
func (l *Lab) HandOver(ctx context.Context) error {
	crds, err := flux.CRDs(ctx)
	if err != nil {
		return err
	}
	if err := l.Cluster.Apply(ctx, crds); err != nil {
		return err
	}
	manifests, err := render("handover/flux.yaml", map[string]any{
		"Repository": l.git.URL(fluxRepository),
		"Controllers": []controller{
			{"source-controller", []string{"--storage-path=/data", "--storage-adv-addr=source-controller.$(RUNTIME_NAMESPACE).svc.cluster.local."}},
			{"kustomize-controller", []string{"--no-remote-bases"}},
			{"helm-controller", nil},
		},
	})
	if err != nil {
		return err
	}
	// The API server takes a moment to serve new kinds. Talos tries again, too.
	var refused error
	err = wait.PollUntilContextTimeout(ctx, time.Second, time.Minute, true, func(ctx context.Context) (bool, error) {
		refused = l.Cluster.Apply(ctx, manifests)
		return refused == nil, nil
	})
	return errors.Join(err, refused)
}

// InstallNetwork applies Flannel.
func (l *Lab) InstallNetwork(ctx context.Context) error {
	manifests, err := render("handover/flannel.yaml", nil)
	if err != nil {
		return err
	}
	return l.Cluster.Apply(ctx, manifests)
}

func renderInto(tree fstest.MapFS, root string, data any) error {
	return fs.WalkDir(files, root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := render(name, data)
		tree[strings.TrimPrefix(name, root+"/")] = &fstest.MapFile{Data: content}
		return err
	})
}

func render(name string, data any) ([]byte, error) {
	content, err := files.ReadFile(name)
	if err != nil {
		return nil, err
	}
	parsed, err := template.New(name).Option("missingkey=error").Parse(string(content))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = parsed.Execute(&out, data)
	return out.Bytes(), err
}
