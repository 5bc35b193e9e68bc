package images

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
)

// command is how a program is run.
type command struct {
	dir    string
	env    []string
	stdin  io.Reader
	stdout io.Writer
}

// run quotes what the program said when it fails.
func run(ctx context.Context, c command, name string, args ...string) error {
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env, cmd.Stdin = c.dir, append(os.Environ(), c.env...), c.stdin
	cmd.Stdout, cmd.Stderr = &said, &said
	if c.stdout != nil {
		cmd.Stdout = c.stdout
	}
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

// exists tells whether Docker has an image of that name.
func exists(ctx context.Context, name string) bool {
	return docker(ctx, "image", "inspect", name) == nil
}

// importFilesystem makes an image of one layer from a tar file.
func importFilesystem(ctx context.Context, tarFile, name string) error {
	return docker(ctx, "import", tarFile, name)
}

// globFiles are the contents of this package's own embedded files.
func globFiles(pattern string) ([]byte, error) {
	names, err := fs.Glob(sources, pattern)
	if err != nil {
		return nil, err
	}
	var all []byte
	for _, name := range names {
		content, err := sources.ReadFile(name)
		if err != nil {
			return nil, err
		}
		all = append(all, content...)
	}
	return all, nil
}
