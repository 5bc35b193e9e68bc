package secret

import (
	"bytes"
	"errors"
	"io"
)

// maxSize of a secret in bytes.
const maxSize = 1 << 20

var errTooLong = errors.New("it is longer than 1 MiB, which is too long for a secret")

// buffer collects a secret, and zeroes each array that it grows out of.
type buffer struct{ bytes []byte }

// ReadFrom implements io.ReaderFrom, so that package exec reads a child's output
// straight into the buffer.
func (b *buffer) ReadFrom(r io.Reader) (int64, error) {
	for {
		if len(b.bytes) == cap(b.bytes) {
			b.grow()
		}
		n, err := r.Read(b.bytes[len(b.bytes):cap(b.bytes)])
		b.bytes = b.bytes[:len(b.bytes)+n]
		switch {
		case len(b.bytes) > maxSize:
			return int64(len(b.bytes)), errTooLong
		case err == io.EOF:
			return int64(len(b.bytes)), nil
		case err != nil:
			return int64(len(b.bytes)), err
		}
	}
}

// Write implements io.Writer, which nobody calls where there is a ReadFrom.
func (b *buffer) Write(p []byte) (int, error) {
	_, err := b.ReadFrom(bytes.NewReader(p))
	return len(p), err
}

func (b *buffer) grow() {
	larger := make([]byte, len(b.bytes), max(4096, 2*cap(b.bytes)))
	copy(larger, b.bytes)
	clear(b.bytes)
	b.bytes = larger
}

// readAll reads a secret to its end.
func readAll(r io.Reader) ([]byte, error) {
	var b buffer
	if _, err := b.ReadFrom(r); err != nil {
		clear(b.bytes)
		return nil, err
	}
	return b.bytes, nil
}

// withoutNewline is the text without its newline, \n or \r\n, if that is the only one.
func withoutNewline(text []byte) []byte {
	line, cut := bytes.CutSuffix(text, []byte("\n"))
	if !cut || bytes.ContainsRune(line, '\n') {
		return text
	}
	return bytes.TrimSuffix(line, []byte("\r"))
}
