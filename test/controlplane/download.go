package controlplane

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/semver"
)

const (
	// A network that swallows packets must not hold up a test for longer.
	reachTimeout    = 15 * time.Second
	downloadTimeout = 10 * time.Minute
	// A failure is remembered so long, so that not every run waits for it again.
	failureRemembered = 24 * time.Hour
)

// downloadAssets has setup-envtest download etcd and kube-apiserver of the minor
// version that tools/kubernetes pins, and returns their folder.
func downloadAssets(ctx context.Context, store toolStore) (string, error) {
	version, err := store.moduleVersion(ctx, kubeAPIServer)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(store.dir, "envtest")
	failure := filepath.Join(dir, "failed-"+version)
	if info, err := os.Stat(failure); err == nil && time.Since(info.ModTime()) < failureRemembered {
		return "", fmt.Errorf("its download failed on %s; remove %s to try again sooner",
			info.ModTime().Format(time.DateTime), failure)
	}
	assets, err := setupEnvtest(ctx, store, dir, version)
	if err != nil && ctx.Err() == nil {
		if err := os.WriteFile(failure, []byte(err.Error()+"\n"), 0o600); err != nil {
			return "", err
		}
	}
	return assets, err
}

func setupEnvtest(ctx context.Context, store toolStore, dir, version string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	program, err := store.build(ctx, envtest)
	if err != nil {
		return "", err
	}
	minor := strings.TrimPrefix(semver.MajorMinor(version), "v") + ".x"
	if _, err := output(ctx, reachTimeout, program, "list", minor, "--bin-dir", dir); err != nil {
		return "", err
	}
	end := store.progress.step("etcd, kube-apiserver: setup-envtest downloads "+minor, func() string { return "" })
	defer end()
	return output(ctx, downloadTimeout, program, "use", minor, "--bin-dir", dir, "--print", "path")
}

func output(ctx context.Context, timeout time.Duration, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
		return "", fmt.Errorf("%s %s: %w: %s", filepath.Base(program), args[0], err, lines[len(lines)-1])
	}
	return strings.TrimSpace(stdout.String()), nil
}
