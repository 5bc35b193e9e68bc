package run

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tazzo/rebirth/internal/bootstrap/handover"
	"github.com/tazzo/rebirth/internal/bootstrap/secret"
	"github.com/tazzo/rebirth/internal/bootstrap/spec"
	"github.com/tazzo/rebirth/internal/bootstrap/talos"
)

// maxPatch is more than any patch of a machine configuration has.
const maxPatch = 4 << 20

// files are what cluster.yaml names on the operator's disk.
type files struct {
	patches   []talos.Patch
	manifests []talos.Manifest
}

// Validate says what is wrong with the files that cluster.yaml, which is at path,
// names, and with the configurations that come of them. It asks no API, and reads no
// secret.
func Validate(path string, cluster *spec.Cluster, now time.Time) spec.Problems {
	loaded, problems := loadFiles(path, cluster)
	if len(problems.Errors()) > 0 {
		return problems
	}
	secrets, err := talos.NewSecrets(cluster.Image.TalosVersion, secret.Value{}, now)
	if err == nil {
		_, err = generate(cluster, secrets, loaded)
	}
	if err != nil {
		for line := range strings.Lines(err.Error()) {
			problems = append(problems, spec.Problem{File: path, Message: strings.TrimSpace(line)})
		}
	}
	return problems
}

// ValidateFiles says what is wrong with the files that a cluster.yaml names which has
// mistakes of its own.
func ValidateFiles(path string, glance *spec.Cluster) spec.Problems {
	_, problems := loadFiles(path, glance)
	return problems
}

// loadFiles says everything that is wrong at once.
func loadFiles(path string, cluster *spec.Cluster) (files, spec.Problems) {
	dir := filepath.Dir(path)
	var loaded files
	var problems spec.Problems
	for i, patch := range cluster.Talos.Patches {
		field := fmt.Sprintf("talos.patches[%d]", i)
		if patch.File == "" {
			// One that stands in cluster.yaml was checked with it.
			loaded.patches = append(loaded.patches, talos.Patch{Name: field, Roles: patch.Roles, YAML: []byte(patch.Inline)})
			continue
		}
		yaml, err := readPatch(resolve(dir, patch.File))
		if err != nil {
			problems = append(problems, spec.Problem{File: path, Path: field + ".file", Message: err.Error()})
			continue
		}
		problems = append(problems, spec.CheckPatch(patch.File, yaml)...)
		loaded.patches = append(loaded.patches, talos.Patch{Name: patch.File, Roles: patch.Roles, YAML: yaml})
	}
	manifests, wrong := handover.LoadManifests(dir, cluster.HandOver.Manifests)
	for _, err := range wrong {
		problems = append(problems, spec.Problem{File: path, Path: "handOver.manifests", Message: err.Error()})
	}
	for _, m := range manifests {
		loaded.manifests = append(loaded.manifests, talos.Manifest{Name: m.Name, YAML: m.YAML})
	}
	return loaded, problems
}

// readPatch reads a regular file: to open a pipe would take for ever.
func readPatch(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", path)
	case info.Size() > maxPatch:
		return nil, fmt.Errorf("%s has %d bytes: at most %d are read", path, info.Size(), maxPatch)
	}
	return os.ReadFile(path)
}

func generate(cluster *spec.Cluster, secrets *talos.Secrets, from files) (map[string]talos.Config, error) {
	return talos.Generate(cluster, secrets, from.patches, from.manifests)
}

func resolve(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
