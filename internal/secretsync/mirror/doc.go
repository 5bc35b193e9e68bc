// Package mirror decides what becomes of one SecretImport: whether its export
// consents, what the mirror shall hold, and whether the Secret that stands in its
// place may be written. It is pure: it reads facts and returns a plan.
//
// The hazard: the Secret that is written may be somebody else's, may be what a
// running database client depends on, and what is written may be wrong. So the
// plan never overwrites what isn't the import's, keeps the last good data
// whenever the source is in doubt, and names the culprit in its answer.
package mirror
