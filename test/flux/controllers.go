package flux

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/tazzo/rebirth/test/controlplane"
	"github.com/tazzo/rebirth/test/process"
)

// controller is one of Flux' programs.
type controller struct {
	program controlplane.Program
	crds    []string // files of its module
	// flags beside those that all share; port is a free one of loopback.
	flags func(f *Flux, dir string, port int) []string
}

var controllers = []controller{
	{
		program: fluxProgram("source-controller", "flux-source"),
		crds: []string{
			"source.toolkit.fluxcd.io_buckets.yaml",
			"source.toolkit.fluxcd.io_externalartifacts.yaml",
			"source.toolkit.fluxcd.io_gitrepositories.yaml",
			"source.toolkit.fluxcd.io_helmcharts.yaml",
			"source.toolkit.fluxcd.io_helmrepositories.yaml",
			"source.toolkit.fluxcd.io_ocirepositories.yaml",
		},
		flags: func(f *Flux, dir string, port int) []string {
			address := fmt.Sprintf("127.0.0.1:%d", port)
			return []string{
				"--storage-path=" + dir,
				"--storage-addr=" + address,
				"--storage-adv-addr=" + address,
			}
		},
	},
	{
		program: fluxProgram("kustomize-controller", "flux-kustomize"),
		crds:    []string{"kustomize.toolkit.fluxcd.io_kustomizations.yaml"},
		flags:   func(*Flux, string, int) []string { return []string{"--no-remote-bases"} },
	},
	{
		program: fluxProgram("helm-controller", "flux-helm"),
		crds:    []string{"helm.toolkit.fluxcd.io_helmreleases.yaml"},
		flags:   func(*Flux, string, int) []string { return nil },
	},
}

func fluxProgram(name, tools string) controlplane.Program {
	module := "github.com/fluxcd/" + name
	return controlplane.Program{Name: name, Tools: tools, Module: module, Package: module}
}

// Prepare builds the controllers unless they were built before, and says so on
// progress (which may be nil). Start does the same.
func Prepare(ctx context.Context, progress io.Writer) error {
	_, err := build(ctx, progress)
	return err
}

// build returns the paths of the controllers by their names.
func build(ctx context.Context, progress io.Writer) (map[string]string, error) {
	paths := map[string]string{}
	for _, c := range controllers {
		path, err := controlplane.Build(ctx, c.program, progress)
		if err != nil {
			return nil, err
		}
		paths[c.program.Name] = path
	}
	return paths, nil
}

// CRDs are Flux' own, of the versions that are run: YAML for the Manifests of a
// control plane.
func CRDs(ctx context.Context) ([]byte, error) {
	var all [][]byte
	for _, c := range controllers {
		for _, file := range c.crds {
			crd, err := controlplane.ModuleFile(ctx, filepath.Join("tools", c.program.Tools), c.program.Module, "config/crd/bases/"+file)
			if err != nil {
				return nil, err
			}
			all = append(all, crd)
		}
	}
	return bytes.Join(all, []byte("\n---\n")), nil
}

// startController takes other ports when somebody else was quicker to listen on
// the first.
func (f *Flux) startController(ctx context.Context, c controller, path string) error {
	for attempt := 1; ; attempt++ {
		health, err := process.FreePort()
		if err != nil {
			return err
		}
		port, err := process.FreePort()
		if err != nil {
			return err
		}
		err = f.run(ctx, c, path, health, port)
		if err == nil || attempt == 3 || ctx.Err() != nil || !(process.Taken(health) || process.Taken(port)) {
			return err
		}
	}
}

func (f *Flux) run(ctx context.Context, c controller, path string, health, port int) error {
	dir := filepath.Join(f.dir, c.program.Name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	args := append([]string{
		"--enable-leader-election=false",
		"--watch-all-namespaces=true",
		"--metrics-addr=0",
		fmt.Sprintf("--health-addr=127.0.0.1:%d", health),
		fmt.Sprintf("--requeue-dependency=%s", f.options.RequeueDependency),
	}, c.flags(f, dir, port)...)
	child, err := process.Start(process.Command{
		Path:       path,
		Args:       args,
		Env:        []string{"KUBECONFIG=" + f.kubeconfig(), "RUNTIME_NAMESPACE=" + Namespace, "TMPDIR=" + dir, "HOME=" + dir},
		Dir:        dir,
		Log:        f.Log(c.program.Name),
		LastSignal: syscall.SIGKILL,
	})
	if err != nil {
		return err
	}
	f.mu.Lock()
	f.processes = append(f.processes, child)
	f.mu.Unlock()
	url := fmt.Sprintf("http://127.0.0.1:%d/readyz", health)
	return child.Await(ctx, func(ctx context.Context) error { return answers(ctx, url) })
}

func answers(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	return nil
}

// Log is the path of the log of a controller, such as "kustomize-controller": one
// JSON object per line.
func (f *Flux) Log(controller string) string { return filepath.Join(f.dir, controller+".log") }
