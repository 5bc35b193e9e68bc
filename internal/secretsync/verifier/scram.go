package verifier

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/tazzo/rebirth/internal/secretsync/redact"
)

const (
	scramPrefix = "SCRAM-SHA-256$"
	// maxIterations bounds the time that a hostile Secret can cost: well under a
	// second. PostgreSQL's scram_iterations and PGO's are 4096 by default.
	maxIterations = 1_000_000
)

var encoding = base64.StdEncoding.Strict()

var (
	errForm       = errors.New("the verifier is not of the form SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>")
	errIterations = fmt.Errorf("the verifier has more than %d iterations, too many to check", maxIterations)
)

type scram struct {
	iterations           int
	salt                 []byte
	storedKey, serverKey []byte
}

// parseSCRAM follows parse_scram_secret (src/backend/libpq/auth-scram.c). Its
// errors quote nothing.
func parseSCRAM(verifier string) (scram, error) {
	rest, isSCRAM := strings.CutPrefix(verifier, scramPrefix)
	head, keys, hasKeys := strings.Cut(rest, "$")
	iterations, salt, hasSalt := strings.Cut(head, ":")
	storedKey, serverKey, hasServerKey := strings.Cut(keys, ":")
	if !isSCRAM || !hasKeys || !hasSalt || !hasServerKey {
		return scram{}, errForm
	}
	count, err := strconv.ParseUint(iterations, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange), err == nil && count > maxIterations:
		return scram{}, errIterations
	case err != nil, count == 0:
		return scram{}, errForm
	}
	parsed := scram{iterations: int(count)}
	var errs [3]error
	parsed.salt, errs[0] = encoding.DecodeString(salt)
	parsed.storedKey, errs[1] = encoding.DecodeString(storedKey)
	parsed.serverKey, errs[2] = encoding.DecodeString(serverKey)
	if errors.Join(errs[:]...) != nil || len(parsed.storedKey) != sha256.Size || len(parsed.serverKey) != sha256.Size {
		return scram{}, errForm
	}
	return parsed, nil
}

func checkSCRAM(verifier string, password redact.Text) Answer {
	parsed, err := parseSCRAM(verifier)
	if err != nil {
		return unknown(err.Error())
	}
	match, err := parsed.matches(prepare(password.Reveal()))
	if err != nil {
		return unknown("the keys of the verifier can't be derived: " + err.Error())
	}
	if match {
		return Answer{Verdict: Match}
	}
	for _, other := range otherForms(password.Reveal()) {
		if match, err := parsed.matches(other); err == nil && match {
			return unknown("the verifier was made from this password, but not prepared as PostgreSQL's own clients do: some can log in, some can't")
		}
	}
	return Answer{Verdict: Mismatch}
}

// matches derives both keys as scram_build_secret does (src/common/scram-common.c).
// Both count: the server checks a client by StoredKey, the client the server by
// ServerKey.
func (s scram) matches(prepared string) (bool, error) {
	salted, err := pbkdf2.Key(sha256.New, prepared, s.salt, s.iterations, sha256.Size)
	if err != nil {
		return false, err
	}
	storedKey := sha256.Sum256(sign(salted, "Client Key"))
	return subtle.ConstantTimeCompare(storedKey[:], s.storedKey)&
		subtle.ConstantTimeCompare(sign(salted, "Server Key"), s.serverKey) == 1, nil
}

func sign(key []byte, message string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(message))
	return mac.Sum(nil)
}
