// Package quote takes what strangers say into messages of ours.
package quote

import (
	"strings"
	"unicode"
)

// Line makes one printable line of a foreign text, of at most limit characters and
// an ellipsis: what a stranger writes must not fill a status or forge a log.
func Line(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	return text
}
