// Package secret reads secrets into memory and keeps them there.
//
// The hazard: a secret leaves a process by a hundred doors, most of them by
// accident: a log line, an error's text, a child's environment, a core dump, swap.
//
// What is shut: a [Value] prints as [redacted] however it is printed, lies outside
// of Go's heap in memory that is locked and left out of dumps, and is zeroed when
// it is destroyed. [Harden] switches core dumps off, keeps other processes of the
// same user out of this one's memory, and locks all of it where the kernel permits.
// A [Reader] takes a secret from where it is, and nothing but memory holds it then.
//
// What is not: whoever uses a secret copies it. TLS, gRPC, JSON and HTTP libraries
// hold such copies in Go's heap, which is locked only where Harden may lock the
// whole process, and which nobody zeroes. Root reads everything. A machine that is
// suspended to disk writes its memory there, locked or not.
package secret

import (
	"crypto/subtle"
	"fmt"
	"log/slog"
)

// Redacted stands for a secret wherever one would be printed.
const Redacted = "[redacted]"

// Value is a secret in memory. It prints as [redacted] in every verb and encoding.
// The zero Value is empty. Copies share the memory. Values can't be compared with
// ==, which takes longer the more of two secrets is equal: see [Value.Equal].
type Value struct {
	// A function, because nothing that prints by reflection looks into one: neither
	// fmt, which doesn't ask unexported fields for their words, nor a library that
	// dumps structs.
	memory func() *memory
}

// memory holds one secret. It is mapped if it lies outside of Go's heap.
type memory struct {
	bytes  []byte
	mapped bool
}

// New moves a secret into memory of its own, locked as far as the process' limit
// allows it. It takes b and zeroes it.
func New(b []byte) Value {
	defer clear(b)
	if len(b) == 0 {
		return Value{}
	}
	m := allocate(len(b))
	copy(m.bytes, b)
	return Value{memory: func() *memory { return m }}
}

// Bytes are the secret itself, not a copy. Call it where the secret is used: don't
// change the bytes, and keep neither them nor a copy. After Destroy there are none.
func (v Value) Bytes() []byte {
	if v.memory == nil {
		return nil
	}
	return v.memory().bytes
}

// IsEmpty reports whether there is no secret, or none any more.
func (v Value) IsEmpty() bool { return len(v.Bytes()) == 0 }

// Equal reports whether both hold the same secret. Its time depends on their
// lengths alone.
func (v Value) Equal(other Value) bool {
	return subtle.ConstantTimeCompare(v.Bytes(), other.Bytes()) == 1
}

// Destroy zeroes the secret, for all copies of the Value. Call it once nobody uses
// them any more; more than once does no harm.
func (v Value) Destroy() {
	if v.memory != nil {
		v.memory().release()
	}
}

// String implements fmt.Stringer.
func (Value) String() string { return Redacted }

// Format implements fmt.Formatter, for every verb and flag.
func (Value) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(Redacted)) }

// MarshalText implements encoding.TextMarshaler; JSON, YAML and log encoders use it.
func (Value) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// LogValue implements slog.LogValuer.
func (Value) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalLog implements logr.Marshaler.
func (Value) MarshalLog() any { return Redacted }
