package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/tazzo/rebirth/test/process"
)

// logName is the file that secret-sync logs to: one JSON object a line.
const logName = "secret-sync.jsonl"

// controller is the running cmd/secret-sync.
type controller struct {
	process *process.Process
	metrics string // URL
	health  string // URL
	log     string
}

// renderChart renders the chart with the values of the shipped HelmRelease, and
// with the right to repair, which those leave out and the last act needs.
func (s *Stage) renderChart(ctx context.Context) ([]byte, error) {
	file := filepath.Join(s.source, "manifests", "secret-sync", "release.yaml")
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var release struct {
		Spec struct {
			Values map[string]any `json:"values"`
		} `json:"spec"`
	}
	if err := sigsyaml.Unmarshal(content, &release); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	exports, _ := release.Spec.Values["exports"].([]any)
	for _, export := range exports {
		if export, ok := export.(map[string]any); ok {
			export["repair"] = true
		}
	}
	return s.programs.RenderChart(ctx, filepath.Join(s.source, "charts", "secret-sync"), "secret-sync", releaseNamespace, release.Spec.Values)
}

// startController runs the binary as the chart's Deployment would: its flags but
// for the addresses, its environment, and its ServiceAccount's token.
func startController(ctx context.Context, s *Stage) (*controller, error) {
	container, account, err := deployed(s.chart)
	if err != nil {
		return nil, err
	}
	cfg, err := s.plane.ServiceAccountConfig(ctx, releaseNamespace, account)
	if err != nil {
		return nil, err
	}
	kubeconfig := filepath.Join(s.dir, "secret-sync.kubeconfig")
	if err := s.plane.WriteKubeconfig(cfg, kubeconfig); err != nil {
		return nil, err
	}
	c := &controller{log: filepath.Join(s.logs, logName)}
	// The log of an earlier run is not this one's.
	if err := os.WriteFile(c.log, nil, 0o600); err != nil {
		return nil, err
	}
	args, err := c.onLoopback(container.Args)
	if err != nil {
		return nil, err
	}
	env := append(environment(container), "KUBECONFIG="+kubeconfig)
	if c.process, err = process.Start(process.Command{Path: s.binary, Args: args, Env: env, Log: c.log, LastSignal: syscall.SIGKILL}); err != nil {
		return nil, err
	}
	ready := func(ctx context.Context) error {
		_, err := get(ctx, c.health+container.ReadinessProbe.HTTPGet.Path)
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("secret-sync took longer than a minute to be ready"))
	defer cancel()
	return c, c.process.Await(ctx, ready)
}

// deployed finds the container of the chart's Deployment, and its ServiceAccount.
func deployed(chart []byte) (corev1.Container, string, error) {
	documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(chart), 4096)
	for {
		var d appsv1.Deployment
		if err := documents.Decode(&d); err != nil {
			return corev1.Container{}, "", fmt.Errorf("the chart renders no Deployment that can be run: %w", err)
		}
		if d.Kind == "Deployment" && len(d.Spec.Template.Spec.Containers) > 0 {
			return d.Spec.Template.Spec.Containers[0], d.Spec.Template.Spec.ServiceAccountName, nil
		}
	}
}

// environment is the container's; a field of the pod can only be its namespace.
func environment(container corev1.Container) []string {
	var env []string
	for _, e := range container.Env {
		if e.ValueFrom != nil {
			e.Value = releaseNamespace
		}
		env = append(env, e.Name+"="+e.Value)
	}
	return env
}

// onLoopback gives the two listeners free ports of this machine.
func (c *controller) onLoopback(args []string) ([]string, error) {
	out := make([]string, 0, len(args))
	for _, arg := range args {
		for flag, url := range map[string]*string{"--metrics-addr=": &c.metrics, "--health-addr=": &c.health} {
			if !strings.HasPrefix(arg, flag) {
				continue
			}
			port, err := process.FreePort()
			if err != nil {
				return nil, err
			}
			arg = fmt.Sprintf("%s127.0.0.1:%d", flag, port)
			*url = fmt.Sprintf("http://127.0.0.1:%d", port)
		}
		out = append(out, arg)
	}
	return out, nil
}

// stop gives it the time to finish what it is at, as a kubelet would.
func (c *controller) stop() error { return c.process.Stop(syscall.SIGTERM, 10*time.Second) }

// get returns the body of an answer that is good.
func get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusOK {
		err = errors.Join(err, fmt.Errorf("%s: %s", url, answer.Status))
	}
	return body, err
}
