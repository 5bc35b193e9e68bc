package sandbox

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// What a sandbox makes outside of its namespaces carries the number of its process, so
// that the next one can tell what a killed one left from what another one uses.
const (
	folderPrefix = "rebirth-sandbox-"
	cgroupPrefix = "rebirth-e2e-"
	cgroupRoot   = "/sys/fs/cgroup"
)

// removeLeftovers removes the folders and control groups of processes that are no more.
func removeLeftovers(temp, cgroups string, alive func(pid int) bool) error {
	folders, err := filepath.Glob(filepath.Join(temp, folderPrefix+"*"))
	if err != nil {
		return err
	}
	var errs []error
	for _, folder := range folders {
		if pid, ok := owner(folder, folderPrefix); ok && !alive(pid) {
			errs = append(errs, os.RemoveAll(folder))
		}
	}
	errs = append(errs, removeCgroups(cgroups, cgroupPrefix+"*", alive))
	return errors.Join(errs...)
}

// owner is the process whose number stands in a name.
func owner(path, prefix string) (pid int, ok bool) {
	number, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(path), prefix), "-")
	pid, err := strconv.Atoi(number)
	return pid, err == nil && pid > 0
}

func alive(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// removeCgroups removes the control groups of that name that the kernel left when it
// ended what ran in them. With alive it spares those whose process is.
func removeCgroups(root, name string, alive func(pid int) bool) error {
	var groups []string
	for _, hierarchy := range []string{root, filepath.Join(root, "*")} { // cgroup v2 has one, v1 has several
		found, err := filepath.Glob(filepath.Join(hierarchy, name))
		if err != nil {
			return err
		}
		groups = append(groups, found...)
	}
	for _, group := range groups {
		if pid, ok := owner(group, cgroupPrefix); alive == nil || ok && !alive(pid) {
			removeCgroup(group)
		}
	}
	return nil
}

func removeCgroup(root string) {
	var dirs []string
	_ = filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			dirs = append(dirs, path)
		}
		return nil // gone meanwhile is as good
	})
	for i := len(dirs) - 1; i >= 0; i-- {
		_ = syscall.Rmdir(dirs[i])
	}
}
