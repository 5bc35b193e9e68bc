package secret

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// readFile reads a file that lies in memory and that its owner alone can read. Links
// are followed: what counts is where the opened file lies.
func readFile(path string) ([]byte, error) {
	// A pipe must not block until somebody opens its other end.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("the file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("the file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	if err := inMemory(f); err != nil {
		return nil, fmt.Errorf("the file %s %w: put it below %s, or let another source give the secret", path, err, memoryPaths())
	}
	if others := info.Mode().Perm() & 0o077; others != 0 {
		return nil, fmt.Errorf("the file %s has mode %04o, so that others can reach it: chmod 600 it", path, info.Mode().Perm())
	}
	text, err := readAll(f)
	if err != nil {
		return nil, fmt.Errorf("the file %s: %w", path, err)
	}
	return text, nil
}

// CheckPath reports whether [WriteFile] could write to path, as far as that can be
// known beforehand: its directory exists, can be written to and lies on tmpfs or
// ramfs, and path is a regular file or nothing.
func CheckPath(path string) error {
	dir, err := openDir(path)
	if err != nil {
		return err
	}
	return dir.Close()
}

// CheckStream reports whether a secret may be written to a file that somebody else
// has opened, such as standard output: a pipe or a terminal passes it on, and a
// regular file must lie on tmpfs or ramfs.
func CheckStream(f *os.File) error {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	if err := inMemory(f); err != nil {
		return fmt.Errorf("%s %w: pipe it to where you keep secrets, or send it below %s", f.Name(), err, memoryPaths())
	}
	return nil
}

// WriteFile writes a secret to a file with mode 0600, whose directory must lie on
// tmpfs or ramfs. Readers see the file that was there or the new one, whole. A file
// that was there is replaced; a link or anything else that is no regular file is
// refused.
func WriteFile(path string, v Value) (err error) {
	dir, err := openDir(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	name := filepath.Base(path)
	temporary := "." + name + "." + rand.Text()
	f, err := dir.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", path, errors.Join(err, dir.Remove(temporary)))
		}
	}()
	_, err = f.Write(v.Bytes())
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return dir.Rename(temporary, name)
}

// openDir opens the directory of a file that shall be written. Whoever replaces
// path's directories afterwards doesn't change where the file goes.
func openDir(path string) (*os.Root, error) {
	dir, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("%s: its directory: %w", path, err)
	}
	if err := checkTarget(dir, filepath.Base(path)); err != nil {
		_ = dir.Close()
		return nil, fmt.Errorf("%s %w", path, err)
	}
	return dir, nil
}

func checkTarget(dir *os.Root, name string) error {
	opened, err := dir.Open(".")
	if err != nil {
		return fmt.Errorf("can't be written: %w", err)
	}
	defer opened.Close()
	if err := inMemory(opened); err != nil {
		return fmt.Errorf("%w, and a secret must not reach a disk: write it to standard output and pipe it, or use a path below %s", err, memoryPaths())
	}
	if err := unix.Faccessat(int(opened.Fd()), ".", unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		return fmt.Errorf("can't be written: its directory: %w", err)
	}
	info, err := dir.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("can't be written: %w", err)
	case info.Mode()&fs.ModeSymlink != 0:
		return errors.New("is a link, which is not followed: name the file itself")
	case !info.Mode().IsRegular():
		return errors.New("is not a regular file: name one, or nothing that exists")
	}
	return nil
}

func memoryPaths() string { return fmt.Sprintf("/run/user/%d or /dev/shm", os.Getuid()) }
