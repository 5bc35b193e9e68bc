package kubelet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/tazzo/rebirth/test/controlplane"
	"github.com/tazzo/rebirth/test/process"
)

// Controller is the running container of one of this project's Deployments.
type Controller struct {
	*process.Process
	// Metrics and Health are where it serves, such as http://127.0.0.1:1234.
	Metrics, Health string
	readiness       string // a path
}

// ControllerOptions of a controller.
type ControllerOptions struct {
	// Program is the built executable, and Pod what its Deployment's template makes.
	Program string
	Pod     *corev1.Pod
	// Dir is a folder for the kubeconfig, which holds the ServiceAccount's token.
	Dir string
	// Log is the file that takes the outputs; what it holds stays.
	Log string
}

// StartController runs a controller with the flags, the environment and the
// ServiceAccount of its pod, and returns once the pod's readiness probe succeeds. What
// differs is where it serves: on free ports of loopback.
func StartController(ctx context.Context, plane *controlplane.ControlPlane, o ControllerOptions) (*Controller, error) {
	account, err := plane.ServiceAccountConfig(ctx, o.Pod.Namespace, o.Pod.Spec.ServiceAccountName)
	if err != nil {
		return nil, err
	}
	kubeconfig := filepath.Join(o.Dir, filepath.Base(o.Program)+".kubeconfig")
	if err := os.Remove(kubeconfig); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err // its token would stay that of another control plane
	}
	if err := plane.WriteKubeconfig(account, kubeconfig); err != nil {
		return nil, err
	}
	metrics, health, err := twoPorts()
	if err != nil {
		return nil, err
	}
	child, err := Start(Container{
		Program: o.Program, Pod: o.Pod, Log: o.Log, Env: []string{"KUBECONFIG=" + kubeconfig},
		Args: []string{"--metrics-addr=" + metrics, "--health-addr=" + health},
	})
	if err != nil {
		return nil, err
	}
	c := &Controller{Process: child, Metrics: "http://" + metrics, Health: "http://" + health, readiness: o.Pod.Spec.Containers[0].ReadinessProbe.HTTPGet.Path}
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("it took longer than a minute"))
	defer cancel()
	return c, c.Await(ctx, c.Ready)
}

// Ready is nil if the readiness probe succeeds.
func (c *Controller) Ready(ctx context.Context) error {
	_, err := Get(ctx, c.Health+c.readiness)
	return err
}

func twoPorts() (one, other string, err error) {
	for _, address := range []*string{&one, &other} {
		port, err := process.FreePort()
		if err != nil {
			return "", "", err
		}
		*address = fmt.Sprintf("127.0.0.1:%d", port)
	}
	return one, other, nil
}

// Get returns what a server answers, if it answers 200, as a kubelet's probe does.
func Get(ctx context.Context, url string) ([]byte, error) {
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
