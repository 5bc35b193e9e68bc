// Package redact has the types that carry secrets through secret-sync. However
// one of them is printed, logged or marshalled, it says "[redacted]".
//
// Package fmt asks a field for its words only if it is exported, and not at all
// while it complains about a verb that doesn't fit a pointer within a struct. So a
// struct that holds one of these types in an unexported field, or is pointed to by
// others, has a Format of its own.
package redact

import (
	"fmt"
	"log/slog"
)

const redacted = "[redacted]"

// Text is a secret text, such as a password.
type Text string

// Format implements fmt.Formatter, for every verb and flag.
func (Text) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(redacted)) }

// MarshalText implements encoding.TextMarshaler; JSON, YAML and log encoders use it.
func (Text) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue implements slog.LogValuer.
func (Text) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalLog implements logr.Marshaler.
func (Text) MarshalLog() any { return redacted }

// Reveal returns the secret. Call it where the secret is used, not before.
func (t Text) Reveal() string { return string(t) }

// Data is the content of a Secret.
type Data map[string][]byte

// Format implements fmt.Formatter, for every verb and flag.
func (Data) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(redacted)) }

// MarshalText implements encoding.TextMarshaler; JSON, YAML and log encoders use it.
func (Data) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue implements slog.LogValuer.
func (Data) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalLog implements logr.Marshaler.
func (Data) MarshalLog() any { return redacted }
