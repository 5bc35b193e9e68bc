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
	if err := l.copyManifests(tree); err != nil {
		return err
	}
	if err := renderInto(tree, "repository", l.Repository); err != nil {
		return err
	}
	_, err := l.git.Commit(ctx, fluxRepository, tree)
	return err
}

// copyManifests does what docs/installation.md and docs/readiness-gate.md tell: the
// manifests are copied, and what has to be named is named.
func (l *Lab) copyManifests(tree fstest.MapFS) error {
	version := "v" + productVersion
	source := []string{"https://github.com/tazzo/rebirth", l.git.URL(chartsRepository), "tag: v0.1.0", "tag: " + version}
	registry := []string{"registry: registry.example.com", "registry: localhost"}
	var errs []error
	copyTo := func(from, to string, replace ...string) {
		errs = append(errs, copyTree(tree, os.DirFS(filepath.Join(l.root, "manifests")), from, to, replace...))
	}
	for _, name := range []string{"readiness-gate", "secret-sync"} {
		to := "infrastructure/" + name + "/"
		copyTo(name+"/kustomization.yaml", to+"kustomization.yaml")
		copyTo(name+"/namespace.yaml", to+"namespace.yaml")
		copyTo(name+"/source.yaml", to+"source.yaml", source...)
		copyTo(name+"/components", to+"components")
	}
	copyTo("readiness-gate/release.yaml", "infrastructure/readiness-gate/release.yaml", append(registry, "min: 1", "min: 2")...)
	// The right to repair, which an export has to ask for, and to read one more Secret.
	rights := []string{
		"- namespace: tazlab-db\n", "- namespace: tazlab-db\n        repair: true\n",
		"- tazlab-db-cluster-cert\n", "- tazlab-db-cluster-cert\n          - tazlab-db-client-cert\n",
	}
	copyTo("secret-sync/release.yaml", "infrastructure/secret-sync/release.yaml", append(rights, registry...)...)
	copyTo("readiness-gate/example/flux.yaml", "clusters/home/readiness-gate.yaml")
	copyTo("secret-sync/example/flux.yaml", "clusters/home/secret-sync.yaml")
	copyTo("secret-sync/example/namespaces", "infrastructure/namespaces")
	copyTo("secret-sync/example/tazlab-db", "database/tazlab-db")
	copyTo("secret-sync/example/monitoring", "apps/monitoring/example")
	return errors.Join(errs...)
}

// copyTree copies a file or folder, with replacements of which each must be needed.
func copyTree(tree fstest.MapFS, source fs.FS, from, to string, replace ...string) error {
	return fs.WalkDir(source, from, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(source, name)
		if err != nil {
			return err
		}
		for i := 0; i < len(replace); i += 2 {
			if !bytes.Contains(content, []byte(replace[i])) {
				return fmt.Errorf("%s no longer says %q: adapt this test to the documentation", name, replace[i])
			}
			content = bytes.ReplaceAll(content, []byte(replace[i]), []byte(replace[i+1]))
		}
		tree[path.Join(to, strings.TrimPrefix(name, from))] = &fstest.MapFile{Data: content}
		return nil
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
