package sandbox

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// machineSettings are those of the kernel that kubelets set for the whole machine, for
// no namespace has its own (Kubernetes, pkg/kubelet/cm: setupKernelTunables).
var machineSettings = []string{
	"kernel/panic", "kernel/panic_on_oops", "vm/overcommit_memory", "vm/panic_on_oom",
	"kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
}

// keepSettings notes the settings, and returns what puts them back.
func keepSettings(root string) (putBack func() error, err error) {
	settings := map[string]string{}
	for _, name := range machineSettings {
		value, err := os.ReadFile(filepath.Join(root, name))
		switch {
		case err == nil:
			settings[name] = string(value)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	return func() error {
		var errs []error
		for name, value := range settings {
			file := filepath.Join(root, name)
			if now, err := os.ReadFile(file); err == nil && string(now) == value {
				continue
			}
			errs = append(errs, os.WriteFile(file, []byte(value), 0o644))
		}
		return errors.Join(errs...)
	}, nil
}
