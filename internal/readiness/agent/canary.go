package agent

import (
	"fmt"
	"os"
	"strings"

	"k8s.io/utils/clock"

	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

const (
	// TerminationLog is where a container leaves its last words, by default.
	TerminationLog = "/dev/termination-log"
	// bootIDFile is Linux' own: the same in all containers of a node, as kubelet
	// reports it.
	bootIDFile = "/proc/sys/kernel/random/boot_id"
)

// Canary does all that a canary pod is for: it ran, so its node made a sandbox. It
// leaves a wire.Canary at the path.
func Canary(path string, clock clock.PassiveClock) error {
	message, err := wire.Canary{StartedAt: clock.Now().UTC(), BootID: BootID()}.Encode()
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, message, 0o644); err != nil {
		return fmt.Errorf("leaving the termination message: %w", err)
	}
	return nil
}

// BootID returns the node's boot ID; nothing if the runtime doesn't show it.
func BootID() string {
	id, err := os.ReadFile(bootIDFile)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}
