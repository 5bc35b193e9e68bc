package secret

import "golang.org/x/sys/unix"

// allocate makes room for a secret outside of Go's heap. Harden says when the
// kernel doesn't let it be locked.
func allocate(size int) *memory {
	bytes, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return &memory{bytes: make([]byte, size)}
	}
	_ = unix.Mlock(bytes)
	_ = unix.Madvise(bytes, unix.MADV_DONTDUMP)
	return &memory{bytes: bytes, mapped: true}
}

// release zeroes the memory and gives its pages back. The addresses stay reserved:
// a slice that somebody has kept reads zeros, where it would otherwise crash.
func (m *memory) release() {
	clear(m.bytes)
	if m.mapped && len(m.bytes) > 0 {
		_ = unix.Munlock(m.bytes)
		_ = unix.Madvise(m.bytes, unix.MADV_DONTNEED)
	}
	m.bytes = nil
}
