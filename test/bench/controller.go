package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/tazzo/rebirth/test/bench/figures"
	"github.com/tazzo/rebirth/test/kubelet"
)

// startController runs the binary as the chart's Deployment has it, and returns when
// its caches are filled. It does nothing if one runs.
func (w *world) startController(ctx context.Context) error {
	if w.controller != nil {
		return nil
	}
	dir := filepath.Dir(w.binary)
	var err error
	w.controller, err = kubelet.StartController(ctx, w.plane, kubelet.ControllerOptions{
		Program: w.binary, Pod: w.pod, Dir: dir, Log: filepath.Join(dir, account+".log"),
	})
	return err
}

// stopController ends it as a kubelet does; it gives its Lease back.
func (w *world) stopController() {
	if w.controller == nil {
		return
	}
	_ = w.controller.Stop(syscall.SIGTERM, 30*time.Second) // killed if need be
	w.controller = nil
}

// memory is the controller's.
func (w *world) memory() (figures.Memory, error) { return memoryOf(w.controller.PID()) }

// memoryOf reads the resident memory of another process.
func memoryOf(pid int) (figures.Memory, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return figures.Memory{}, fmt.Errorf("memory is read from procfs, as on Linux: %w", err)
	}
	return figures.ParseMemory(string(status))
}
