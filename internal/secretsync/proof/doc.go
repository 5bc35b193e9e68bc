// Package proof decides what becomes of one SecretExport: whether its source is
// settled, whether its password is proven, which revision imports may copy, and
// when to try again. It is pure: it reads facts and returns a plan.
//
// The hazard: no status field of PGO means "this password logs in". After a
// restore the old one does for a moment; after an in-place restore the old one
// does for ever. A revision is published only when the database, or at least the
// verifier beside it, has not contradicted it.
package proof
