package controlplane

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/mod/semver"

	"github.com/tazzo/rebirth/test/process"
)

// Program is one that a go.mod file below tools/ pins.
type Program struct {
	Name    string // of the executable
	Tools   string // the folder below tools/
	Module  string
	Package string // its main package
	// LDFlags are what the program's own build gives to the linker besides -s and
	// -w, for a version such as v1.2.3; nil: nothing.
	LDFlags func(version string) string
}

// Build returns the path of the program's executable: as it was built before, or
// else built now, which can take minutes and is said on progress (which may be
// nil). It is kept where Prepare keeps what it builds, and as long.
func Build(ctx context.Context, program Program, progress io.Writer) (string, error) {
	store, err := openToolStore(progressOn(progress))
	if err != nil {
		return "", err
	}
	return store.build(ctx, program)
}

var (
	etcd = Program{Name: "etcd", Tools: "etcd", Module: "go.etcd.io/etcd/server/v3", Package: "go.etcd.io/etcd/server/v3"}

	kubeAPIServer = Program{Name: "kube-apiserver", Tools: "kubernetes", Module: "k8s.io/kubernetes",
		Package: "k8s.io/kubernetes/cmd/kube-apiserver", LDFlags: KubernetesVersion}

	kubeControllerManager = Program{Name: "kube-controller-manager", Tools: "kubernetes", Module: "k8s.io/kubernetes",
		Package: "k8s.io/kubernetes/cmd/kube-controller-manager", LDFlags: KubernetesVersion}

	helm = Program{Name: "helm", Tools: "helm", Module: "helm.sh/helm/v4", Package: "helm.sh/helm/v4/cmd/helm",
		LDFlags: func(version string) string { return "-X helm.sh/helm/v4/internal/version.version=" + version }}

	envtest = Program{Name: "setup-envtest", Tools: "envtest", Module: "sigs.k8s.io/controller-runtime/tools/setup-envtest",
		Package: "sigs.k8s.io/controller-runtime/tools/setup-envtest"}
)

// KubernetesVersion stamps the version that Kubernetes' own build stamps, without
// which the API server calls itself v0.0.0-master.
func KubernetesVersion(version string) string {
	major, minor, _ := strings.Cut(strings.TrimPrefix(semver.MajorMinor(version), "v"), ".")
	var flags []string
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		flags = append(flags,
			"-X "+pkg+".gitVersion="+version, "-X "+pkg+".gitMajor="+major, "-X "+pkg+".gitMinor="+minor)
	}
	return strings.Join(flags, " ")
}

// toolStore keeps built tools outside of the tree.
type toolStore struct {
	dir      string // of the store
	root     string // of this module
	progress progress
}

func openToolStore(progress progress) (toolStore, error) {
	cache := os.Getenv("REBIRTH_CACHE")
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return toolStore{}, fmt.Errorf("no folder to keep built programs in (REBIRTH_CACHE names one): %w", err)
		}
		cache = filepath.Join(user, "rebirth")
	}
	root, err := ModuleRoot()
	return toolStore{dir: filepath.Join(cache, "tools"), root: root, progress: progress}, err
}

// ModuleRoot is the folder of this module's go.mod, above this very file: the
// tests of any package may call.
func ModuleRoot() (string, error) {
	_, file, _, _ := runtime.Caller(0)
	for dir := filepath.Dir(file); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
	}
	return "", fmt.Errorf("no go.mod above %s: the tools are built from the tree that this program was built from, without -trimpath", file)
}

// build returns the path of the tool, which it builds unless it is in the store.
func (s toolStore) build(ctx context.Context, t Program) (string, error) {
	key, err := s.key(ctx, t)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(s.dir, t.Name+"-"+key)
	path := filepath.Join(dir, t.Name)
	if _, err := os.Stat(path); err == nil {
		s.progress.say("%s: built before, %s", t.Name, path)
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	unlock, err := process.Lock(ctx, filepath.Join(dir, "lock"), func() {
		s.progress.say("%s: another process builds it, so waiting", t.Name)
	})
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return path, s.compile(ctx, t, path)
	}
	return path, nil
}

// key changes when the pins or the compiler change.
func (s toolStore) key(ctx context.Context, t Program) (string, error) {
	hash := sha256.New()
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join(s.root, "tools", t.Tools, name))
		if err != nil {
			return "", fmt.Errorf("the pins of %s: %w", t.Name, err)
		}
		fmt.Fprintf(hash, "%d\n%s", len(content), content)
	}
	version, err := s.golang(ctx, t, "env", "GOVERSION", "GOOS", "GOARCH")
	if err != nil {
		return "", err
	}
	hash.Write(version)
	return fmt.Sprintf("%x", hash.Sum(nil))[:12], nil
}

func (s toolStore) compile(ctx context.Context, t Program, path string) error {
	version, err := s.moduleVersion(ctx, t)
	if err != nil {
		return err
	}
	ldflags := "-s -w"
	if t.LDFlags != nil {
		ldflags += " " + t.LDFlags(version)
	}
	start := time.Now()
	var done buildCounts
	end := s.progress.step(fmt.Sprintf("%s: building %s %s", t.Name, t.Module, version), done.String)
	err = s.goBuild(ctx, t, ldflags, path+".new", &done)
	end()
	if err != nil {
		return fmt.Errorf("build %s %s: %w", t.Name, version, err)
	}
	s.progress.say("%s: built from %s %s in %s, %s", t.Name, t.Module, version, elapsed(start), path)
	return os.Rename(path+".new", path)
}

// buildCounts is how far a build has come.
type buildCounts struct{ modules, packages atomic.Int64 }

func (c *buildCounts) String() string {
	if packages := c.packages.Load(); packages > 0 {
		return fmt.Sprintf("%d packages compiled", packages)
	}
	if modules := c.modules.Load(); modules > 0 {
		return fmt.Sprintf("%d modules downloaded", modules)
	}
	return ""
}

// goBuild counts the modules and packages that "go build -v" names; any other line
// is part of an error.
func (s toolStore) goBuild(ctx context.Context, t Program, ldflags, out string, done *buildCounts) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-v", "-ldflags", ldflags, "-o", out, t.Package)
	cmd.Dir = filepath.Join(s.root, "tools", t.Tools)
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-buildvcs=false")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("is Go installed? %w", err)
	}
	var complaints []string
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		switch line := lines.Text(); {
		case strings.HasPrefix(line, "go: downloading "):
			done.modules.Add(1)
		case strings.ContainsAny(line, " #:"):
			complaints = append(complaints, line)
		default:
			done.packages.Add(1)
		}
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%w\n%s", err, strings.Join(complaints, "\n"))
	}
	return nil
}

// moduleVersion is the version that the tools' go.mod pins.
func (s toolStore) moduleVersion(ctx context.Context, t Program) (string, error) {
	version, err := s.golang(ctx, t, "list", "-m", "-f", "{{.Version}}", t.Module)
	return strings.TrimSpace(string(version)), err
}

func (s toolStore) golang(ctx context.Context, t Program, args ...string) ([]byte, error) {
	return golang(ctx, filepath.Join(s.root, "tools", t.Tools), args...)
}

// golang runs the go command in a module's folder.
func golang(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	out, err := cmd.Output()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return nil, fmt.Errorf("go %s in %s: %w\n%s", strings.Join(args, " "), dir, err, exit.Stderr)
	}
	return out, err
}
