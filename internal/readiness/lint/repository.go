package lint

import (
	"bytes"
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/fluxcd/pkg/sourceignore"
	"github.com/fluxcd/pkg/sourceignore/gitignore"
	"sigs.k8s.io/kustomize/api/konfig"
)

// repository is the content of one Flux source: what source-controller leaves
// out of the artifact doesn't exist in it.
type repository struct {
	// source is "namespace/name" of a source other than the linted directory.
	source  string
	fsys    fs.FS
	ignored gitignore.Matcher
}

// newRepository reads the ignore file at the root; source-controller would also
// heed ignore files further down.
func newRepository(source string, fsys fs.FS) (*repository, error) {
	ignore, err := readRegular(fsys, sourceignore.IgnoreFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	patterns := sourceignore.ReadPatterns(bytes.NewReader(ignore), nil)
	return &repository{source: source, fsys: fsys, ignored: sourceignore.NewDefaultMatcher(patterns, nil)}, nil
}

// place is how a file is called in findings.
func (r *repository) place(file string) string {
	if r.source == "" {
		return file
	}
	return r.source + ":" + file
}

func (r *repository) visible(name string, isDir bool) bool {
	return name == "." || !r.ignored.Match(strings.Split(name, "/"), isDir)
}

func (r *repository) stat(name string) (fs.FileInfo, error) {
	info, err := fs.Stat(r.fsys, name)
	if err != nil {
		return nil, err
	}
	if !r.visible(name, info.IsDir()) {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	return info, nil
}

func (r *repository) isDir(name string) bool {
	info, err := r.stat(name)
	return err == nil && info.IsDir()
}

func (r *repository) isFile(name string) bool {
	info, err := r.stat(name)
	return err == nil && !info.IsDir()
}

func (r *repository) readFile(name string) ([]byte, error) {
	if _, err := r.stat(name); err != nil {
		return nil, err
	}
	return readRegular(r.fsys, name)
}

// readRegular reads a file that is one: to read a named pipe would wait for ever.
func readRegular(fsys fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("not a regular file")}
	}
	return fs.ReadFile(fsys, name)
}

// kustomizationFile returns the kustomization.yaml of a folder, under whichever
// name kustomize accepts, "" if it has none.
func (r *repository) kustomizationFile(dir string) string {
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		if file := path.Join(dir, name); r.isFile(file) {
			return file
		}
	}
	return ""
}

// walkYAML calls visit for each YAML file below a folder; skip may leave out a
// folder.
func (r *repository) walkYAML(dir string, skip func(dir string) bool, visit func(file string)) error {
	return fs.WalkDir(r.fsys, dir, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case !r.visible(name, entry.IsDir()), entry.IsDir() && name != dir && skip(name):
			if entry.IsDir() {
				return fs.SkipDir
			}
		case !entry.IsDir() && isYAML(name):
			visit(name)
		}
		return nil
	})
}

func isYAML(name string) bool {
	extension := path.Ext(name)
	return extension == ".yaml" || extension == ".yml"
}
