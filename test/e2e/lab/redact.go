package lab

import (
	"net/url"
	"slices"
	"strings"

	"github.com/tazzo/rebirth/test/canary"
)

// redactor replaces secrets in a text, whatever form it holds them in.
func redactor(secrets []string) *strings.Replacer {
	var forms []string
	for _, secret := range secrets {
		if secret != "" { // that would be found between any two letters
			forms = append(forms, formsOf(secret)...)
		}
	}
	// Of two that begin at the same place the longer one counts.
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, form := range forms {
		pairs = append(pairs, form, "[redacted]")
	}
	return strings.NewReplacer(pairs...)
}

// formsOf a secret are how it stands in a URL, and in JSON and Base64, also in one within
// the other, such as an object in an annotation; and all of these in quotes of YAML.
func formsOf(secret string) []string {
	password := strings.TrimPrefix(url.UserPassword("", secret).String(), ":")
	forms := []string{url.QueryEscape(secret), url.PathEscape(secret), password}
	for _, form := range canary.Forms(secret) {
		forms = append(forms, canary.Forms(form)...)
	}
	for _, form := range forms {
		forms = append(forms, strings.ReplaceAll(form, "'", "''"))
	}
	return forms
}
