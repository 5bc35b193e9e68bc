// Package verifier checks a password against the verifier that PostgreSQL keeps
// for a role, offline. PGO publishes that verifier in a user's Secret, and can't
// tell when somebody set a new password beside the old verifier: such a password
// never logs in, whatever PGO's status says. A match proves only that the two
// belong together, not that the database has the same verifier.
//
// The formats are those of PostgreSQL's get_password_type (src/backend/libpq/crypt.c).
package verifier

import (
	"crypto/md5" // PostgreSQL's own format, still in use
	"crypto/subtle"
	"encoding/hex"
	"strings"

	"github.com/tazzo/rebirth/internal/secretsync/redact"
)

// Verdict is what the check found.
type Verdict int

// The verdicts.
const (
	// Unknown: nothing could be said; Answer.Why says why.
	Unknown Verdict = iota
	// Match: the verifier was made from this password.
	Match
	// Mismatch: it was made from another one.
	Mismatch
)

// String is the verdict's name.
func (v Verdict) String() string {
	switch v {
	case Match:
		return "Match"
	case Mismatch:
		return "Mismatch"
	default:
		return "Unknown"
	}
}

// Answer is the result of a check. It holds no secret.
type Answer struct {
	Verdict Verdict
	// Why is set if the verdict is Unknown.
	Why string
}

// Check reports whether verifier was made from password for user. A verifier
// that is empty (PGO has not filled it yet), of another form, or too costly to
// check is Unknown.
func Check(verifier, user string, password redact.Text) Answer {
	switch {
	case verifier == "":
		return unknown("the verifier is empty")
	case isMD5(verifier):
		return checkMD5(verifier, user, password)
	case strings.HasPrefix(verifier, scramPrefix):
		return checkSCRAM(verifier, password)
	}
	return unknown("the verifier is neither SCRAM-SHA-256 nor md5")
}

const md5Prefix = "md5"

// isMD5 follows get_password_type: "md5" and 32 lower-case hexadecimal digits.
func isMD5(verifier string) bool {
	digits, ok := strings.CutPrefix(verifier, md5Prefix)
	return ok && len(digits) == hex.EncodedLen(md5.Size) && strings.Trim(digits, "0123456789abcdef") == ""
}

// checkMD5 follows pg_md5_encrypt (src/common/md5_common.c): the role's name is
// the salt.
func checkMD5(verifier, user string, password redact.Text) Answer {
	sum := md5.Sum([]byte(password.Reveal() + user))
	return verdict(subtle.ConstantTimeCompare([]byte(verifier), []byte(md5Prefix+hex.EncodeToString(sum[:]))) == 1)
}

func verdict(match bool) Answer {
	if match {
		return Answer{Verdict: Match}
	}
	return Answer{Verdict: Mismatch}
}

func unknown(why string) Answer { return Answer{Verdict: Unknown, Why: why} }
