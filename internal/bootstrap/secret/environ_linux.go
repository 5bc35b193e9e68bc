package secret

import (
	"bytes"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// eraseEnviron zeroes a variable's value where the kernel put it when this process
// started. os.Unsetenv doesn't reach it, and /proc/PID/environ shows it until the
// end. Where the kernel refuses, it stays; no child inherits it.
func eraseEnviron(name string) {
	start, end := environBounds()
	if start == 0 || end <= start {
		return
	}
	block := make([]byte, end-start)
	defer clear(block)
	if _, err := unix.ProcessVMReadv(os.Getpid(), local(block), remote(start, len(block)), 0); err != nil {
		return
	}
	at := start
	for entry := range bytes.SplitSeq(block, []byte{0}) {
		if value, found := bytes.CutPrefix(entry, []byte(name+"=")); found && len(value) > 0 {
			zeros := make([]byte, len(value))
			_, _ = unix.ProcessVMWritev(os.Getpid(), local(zeros), remote(at+uintptr(len(name)+1), len(zeros)), 0)
		}
		at += uintptr(len(entry) + 1)
	}
}

func local(b []byte) []unix.Iovec {
	v := unix.Iovec{Base: &b[0]}
	v.SetLen(len(b))
	return []unix.Iovec{v}
}

func remote(at uintptr, size int) []unix.RemoteIovec {
	return []unix.RemoteIovec{{Base: at, Len: size}}
}

// environBounds are fields 50 and 51 of proc_pid_stat(5): where the environment
// begins and ends. They are 0 where the kernel doesn't tell.
func environBounds() (start, end uintptr) {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0, 0
	}
	// The second field is the program's name in parentheses, and may hold anything.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const third, fiftieth = 3, 50
	if len(fields) <= fiftieth+1-third {
		return 0, 0
	}
	first, _ := strconv.ParseUint(fields[fiftieth-third], 10, 64)
	last, _ := strconv.ParseUint(fields[fiftieth+1-third], 10, 64)
	return uintptr(first), uintptr(last)
}
