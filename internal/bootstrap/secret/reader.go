package secret

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"golang.org/x/term"

	"github.com/tazzo/rebirth/internal/bootstrap/spec"
)

// Reader reads secrets from their sources. It may be used concurrently.
//
// A text of one line loses the line's end, which an editor or echo put there. A
// text of several lines, such as a PEM, is kept to the byte. An empty secret is an
// error. No secret may be longer than 1 MiB.
type Reader struct {
	stdin  io.Reader
	prompt io.Writer

	mu sync.Mutex
	// stdinFor is the field that standard input was read for.
	stdinFor string
	// environ holds what was taken out of the environment, by name.
	environ map[string]Value
}

// NewReader makes a Reader. If stdin is a terminal, the one secret that comes from it
// is asked for on prompt, where nobody else may write meanwhile, and not echoed.
func NewReader(stdin io.Reader, prompt io.Writer) *Reader {
	return &Reader{stdin: stdin, prompt: prompt, environ: map[string]Value{}}
}

// Read reads a field's secret, such as proxmox.token's. It waits no longer than ctx
// lasts. Each call reads the source anew, but for an environment variable, which is
// taken out of the environment by the first; standard input can be read only once.
// The caller owns the Value. Errors name field and source, never what was read.
func (r *Reader) Read(ctx context.Context, field string, source spec.Source) (Value, error) {
	text, err := r.read(ctx, field, source)
	if err == nil && len(withoutNewline(text)) == 0 {
		err = fmt.Errorf("%s gave an empty secret", describe(source))
	}
	if err != nil {
		clear(text)
		return Value{}, fmt.Errorf("%s: %w", field, err)
	}
	return New(withoutNewline(text)), nil
}

func (r *Reader) read(ctx context.Context, field string, source spec.Source) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%s was not read: %w", describe(source), context.Cause(ctx))
	}
	switch {
	case source.Stdin:
		return r.readStdin(ctx, field)
	case source.Env != "":
		return r.readEnv(source.Env)
	case len(source.Command) > 0:
		return readCommand(ctx, source.Command)
	case source.File != "":
		return readFile(source.File)
	}
	return nil, errors.New("there is no source: give one of stdin, env, command and file")
}

// describe names a source as its errors do. Of a command only the program is named:
// nobody knows what stands in its arguments.
func describe(source spec.Source) string {
	switch {
	case source.Stdin:
		return "standard input"
	case source.Env != "":
		return "the environment variable " + source.Env
	case len(source.Command) > 0:
		return "the command " + source.Command[0]
	default:
		return "the file " + source.File
	}
}

func (r *Reader) readEnv(name string) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	value, found := os.LookupEnv(name)
	if found {
		_ = os.Unsetenv(name) // it fails for a name that can't be set
		eraseEnviron(name)
		r.environ[name].Destroy()
		r.environ[name] = New([]byte(value))
	}
	held, known := r.environ[name]
	if !known {
		return nil, fmt.Errorf("the environment variable %s is not set", name)
	}
	return slices.Clone(held.Bytes()), nil
}

func (r *Reader) readStdin(ctx context.Context, field string) ([]byte, error) {
	r.mu.Lock()
	first := r.stdinFor
	if first == "" {
		r.stdinFor = field
	}
	r.mu.Unlock()
	if first != "" {
		return nil, fmt.Errorf("standard input was already read for %s: only one secret can come from it", first)
	}
	if f, ok := r.stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return r.ask(ctx, int(f.Fd()), field)
	}
	text, err := await(ctx, func() ([]byte, error) { return readAll(r.stdin) })
	if err != nil {
		return nil, fmt.Errorf("standard input: %w", err)
	}
	return text, nil
}

// ask reads a line from the terminal without echo, and leaves it as it was, however
// the asking ends.
func (r *Reader) ask(ctx context.Context, terminal int, field string) ([]byte, error) {
	before, err := term.GetState(terminal)
	if err != nil {
		return nil, fmt.Errorf("the terminal: %w", err)
	}
	fmt.Fprintf(r.prompt, "%s (not shown): ", field)
	text, err := await(ctx, func() ([]byte, error) { return term.ReadPassword(terminal) })
	fmt.Fprintln(r.prompt)
	if err != nil {
		_ = term.Restore(terminal, before)
		return nil, fmt.Errorf("the terminal: %w", err)
	}
	return text, nil
}

// await ends with ctx, although reading can't be interrupted. What comes too late is
// zeroed.
func await(ctx context.Context, read func() ([]byte, error)) ([]byte, error) {
	type result struct {
		text []byte
		err  error
	}
	results := make(chan result)
	go func() {
		text, err := read()
		select {
		case results <- result{text, err}:
		case <-ctx.Done():
			clear(text)
		}
	}()
	select {
	case got := <-results:
		return got.text, got.err
	case <-ctx.Done():
		return nil, fmt.Errorf("there was no end of it: %w", context.Cause(ctx))
	}
}
