package images

import (
	"context"
	"io"
	"os/exec"
	"path"
	"strings"
	"sync"

	"github.com/tazzo/rebirth/test/controlplane"
)

// pinned are the programs that go.mod files below tools/ pin, by the names that they
// have here.
var pinned = map[string]controlplane.Program{
	"kind": {Tools: "kind", Module: "sigs.k8s.io/kind", Package: "sigs.k8s.io/kind"},

	"containerd":              containerd("containerd"),
	"containerd-shim-runc-v2": containerd("containerd-shim-runc-v2"),
	"ctr":                     containerd("ctr"),
	"crictl":                  {Tools: "cri-tools", Module: "sigs.k8s.io/cri-tools", Package: "sigs.k8s.io/cri-tools/cmd/crictl"},

	"cni-bridge":     cniPlugin("main/bridge"),
	"cni-host-local": cniPlugin("ipam/host-local"),
	"cni-loopback":   cniPlugin("main/loopback"),
	"cni-portmap":    cniPlugin("meta/portmap"),
	"cni-flannel": {Tools: "flannel-cni", Module: "github.com/containernetworking/plugins",
		Package: "github.com/containernetworking/plugins/plugins/meta/flannel"},
	"flanneld": {Tools: "flannel", Module: "github.com/flannel-io/flannel", Package: "github.com/flannel-io/flannel"},

	"kube-apiserver":          kubernetes("kube-apiserver", "kubernetes"),
	"kube-controller-manager": kubernetes("kube-controller-manager", "kubernetes"),
	"kube-proxy":              kubernetes("kube-proxy", "kubernetes-node"),
	"kube-scheduler":          kubernetes("kube-scheduler", "kubernetes-node"),
	"kubeadm":                 kubernetes("kubeadm", "kubernetes-node"),
	"kubectl":                 kubernetes("kubectl", "kubernetes-node"),
	"kubelet":                 kubernetes("kubelet", "kubernetes-node"),
	"etcd":                    {Tools: "etcd", Module: "go.etcd.io/etcd/server/v3", Package: "go.etcd.io/etcd/server/v3"},
	"coredns":                 {Tools: "coredns", Module: "github.com/coredns/coredns", Package: "github.com/coredns/coredns"},

	"source-controller":    flux("source-controller", "flux-source"),
	"kustomize-controller": flux("kustomize-controller", "flux-kustomize"),
	"helm-controller":      flux("helm-controller", "flux-helm"),
	"external-secrets": {Tools: "external-secrets", Module: "github.com/external-secrets/external-secrets",
		Package: "github.com/external-secrets/external-secrets"},
	"postgres-operator": {Tools: "pgo", Module: "github.com/crunchydata/postgres-operator",
		Package: "github.com/crunchydata/postgres-operator/cmd/postgres-operator"},
	"versitygw": {Tools: "versitygw", Module: "github.com/versity/versitygw", Package: "github.com/versity/versitygw/cmd/versitygw"},
}

// own are the programs of this tier itself, by the folder of their main package.
var own = map[string]string{
	"grafana-standin": "./test/e2e/peers/grafana",
	"ociruntime":      "./test/e2e/ociruntime",
	"pause":           "./test/e2e/peers/pause",
}

func containerd(name string) controlplane.Program {
	return controlplane.Program{Tools: "containerd", Module: "github.com/containerd/containerd/v2",
		Package: "github.com/containerd/containerd/v2/cmd/" + name}
}

func cniPlugin(name string) controlplane.Program {
	return controlplane.Program{Tools: "cni-plugins", Module: "github.com/containernetworking/plugins",
		Package: "github.com/containernetworking/plugins/plugins/" + name}
}

func kubernetes(name, tools string) controlplane.Program {
	return controlplane.Program{Tools: tools, Module: "k8s.io/kubernetes", Package: "k8s.io/kubernetes/cmd/" + name,
		LDFlags: controlplane.KubernetesVersion}
}

func flux(name, tools string) controlplane.Program {
	return controlplane.Program{Tools: tools, Module: "github.com/fluxcd/" + name, Package: "github.com/fluxcd/" + name}
}

// Program builds one of the pinned programs unless it was built before, and returns
// its path. It is linked statically, for it runs in images without a C library.
func Program(ctx context.Context, name string, progress io.Writer) (string, error) {
	program := pinned[name]
	flags := program.LDFlags
	program.LDFlags = func(version string) string {
		if flags == nil {
			return static()
		}
		return flags(version) + " " + static()
	}
	// The control plane's tests run some of them too, linked as Go does by itself.
	program.Name = "static-" + name
	return controlplane.Build(ctx, program, progress)
}

// withFiles are programs whose modules hold files that the tier reads in the sandbox.
var withFiles = []string{
	"kind",                                  // its node image
	"external-secrets", "postgres-operator", // CRDs and rights
	"helm-controller", "kustomize-controller", "source-controller", // CRDs
}

// downloadModules has the modules of the built programs, too, where a program that was
// built before has spared their download: the sandbox has no way to fetch them.
func downloadModules(ctx context.Context) error {
	for _, name := range withFiles {
		program := pinned[name]
		if _, err := controlplane.ModuleFile(ctx, path.Join("tools", program.Tools), program.Module, "go.mod"); err != nil {
			return err
		}
	}
	return nil
}

// static links the C library in. Building without cgo would do as well, but compiles
// everything anew that the other tiers have already compiled with it.
var static = sync.OnceValue(func() string {
	cgo, err := exec.Command("go", "env", "CGO_ENABLED").Output()
	if err != nil || strings.TrimSpace(string(cgo)) != "1" {
		return "" // static anyway
	}
	return "-linkmode external -extldflags -static"
})

// buildOwn builds this tier's own programs into the folder.
func buildOwn(ctx context.Context, root, dir string) error {
	for name, pkg := range own {
		if err := run(ctx, command{dir: root, env: []string{"CGO_ENABLED=0"}},
			"go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", path.Join(dir, name), pkg); err != nil {
			return err
		}
	}
	return nil
}
