package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Programs are the executables of a control plane, and Helm.
type Programs struct {
	Etcd              string
	APIServer         string
	ControllerManager string
	Helm              string
}

// Prepare finds, downloads or builds the programs, and says on progress (which
// may be nil) which way each was taken:
//
//   - etcd and kube-apiserver from the folder that KUBEBUILDER_ASSETS names, or
//     else by setup-envtest's download, or else built from Go modules;
//   - kube-controller-manager and Helm built from Go modules, for setup-envtest
//     has neither (the former is taken from KUBEBUILDER_ASSETS if it is there).
//
// The modules are pinned below tools/. What was downloaded or built is kept in
// the user's cache folder, or in the one that REBIRTH_CACHE names, and used again
// until the pins or the Go version change. The first build takes minutes.
func Prepare(ctx context.Context, progress io.Writer) (Programs, error) {
	store, err := openToolStore(progressOn(progress))
	if err != nil {
		return Programs{}, err
	}
	assets, err := findAssets(ctx, store)
	if err != nil {
		return Programs{}, err
	}
	if assets.ControllerManager == "" {
		if assets.ControllerManager, err = store.build(ctx, kubeControllerManager); err != nil {
			return Programs{}, err
		}
	}
	assets.Helm, err = store.build(ctx, helm)
	return assets, err
}

func findAssets(ctx context.Context, store toolStore) (Programs, error) {
	if dir := os.Getenv("KUBEBUILDER_ASSETS"); dir != "" {
		store.progress.say("etcd, kube-apiserver: from KUBEBUILDER_ASSETS, %s", dir)
		return assetsIn(dir)
	}
	dir, err := downloadAssets(ctx, store)
	if err == nil {
		store.progress.say("etcd, kube-apiserver: downloaded by setup-envtest, in %s", dir)
		return assetsIn(dir)
	}
	if ctx.Err() != nil {
		return Programs{}, context.Cause(ctx)
	}
	store.progress.say("etcd, kube-apiserver: not from setup-envtest (%v), so built from Go modules, which takes minutes the first time", err)
	var assets Programs
	if assets.Etcd, err = store.build(ctx, etcd); err != nil {
		return Programs{}, err
	}
	assets.APIServer, err = store.build(ctx, kubeAPIServer)
	return assets, err
}

// assetsIn reads a folder in the layout of envtest.
func assetsIn(dir string) (Programs, error) {
	assets := Programs{
		Etcd:              filepath.Join(dir, "etcd"),
		APIServer:         filepath.Join(dir, "kube-apiserver"),
		ControllerManager: filepath.Join(dir, "kube-controller-manager"),
	}
	for _, path := range []string{assets.Etcd, assets.APIServer} {
		if _, err := os.Stat(path); err != nil {
			return Programs{}, fmt.Errorf("a folder of assets needs etcd and kube-apiserver: %w (is KUBEBUILDER_ASSETS right? Unset, they are downloaded or built)", err)
		}
	}
	if _, err := os.Stat(assets.ControllerManager); errors.Is(err, fs.ErrNotExist) {
		assets.ControllerManager = ""
	}
	return assets, nil
}
