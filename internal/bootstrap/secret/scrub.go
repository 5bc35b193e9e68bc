package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
)

// shortest is the length below which nothing is looked for in a text: it would be
// found everywhere.
const shortest = 6

// Scrub takes secrets out of a foreign text, such as the message of an API that
// repeats what it was sent. It finds them as they are, as JSON and URLs escape them
// and in base64, and each longer line of a secret of several lines. Secrets of fewer
// than 6 bytes are not looked for.
func Scrub(text string, secrets ...Value) string {
	var forms [][]byte
	for _, v := range secrets {
		forms = append(forms, formsOf(v.Bytes())...)
	}
	// What is part of something longer must not break that up.
	slices.SortStableFunc(forms, func(a, b []byte) int { return len(b) - len(a) })
	scrubbed := []byte(text)
	for _, form := range forms {
		if len(form) >= shortest {
			scrubbed = bytes.ReplaceAll(scrubbed, form, []byte(Redacted))
		}
		clear(form)
	}
	return string(scrubbed)
}

func formsOf(secret []byte) [][]byte {
	forms := [][]byte{slices.Clone(secret)}
	if lines := bytes.Split(secret, []byte("\n")); len(lines) > 1 {
		for _, line := range lines {
			if line = bytes.TrimSpace(line); len(line) >= 16 {
				forms = append(forms, slices.Clone(line))
			}
		}
	}
	quoted, _ := json.Marshal(string(secret)) // a string always can be
	return append(forms,
		quoted[1:len(quoted)-1],
		[]byte(url.QueryEscape(string(secret))),
		[]byte(url.PathEscape(string(secret))),
		base64.StdEncoding.AppendEncode(nil, secret),
	)
}
