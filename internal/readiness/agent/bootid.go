package agent

import (
	"os"
	"strings"
)

// bootIDFile is Linux' own: the same in all containers of a node, as kubelet reports
// it.
const bootIDFile = "/proc/sys/kernel/random/boot_id"

// BootID returns the node's boot ID; nothing if the runtime doesn't show it.
func BootID() string {
	id, err := os.ReadFile(bootIDFile)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}
