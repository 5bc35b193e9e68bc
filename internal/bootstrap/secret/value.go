// Package secret reads secrets into memory and keeps them there.
//
// The hazard: a secret leaves a process by a hundred doors, most of them by
// accident: a log line, an error's text, a child's environment, a core dump, swap.
package secret

// Redacted stands for a secret wherever one would be printed.
const Redacted = "[redacted]"

// Value is a secret in memory. It prints as [redacted] in every verb and encoding.
// The zero Value is empty.
type Value struct{ bytes []byte }
