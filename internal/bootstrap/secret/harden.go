package secret

import (
	"fmt"
	"strings"
)

// Harden keeps this process' memory from disks and from other processes: no core
// dumps, no debugger of the same user, and all memory locked where the kernel
// permits it, which is with CAP_IPC_LOCK or without a limit (ulimit -l). Otherwise
// Values alone are locked. Call it at the start, before any secret is read.
//
// Its notes say in plain words what the kernel did not permit, and what that means
// here; there are none if nothing is open.
func Harden() []string { return harden().notes() }

// hardening is what Harden found and did.
type hardening struct {
	// dumps is why core dumps could not be switched off.
	dumps error
	// whole is true if all memory is locked, now and later.
	whole bool
	// lockable is how many bytes may be locked otherwise.
	lockable uint64
	// swaps are the disks and files that memory is swapped to; unknown is why they
	// could not be found out.
	swaps   []string
	unknown error
}

func (h hardening) notes() []string {
	var notes []string
	if h.dumps != nil {
		notes = append(notes, fmt.Sprintf("core dumps could not be switched off (%v): a crash may write secrets to a disk", h.dumps))
	}
	swap := fmt.Sprintf("swap is on (%s)", strings.Join(h.swaps, ", "))
	switch {
	case h.unknown != nil:
		swap = fmt.Sprintf("whether swap is on could not be found out (%v)", h.unknown)
	case len(h.swaps) == 0:
		return notes
	}
	const wayOut = "; switch it off, encrypt it, or raise the limit (ulimit -l unlimited)"
	switch {
	case h.whole:
		swap += ": this process is locked in memory, but files on tmpfs are not, and a secret in one can reach the swap"
	case h.lockable == 0:
		swap += ": this process may lock no memory, so secrets can reach the swap" + wayOut
	default:
		swap += fmt.Sprintf(": this process may lock %d KiB, which is for the secrets alone; copies of them that libraries make, "+
			"and files on tmpfs, can reach the swap", h.lockable/1024) + wayOut
	}
	return append(notes, swap)
}

// diskSwaps finds what is a disk among the lines of /proc/swaps. zram is memory.
func diskSwaps(table string) []string {
	var disks []string
	for i, line := range strings.Split(table, "\n") {
		fields := strings.Fields(line)
		if i > 0 && len(fields) > 0 && !strings.HasPrefix(fields[0], "/dev/zram") {
			disks = append(disks, fields[0])
		}
	}
	return disks
}
