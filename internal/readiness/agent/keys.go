package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

// KeyFiles returns what reads the keys from files, anew each time: kubelet swaps the
// files of a mounted Secret while the agent runs, and they are tiny. The first file
// holds the key that signs and must exist; the others need not.
func KeyFiles(paths ...string) func() (wire.Keys, error) {
	return func() (wire.Keys, error) {
		var secrets [][]byte
		for i, path := range paths {
			secret, err := os.ReadFile(path)
			if i > 0 && errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("the key can't be read, look at the Secret that the pod mounts: %w", err)
			}
			secrets = append(secrets, secret)
		}
		keys, err := wire.ParseKeys(secrets...)
		if err != nil {
			return nil, fmt.Errorf("the key can't be used, look at the Secret that the pod mounts: %w", err)
		}
		return keys, nil
	}
}
