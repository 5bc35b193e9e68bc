package proxmox

import (
	"errors"
	"regexp"

	"github.com/tazzo/rebirth/internal/bootstrap/secret"
)

// tokenShape is USER@REALM!ID=SECRET (PVE::AccessControl's token_full_regex). The
// name of a token is no secret.
var tokenShape = regexp.MustCompile(`^([^\s:/@!=]+@[A-Za-z][A-Za-z0-9._-]+![A-Za-z][A-Za-z0-9._-]+)=[^\s]+$`)

// tokenName checks the token's shape and returns its name, USER@REALM!ID.
func tokenName(token secret.Value) (string, error) {
	match := tokenShape.FindSubmatch(token.Bytes())
	if match == nil {
		return "", errors.New("proxmox.token is not of the form USER@REALM!ID=SECRET, without blanks or line breaks")
	}
	return string(match[1]), nil
}
