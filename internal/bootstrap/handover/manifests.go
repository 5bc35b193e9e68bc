package handover

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Manifest is one file as it is written, for Talos' cluster.inlineManifests.
type Manifest struct {
	// Name is unique, and sorts in the order in which the manifests were given.
	Name string
	YAML []byte
}

// maxSize of all manifests together: Talos takes configurations of 32 MiB at most.
const maxSize = 32 << 20

// LoadManifests reads files, and all *.yaml, *.yml and *.json files in folders and
// the folders below them, but for hidden ones. Paths are relative to dir. It returns
// everything that is wrong with them at once, each error with its file and document.
//
// The order is the paths', and in folders that of names. Talos applies namespaces
// first, then CRDs, then everything else in the order of manifests' names
// (manifest_apply.go), and what it can't apply yet, for want of a CRD, again later:
// so nobody has to sort anything. What exists already it leaves alone.
func LoadManifests(dir string, paths []string) ([]Manifest, []error) {
	l := loader{objects: map[string]string{}}
	for _, path := range paths {
		l.path(dir, path)
	}
	if l.size > maxSize {
		l.fail("handOver.manifests", "are %d MiB together, and Talos takes %d MiB: hand over what Flux needs, and let Flux apply the rest", l.size>>20, maxSize>>20)
	}
	manifests := make([]Manifest, len(l.files))
	for i, file := range l.files {
		manifests[i] = Manifest{Name: fmt.Sprintf("%0*d-%s", digits(len(l.files)), i+1, filepath.Base(file.name)), YAML: file.content}
	}
	return manifests, l.errs
}

func digits(n int) int { return len(fmt.Sprint(n)) }

type loader struct {
	files []file
	size  int64
	// objects says where each object stands.
	objects map[string]string
	errs    []error
}

type file struct {
	name    string
	content []byte
}

func (l *loader) fail(where, format string, args ...any) {
	l.errs = append(l.errs, fmt.Errorf("%s: %w", where, fmt.Errorf(format, args...)))
}

// path loads what somebody named: a file wherever it is, or a folder.
func (l *loader) path(dir, path string) {
	full := path
	if !filepath.IsAbs(path) {
		full = filepath.Join(dir, path)
	}
	info, err := os.Stat(full)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.fail(path, "does not exist (paths are relative to cluster.yaml)")
	case err != nil:
		l.fail(path, "%w", reason(err))
	case info.IsDir():
		l.folder(path, full)
	default:
		l.file(path, info, func() (*os.File, error) { return os.Open(full) })
	}
}

// folder loads what is in a folder. Links are followed as long as they stay in it.
func (l *loader) folder(path, full string) {
	root, err := os.OpenRoot(full)
	if err != nil {
		l.fail(path, "%w", reason(err))
		return
	}
	defer root.Close()
	before := len(l.files) + len(l.errs)
	_ = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			l.fail(filepath.Join(path, name), "%w", reason(err))
		case name != "." && strings.HasPrefix(entry.Name(), "."):
			if entry.IsDir() {
				return fs.SkipDir
			}
		case !entry.IsDir():
			l.entry(filepath.Join(path, name), root, name)
		}
		return nil // whatever is wrong: the rest is looked at too
	})
	if len(l.files)+len(l.errs) == before {
		l.fail(path, "has no *.yaml, *.yml or *.json file in it")
	}
}

// entry loads what is in a folder and no folder itself.
func (l *loader) entry(path string, root *os.Root, name string) {
	info, err := root.Stat(name)
	switch {
	case err == nil && info.IsDir():
		l.fail(path, "is a link to a folder, which is not followed: name that folder in handOver.manifests")
	case !isManifest(name):
	case err != nil:
		l.fail(path, "%w", reason(err))
	default:
		l.file(path, info, func() (*os.File, error) { return root.Open(name) })
	}
}

func isManifest(name string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(filepath.Ext(name)))
}

// file reads one file, unless all are too large together already.
func (l *loader) file(path string, info fs.FileInfo, open func() (*os.File, error)) {
	if !info.Mode().IsRegular() {
		l.fail(path, "is not a file") // to open a pipe would take for ever
		return
	}
	if l.size += info.Size(); l.size > maxSize {
		return
	}
	opened, err := open()
	if err != nil {
		l.fail(path, "%w", reason(err))
		return
	}
	defer opened.Close()
	content, err := io.ReadAll(opened)
	if err != nil {
		l.fail(path, "%w", reason(err))
		return
	}
	l.files = append(l.files, file{name: path, content: content})
	l.check(path, content)
}

// reason is an error of the file system without the path, which is named already.
func reason(err error) error {
	var failed *fs.PathError
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}
