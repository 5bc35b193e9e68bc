package images

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// What has to be free. Measured on amd64, a first run writes 15 GB, half of that into
// Go's caches, and a later one 2 GB.
const (
	firstRun = 18 << 30 // bytes
	everyRun = 6 << 30
)

// DockerDir is the folder below the cache where the sandbox' Docker keeps its images.
func DockerDir(cache string) string { return filepath.Join(cache, "docker") }

// CheckDisk fails if the disk of the cache would fill up in the midst of a run.
func CheckDisk() error {
	cache, err := cacheDir()
	if err != nil {
		return err
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(cache, &disk); err != nil {
		return fmt.Errorf("free space of %s: %w", cache, err)
	}
	_, err = os.Stat(DockerDir(cache))
	return enough(cache, disk.Bavail*uint64(disk.Bsize), errors.Is(err, fs.ErrNotExist))
}

// enough judges the bytes that are free.
func enough(cache string, free uint64, first bool) error {
	needed := uint64(everyRun)
	if first {
		needed = firstRun
	}
	if free >= needed {
		return nil
	}
	return fmt.Errorf("the disk of %s has %.1f GiB free, and a run needs %d (REBIRTH_CACHE names another folder, GOCACHE and GOMODCACHE those of Go)",
		cache, float64(free)/(1<<30), needed>>30)
}
