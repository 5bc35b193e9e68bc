package lint

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// kustomizeFiles shows a repository to kustomize: rooted at "/", read only, and
// with remote entries of kustomization files taken out before kustomize would
// fetch them.
type kustomizeFiles struct {
	// What a build never calls ends in an empty file system in memory.
	filesys.FileSystem
	repository *repository
	// generated replaces the file of that name.
	generated map[string][]byte
	remote    []remoteEntry
}

func newKustomizeFiles(r *repository) *kustomizeFiles {
	return &kustomizeFiles{FileSystem: filesys.MakeEmptyDirInMemory(), repository: r, generated: map[string][]byte{}}
}

// builtin is the apiVersion of kustomize's own generators and transformers.
var builtin = regexp.MustCompile(`apiVersion["']?\s*:\s*["']?builtin["']?\s*([,}\n]|$)`)

// inRepository turns an absolute path of kustomize's into one for fs.FS.
func inRepository(name string) string {
	return path.Join(".", path.Clean("/" + name)[1:])
}

func (k *kustomizeFiles) IsDir(name string) bool {
	return k.repository.isDir(inRepository(name))
}

func (k *kustomizeFiles) Exists(name string) bool {
	name = inRepository(name)
	if _, ok := k.generated[name]; ok {
		return true
	}
	_, err := k.repository.stat(name)
	return err == nil
}

func (k *kustomizeFiles) CleanedAbs(name string) (filesys.ConfirmedDir, string, error) {
	name = inRepository(name)
	if _, ok := k.generated[name]; !ok {
		info, err := k.repository.stat(name)
		if err != nil {
			return "", "", err
		}
		if info.IsDir() {
			return filesys.ConfirmedDir(path.Join("/", name)), "", nil
		}
	}
	return filesys.ConfirmedDir(path.Join("/", path.Dir(name))), path.Base(name), nil
}

func (k *kustomizeFiles) ReadDir(name string) ([]string, error) {
	entries, err := fs.ReadDir(k.repository.fsys, inRepository(name))
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		if k.repository.visible(path.Join(inRepository(name), entry.Name()), entry.IsDir()) {
			names = append(names, entry.Name())
		}
	}
	return names, err
}

func (k *kustomizeFiles) ReadFile(name string) ([]byte, error) {
	name = inRepository(name)
	if data, ok := k.generated[name]; ok {
		return data, nil
	}
	data, err := k.repository.readFile(name)
	if err == nil {
		err = checkAliases(data)
	}
	if err != nil {
		return nil, err
	}
	if slices.Contains(konfig.RecognizedKustomizationFileNames(), path.Base(name)) || builtin.Match(data) {
		data = k.local(name, data)
	}
	return data, nil
}

// local takes the remote entries out of a file and remembers them.
func (k *kustomizeFiles) local(file string, data []byte) []byte {
	rest, remote := withoutRemote(data)
	for _, entry := range remote {
		entry.file = k.repository.place(file)
		if !slices.Contains(k.remote, entry) {
			k.remote = append(k.remote, entry)
		}
	}
	return rest
}

// isRemote says whether kustomize would fetch this entry instead of reading it
// here. kustomize takes whatever has a user ("git@host:path") for a Git URL.
func isRemote(entry string) bool {
	first, _, _ := strings.Cut(entry, "/")
	lower := strings.ToLower(entry)
	for _, prefix := range []string{"git::", "gh:", "ssh://", "https://", "http://", "file://", "github.com:", "github.com/"} {
		if strings.HasPrefix(lower, prefix) {
			return true
		}
	}
	return strings.Contains(first, "@") && !isYAML(entry)
}
