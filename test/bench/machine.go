package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// machineOf says where and with what the figures were measured, as Markdown.
func machineOf(kubernetes, date, load string) string {
	lines := []string{
		"- date: " + date,
		fmt.Sprintf("- processor: %s, %d cores", cpuModel(), runtime.NumCPU()),
		"- memory: " + memoryTotal(),
		"- kernel: " + strings.TrimSpace(file("/proc/sys/kernel/osrelease")) + ", " + runtime.GOOS + "/" + runtime.GOARCH,
		"- Go: " + runtime.Version(),
		"- Kubernetes: " + kubernetes + " (API server, etcd and controllers on the same machine)",
		"- load of the machine before the run (1 min): " + load,
	}
	return strings.Join(lines, "\n") + "\n"
}

func cpuModel() string {
	for line := range strings.Lines(file("/proc/cpuinfo")) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func memoryTotal() string {
	for line := range strings.Lines(file("/proc/meminfo")) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "MemTotal: %d kB", &kib); n == 1 {
			return fmt.Sprintf("%.1f GiB", float64(kib)/(1<<20))
		}
	}
	return "unknown"
}

// load is the number of processes that wanted to run, on average of a minute: other
// work on the machine makes every time longer.
func load() string {
	first, _, _ := strings.Cut(file("/proc/loadavg"), " ")
	return first
}

// file reads a small file; what isn't there is empty.
func file(path string) string {
	content, _ := os.ReadFile(path)
	return string(content)
}
