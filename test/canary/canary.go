// Package canary finds secrets where none must be. It looks for them as they are, and
// as they come into a log or an object: in base64 and in JSON.
package canary

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
)

// Forms are what to search for to find the secret, which is not empty.
func Forms(secret string) []string {
	forms := append([]string{secret}, inJSON(secret)...)
	for before := range 3 {
		forms = append(forms, inBase64(secret, before))
	}
	slices.Sort(forms)
	return slices.Compact(forms)
}

// In reports whether the secret stands in the text, in any of its forms.
func In(text, secret string) bool {
	return slices.ContainsFunc(Forms(secret), func(form string) bool { return strings.Contains(text, form) })
}

// inBase64 is the part of the encoded secret that depends on nothing else, if so many
// bytes stand before it: base64 takes three at a time.
func inBase64(secret string, before int) string {
	encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", before) + secret))
	return encoded[(before*8+5)/6 : (before+len(secret))*8/6]
}

// inJSON is the secret as it stands in a string, by Go's rules and by most others'.
func inJSON(secret string) []string {
	var forms []string
	for _, escapeHTML := range []bool{true, false} {
		var out bytes.Buffer
		encoder := json.NewEncoder(&out)
		encoder.SetEscapeHTML(escapeHTML)
		_ = encoder.Encode(secret) // a string can always be encoded
		quoted := strings.TrimSpace(out.String())
		forms = append(forms, quoted[1:len(quoted)-1])
	}
	return forms
}
