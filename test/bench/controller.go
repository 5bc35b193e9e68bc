package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/tazzo/rebirth/test/bench/figures"
	"github.com/tazzo/rebirth/test/process"
)

// controller is secret-sync as a process of its own.
type controller struct {
	process *process.Process
	pid     int
}

// startController runs the binary with the flags and the environment that the
// chart gives it, but for the addresses that it serves on, and returns when its
// caches are filled. It does nothing if one runs.
func (w *world) startController(ctx context.Context) error {
	if w.controller != nil {
		return nil
	}
	metrics, err := process.FreePort()
	if err != nil {
		return err
	}
	health, err := process.FreePort()
	if err != nil {
		return err
	}
	env := []string{"KUBECONFIG=" + w.kubeconfig, "RUNTIME_NAMESPACE=" + releaseNamespace}
	for _, variable := range w.container.Env {
		if variable.Value != "" {
			env = append(env, variable.Name+"="+variable.Value)
		}
	}
	child, err := process.Start(process.Command{
		Path:       w.binary,
		Args:       append(w.container.Args[:len(w.container.Args):len(w.container.Args)], fmt.Sprintf("--metrics-addr=127.0.0.1:%d", metrics), fmt.Sprintf("--health-addr=127.0.0.1:%d", health)),
		Env:        env,
		Log:        filepath.Join(filepath.Dir(w.binary), "secret-sync.log"),
		LastSignal: syscall.SIGKILL,
	})
	if err != nil {
		return err
	}
	w.controller = &controller{process: child, pid: child.PID()}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return child.Await(ctx, func(ctx context.Context) error {
		return answersOK(ctx, fmt.Sprintf("http://127.0.0.1:%d/readyz", health))
	})
}

func answersOK(ctx context.Context, url string) error {
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
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}

// stopController ends it as a kubelet does; it gives its Lease back.
func (w *world) stopController() {
	if w.controller == nil {
		return
	}
	_ = w.controller.process.Stop(syscall.SIGTERM, 30*time.Second) // killed if need be
	w.controller = nil
}

// memory reads the controller's resident memory from its own process.
func (w *world) memory() (figures.Memory, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.controller.pid))
	if err != nil {
		return figures.Memory{}, fmt.Errorf("memory is read from procfs, as on Linux: %w", err)
	}
	return figures.ParseMemory(string(status))
}
