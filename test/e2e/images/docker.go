package images

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// command is how a program is run.
type command struct {
	dir    string
	env    []string
	stdin  io.Reader
	stdout io.Writer
}

// run quotes what the program said when it fails. The program ends with this process,
// and the kernel takes the end of the thread that started it for that.
func run(ctx context.Context, c command, name string, args ...string) error {
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env, cmd.Stdin = c.dir, append(os.Environ(), c.env...), c.stdin
	cmd.Stdout, cmd.Stderr = &said, &said
	if c.stdout != nil {
		cmd.Stdout = c.stdout
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, tail(said.String()))
	}
	return nil
}

func tail(text string) string {
	const most = 4000
	if len(text) > most {
		text = "…" + text[len(text)-most:]
	}
	return strings.TrimSpace(text)
}

func docker(ctx context.Context, args ...string) error { return run(ctx, command{}, "docker", args...) }

// removeContainer removes the container with its volumes, if there is one: also when the
// context has ended.
func removeContainer(ctx context.Context, name string) {
	_ = docker(context.WithoutCancel(ctx), "rm", "--force", "--volumes", name)
}

// removeLeftovers removes what killed runs left under such names. The caller holds the
// lock under which they are made.
func removeLeftovers(pattern string) error {
	leftovers, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	var errs []error
	for _, leftover := range leftovers {
		errs = append(errs, os.RemoveAll(leftover))
	}
	return errors.Join(errs...)
}

// exists tells whether Docker has an image of that name.
func exists(ctx context.Context, name string) bool {
	return docker(ctx, "image", "inspect", name) == nil
}

// importFilesystem makes an image of one layer from a tar file.
func importFilesystem(ctx context.Context, tarFile, name string) error {
	return docker(ctx, "import", tarFile, name)
}

// globFiles are the contents of this package's own embedded files, but for its specs.
func globFiles(pattern string) ([]byte, error) {
	names, err := fs.Glob(sources, pattern)
	if err != nil {
		return nil, err
	}
	var all []byte
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		content, err := sources.ReadFile(name)
		if err != nil {
			return nil, err
		}
		all = append(all, content...)
	}
	return all, nil
}
