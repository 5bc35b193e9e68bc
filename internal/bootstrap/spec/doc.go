// Package spec is cluster.yaml: what a cluster shall be, as its owner writes it.
//
// The hazard: this file decides which machines are destroyed. So it is read
// strictly, every mistake is found before anything is touched, and no secret can
// stand in it: a secret is always a source that is read into memory later. And as
// somebody may have written a secret into it all the same, no message repeats a
// text of the file that wasn't found to be what its field is for.
//
// Decode is a chain: YAML with its places (document.go), the schema (validate.go,
// formats.go), defaults (defaults.go), and what only several fields together tell
// (check*.go). What is wrong is taken out before the next step, so that one mistake
// hides no other and is reported once.
package spec

//go:generate go run -C ../../.. ./internal/bootstrap/spec/schemagen
