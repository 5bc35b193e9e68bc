package images

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// What a run writes, measured on amd64: the first one 12 GB up to the node image, half
// of it in Go's caches, and each one as much as its clusters and their volumes take.
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
	return fmt.Errorf("the disk of %s has %.1f GiB free, and a run takes %d (REBIRTH_CACHE names another folder, GOCACHE and GOMODCACHE those of Go)",
		cache, float64(free)/(1<<30), needed>>30)
}
