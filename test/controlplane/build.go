package controlplane

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
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

// tool is a program that a go.mod file below tools/ pins.
type tool struct {
	name    string
	tools   string // the folder below tools/
	module  string
	pkg     string // its main package
	ldflags func(version string) string
}

var (
	etcd = tool{name: "etcd", tools: "etcd", module: "go.etcd.io/etcd/server/v3", pkg: "go.etcd.io/etcd/server/v3"}

	kubeAPIServer = tool{name: "kube-apiserver", tools: "kubernetes", module: "k8s.io/kubernetes",
		pkg: "k8s.io/kubernetes/cmd/kube-apiserver", ldflags: kubernetesVersion}

	kubeControllerManager = tool{name: "kube-controller-manager", tools: "kubernetes", module: "k8s.io/kubernetes",
		pkg: "k8s.io/kubernetes/cmd/kube-controller-manager", ldflags: kubernetesVersion}

	helm = tool{name: "helm", tools: "helm", module: "helm.sh/helm/v4", pkg: "helm.sh/helm/v4/cmd/helm",
		ldflags: func(version string) string { return "-X helm.sh/helm/v4/internal/version.version=" + version }}

	envtest = tool{name: "setup-envtest", tools: "envtest", module: "sigs.k8s.io/controller-runtime/tools/setup-envtest",
		pkg: "sigs.k8s.io/controller-runtime/tools/setup-envtest"}
)

// kubernetesVersion stamps the version that Kubernetes' own build stamps, without
// which the API server calls itself v0.0.0-master.
func kubernetesVersion(version string) string {
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
	root, err := moduleRoot()
	return toolStore{dir: filepath.Join(cache, "tools"), root: root, progress: progress}, err
}

// moduleRoot is the folder of this module's go.mod, above this very file: the
// tests of any package may call.
func moduleRoot() (string, error) {
	_, file, _, _ := runtime.Caller(0)
	for dir := filepath.Dir(file); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
	}
	return "", fmt.Errorf("no go.mod above %s: the tools are built from the tree that this program was built from, without -trimpath", file)
}

// build returns the path of the tool, which it builds unless it is in the store.
func (s toolStore) build(ctx context.Context, t tool) (string, error) {
	key, err := s.key(ctx, t)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(s.dir, t.name+"-"+key)
	path := filepath.Join(dir, t.name)
	if _, err := os.Stat(path); err == nil {
		s.progress.say("%s: built before, %s", t.name, path)
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	unlock, err := process.Lock(ctx, filepath.Join(dir, "lock"), func() {
		s.progress.say("%s: another process builds it, so waiting", t.name)
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
func (s toolStore) key(ctx context.Context, t tool) (string, error) {
	hash := sha256.New()
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join(s.root, "tools", t.tools, name))
		if err != nil {
			return "", fmt.Errorf("the pins of %s: %w", t.name, err)
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

func (s toolStore) compile(ctx context.Context, t tool, path string) error {
	version, err := s.moduleVersion(ctx, t)
	if err != nil {
		return err
	}
	ldflags := "-s -w"
	if t.ldflags != nil {
		ldflags += " " + t.ldflags(version)
	}
	start := time.Now()
	var done buildCounts
	end := s.progress.step(fmt.Sprintf("%s: building %s %s", t.name, t.module, version), done.String)
	err = s.goBuild(ctx, t, ldflags, path+".new", &done)
	end()
	if err != nil {
		return fmt.Errorf("build %s %s: %w", t.name, version, err)
	}
	s.progress.say("%s: built from %s %s in %s, %s", t.name, t.module, version, elapsed(start), path)
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
func (s toolStore) goBuild(ctx context.Context, t tool, ldflags, out string, done *buildCounts) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-v", "-ldflags", ldflags, "-o", out, t.pkg)
	cmd.Dir = filepath.Join(s.root, "tools", t.tools)
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
func (s toolStore) moduleVersion(ctx context.Context, t tool) (string, error) {
	version, err := s.golang(ctx, t, "list", "-m", "-f", "{{.Version}}", t.module)
	return strings.TrimSpace(string(version)), err
}

func (s toolStore) golang(ctx context.Context, t tool, args ...string) ([]byte, error) {
	return golang(ctx, filepath.Join(s.root, "tools", t.tools), args...)
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
