package controlplane

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// RenderChart is "helm template" with the chart's CRDs: what an installation of
// the release would apply. The server is not asked. A template that names no
// namespace belongs to the release's: apply with ApplyYAMLIn.
func (cp *ControlPlane) RenderChart(ctx context.Context, chartDir, release, namespace string, values map[string]any) ([]byte, error) {
	return cp.programs.RenderChart(ctx, chartDir, release, namespace, values)
}

// RenderChart is the same without a control plane: see Prepare.
func (p Programs) RenderChart(ctx context.Context, chartDir, release, namespace string, values map[string]any) ([]byte, error) {
	// Helm takes a relative path that doesn't exist for a repository's name.
	if _, err := os.Stat(filepath.Join(chartDir, "Chart.yaml")); err != nil {
		return nil, fmt.Errorf("chart %s: %w", chartDir, err)
	}
	dir, err := os.MkdirTemp("", "rebirth-helm-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	document, err := json.Marshal(values)
	if err != nil {
		return nil, fmt.Errorf("values of the release %s: %w", release, err)
	}
	file := filepath.Join(dir, "values.json")
	if err := os.WriteFile(file, document, 0o600); err != nil {
		return nil, err
	}
	return runHelm(ctx, p.Helm, dir, "template", release, chartDir, "--namespace", namespace, "--include-crds", "--values", file)
}

// Helm runs any Helm command against this control plane as admin, such as
// install, upgrade and uninstall, and returns its output. It knows nothing of the
// user's own Helm configuration.
func (cp *ControlPlane) Helm(ctx context.Context, args ...string) ([]byte, error) {
	dir := filepath.Join(cp.dir, "helm")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	kubeconfig := filepath.Join(dir, "kubeconfig")
	if err := cp.WriteKubeconfig(cp.config, kubeconfig); err != nil {
		return nil, err
	}
	return runHelm(ctx, cp.programs.Helm, dir, append(args, "--kubeconfig", kubeconfig)...)
}

func runHelm(ctx context.Context, helm, home string, args ...string) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, helm, args...)
	cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("helm %s: %w\n%s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return stdout.Bytes(), nil
}
