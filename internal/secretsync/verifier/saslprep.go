package verifier

import (
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/xdg-go/stringprep"
	"golang.org/x/text/unicode/norm"
)

// postgresPrep is SASLprep as pg_saslprep has it (src/common/saslprep.c). It
// maps spaces before it drops characters, so that U+200B becomes a space, and it
// looks for prohibited characters before it normalizes; RFC 4013 has both the
// other way round.
var postgresPrep = stringprep.Profile{
	Mappings: func() []stringprep.Mapping {
		mappings := slices.Clone(stringprep.SASLprep.Mappings)
		slices.Reverse(mappings)
		return mappings
	}(),
	Prohibits: stringprep.SASLprep.Prohibits,
	CheckBiDi: true,
}

// prepare returns what PostgreSQL's clients derive the keys from. Like them, it
// takes the bytes as they are if the password is ASCII or can't be prepared.
func prepare(password string) string {
	if isASCII(password) || !utf8.ValidString(password) {
		return password
	}
	mapped, err := postgresPrep.Prepare(password)
	if err != nil || mapped == "" {
		return password
	}
	return norm.NFKC.String(mapped)
}

// otherForms are those that other programs may have used: SASLprep by the
// letter, which PGO applies (its internal/postgres/password/scram.go), and none.
// PostgreSQL's own is not among them.
func otherForms(password string) []string {
	if isASCII(password) {
		return nil
	}
	forms := []string{password}
	if byTheLetter, err := stringprep.SASLprep.Prepare(password); err == nil && byTheLetter != password {
		forms = append(forms, byTheLetter)
	}
	own := prepare(password)
	return slices.DeleteFunc(forms, func(form string) bool { return form == own })
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] > unicode.MaxASCII {
			return false
		}
	}
	return true
}
