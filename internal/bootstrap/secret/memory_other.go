//go:build !linux

package secret

func allocate(size int) *memory { return &memory{bytes: make([]byte, size)} }

func (m *memory) release() {
	clear(m.bytes)
	m.bytes = nil
}
