package run

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tazzo/rebirth/internal/bootstrap/handover"
	"github.com/tazzo/rebirth/internal/bootstrap/secret"
	"github.com/tazzo/rebirth/internal/bootstrap/spec"
	"github.com/tazzo/rebirth/internal/bootstrap/talos"
)

// files are what cluster.yaml names on the operator's disk.
type files struct {
	patches   []talos.Patch
	manifests []talos.Manifest
}

// Validate says what is wrong with the files that cluster.yaml names, relative to
// dir, and with the configurations that come of them. It asks no API, and reads no
// secret.
func Validate(cluster *spec.Cluster, dir string, now time.Time) error {
	loaded, err := loadFiles(cluster, dir)
	if err != nil {
		return err
	}
	secrets, err := talos.NewSecrets(cluster.Image.TalosVersion, secret.Value{}, now)
	if err != nil {
		return err
	}
	_, err = generate(cluster, secrets, loaded)
	return err
}

// loadFiles says everything that is wrong at once.
func loadFiles(cluster *spec.Cluster, dir string) (files, error) {
	var loaded files
	var errs []error
	for i, patch := range cluster.Talos.Patches {
		read, err := loadPatch(dir, patch)
		if err != nil {
			errs = append(errs, fmt.Errorf("talos.patches[%d]: %w", i, err))
			continue
		}
		if read.Name == "" {
			read.Name = fmt.Sprintf("talos.patches[%d]", i)
		}
		loaded.patches = append(loaded.patches, read)
	}
	manifests, problems := handover.LoadManifests(dir, cluster.HandOver.Manifests)
	for _, m := range manifests {
		loaded.manifests = append(loaded.manifests, talos.Manifest{Name: m.Name, YAML: m.YAML})
	}
	return loaded, errors.Join(append(errs, problems...)...)
}

// loadPatch reads a patch from its file. An inline one was checked with cluster.yaml.
func loadPatch(dir string, patch spec.Patch) (talos.Patch, error) {
	read := talos.Patch{Name: patch.File, Roles: patch.Roles, YAML: []byte(patch.Inline)}
	if patch.File == "" {
		return read, nil
	}
	var err error
	if read.YAML, err = os.ReadFile(resolve(dir, patch.File)); err != nil {
		return read, err
	}
	if wrong := spec.CheckPatch(patch.File, read.YAML).Errors(); len(wrong) > 0 {
		return read, errors.New(wrong.String())
	}
	return read, nil
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
