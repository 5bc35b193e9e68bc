package figures

import (
	"fmt"
	"strings"
)

// Memory of a process, in bytes.
type Memory struct {
	Resident int64 // VmRSS
	Peak     int64 // VmHWM, of VmRSS
	// Anonymous is the part of Resident that no file can give back (RssAnon): the
	// rest is the binary's own pages.
	Anonymous int64
}

// ParseMemory reads /proc/<pid>/status (proc_pid_status(5)).
func ParseMemory(status string) (Memory, error) {
	var m Memory
	fields := map[string]*int64{"VmRSS:": &m.Resident, "VmHWM:": &m.Peak, "RssAnon:": &m.Anonymous}
	for line := range strings.Lines(status) {
		name, value, _ := strings.Cut(line, "\t")
		into, ok := fields[name]
		if !ok {
			continue
		}
		if _, err := fmt.Sscanf(value, "%d kB", into); err != nil {
			return Memory{}, fmt.Errorf("the line %q of a process's status: %w", strings.TrimSpace(line), err)
		}
		*into <<= 10
		delete(fields, name)
	}
	if len(fields) > 0 {
		return Memory{}, fmt.Errorf("a process's status lacks %d of the lines VmRSS, VmHWM and RssAnon", len(fields))
	}
	return m, nil
}
