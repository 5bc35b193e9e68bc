package secret

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

func harden() hardening {
	h := hardening{dumps: noDumps()}
	h.whole, h.lockable = lockAll()
	table, err := os.ReadFile("/proc/swaps")
	h.swaps, h.unknown = diskSwaps(string(table)), err
	return h
}

// noDumps switches core dumps off twice: the limit holds for children as well, but
// not for dumps that the kernel pipes to a program such as systemd-coredump. A
// process that isn't dumpable can't be traced either, and its files below /proc
// belong to root.
func noDumps() error {
	return errors.Join(
		unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}),
		unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0),
	)
}

// lockAll locks all memory, now and later, unless a limit holds: once that is
// reached, Go's runtime would get no more memory and crash. It returns the limit,
// raised as far as this process may raise it.
func lockAll() (whole bool, limit uint64) {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &l); err == nil && l.Cur < l.Max {
		if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: l.Max, Max: l.Max}); err == nil {
			l.Cur = l.Max
		}
	}
	unlimited := l.Cur == unix.RLIM_INFINITY
	// ONFAULT, or all that Go's runtime only reserves would be taken at once.
	if (unlimited || mayLockAll()) && unix.Mlockall(unix.MCL_CURRENT|unix.MCL_FUTURE|unix.MCL_ONFAULT) == nil {
		return true, 0
	}
	if unlimited { // and yet refused, by a sandbox
		return false, 0
	}
	return false, l.Cur
}

// mayLockAll reports whether this process has CAP_IPC_LOCK, for which no limit holds.
func mayLockAll() bool {
	var sets [2]unix.CapUserData
	err := unix.Capget(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &sets[0])
	return err == nil && sets[0].Effective&(1<<unix.CAP_IPC_LOCK) != 0
}
