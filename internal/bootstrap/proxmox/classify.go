package proxmox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/tazzo/rebirth/internal/quote"
)

// Proxmox has one status, 500, for all that its programs die of: the text is all
// there is to tell one cause from another. These are the texts (pve-common,
// pve-guest-common, pve-cluster, qemu-server and pve-storage as of Proxmox VE 8.4
// and 9); nothing else in this package reads prose.
var (
	permissionText = regexp.MustCompile(`^Permission check failed(?: \((/[^,]*), ([A-Za-z.|]+)([^)]*)\))?`)
	kindsByText    = []struct {
		kind Kind
		text *regexp.Regexp
	}{
		{Locked, regexp.MustCompile(`can't lock file .* got timeout|got lock (request )?timeout|(VM|CT) is locked \(`)},
		{Conflict, regexp.MustCompile(`(VM|CT) \d+ already exists|checksum mismatch \(file change by other user`)},
		{NotFound, regexp.MustCompile(`does not exist|no such (cluster node|VM|logical volume)`)},
	}
)

// kindOf is what a message of a program of Proxmox means, be it an answer with
// status 500 or the exit status of a task.
func kindOf(message string) Kind {
	for _, candidate := range kindsByText {
		if candidate.text.MatchString(message) {
			return candidate.kind
		}
	}
	return Failed
}

// answer is the body of every answer.
type answer struct {
	Data    json.RawMessage `json:"data"`
	Message string          `json:"message"`
	Errors  map[string]any  `json:"errors"`
}

// classify says what an answer other than success means. token is the token's name.
func classify(doing, token string, status int, reason string, body []byte) *Error {
	var a answer
	if err := json.Unmarshal(bytes.TrimSpace(body), &a); err != nil || a.Message == "" {
		// The message is in the body since Proxmox VE 8.4, and always in the status line.
		a.Message = reason
	}
	e := &Error{Doing: doing, Message: quote.Line(strings.TrimSpace(a.Message), 300)}
	switch {
	case status == http.StatusUnauthorized:
		e.Kind = Unauthorized
		e.Message = fmt.Sprintf("Proxmox does not accept the token %s (%s): is its secret right, is it expired, or its user disabled? See: pveum user token list %s",
			token, e.Message, strings.Split(token, "!")[0])
	case status == http.StatusForbidden:
		return denied(e, token)
	case status == http.StatusBadRequest && len(a.Errors) > 0:
		e.Kind, e.Parameters = Invalid, map[string]string{}
		for name, text := range a.Errors {
			e.Parameters[name] = quote.Line(strings.TrimSpace(fmt.Sprint(text)), 300)
		}
		e.Message = "Proxmox refuses " + list(e.Parameters)
	case status == http.StatusNotFound:
		e.Kind = NotFound
	case status == http.StatusRequestTimeout, status == http.StatusGatewayTimeout:
		e.Kind = TimedOut
	case status >= 595 && status <= 599, status == http.StatusBadGateway, status == http.StatusServiceUnavailable:
		// 595 to 599 are AnyEvent's, for a host that the one we speak to can't reach.
		e.Kind, e.Message = Unreachable, fmt.Sprintf("the host behind the API can't be reached (%d %s)", status, e.Message)
	case status == http.StatusInternalServerError:
		e.Kind = kindOf(a.Message)
	default:
		e.Kind, e.Message = Failed, fmt.Sprintf("status %d: %s", status, e.Message)
	}
	return e
}

func list(parameters map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		parts = append(parts, name+" ("+parameters[name]+")")
	}
	return strings.Join(parts, ", ")
}

// denied reads what lacks from Proxmox's message, which now and then doesn't say it.
func denied(e *Error, token string) *Error {
	e.Kind = Denied
	match := permissionText.FindStringSubmatch(e.Message)
	if match == nil || match[1] == "" {
		e.Message = fmt.Sprintf("Proxmox denies it to the token %s (%s)", token, e.Message)
		return e
	}
	e.Path, e.Privilege = match[1], match[2]
	e.Message = lacks(token, e.Privilege+match[3], e.Path) // the rest says what for
	return e
}

// lacks names what a token needs, and the way out.
func lacks(token, privileges string, paths ...string) string {
	return fmt.Sprintf("the token %s lacks %s on %s. Give it a role that has it: pveum acl modify %s --tokens '%s' --roles ROLE. With privilege separation its user needs it, too",
		token, privileges, strings.Join(paths, ", "), paths[0], token)
}

// needing says what a denied call needs where Proxmox leaves it out.
func (c *Client) needing(err error, path, privilege string) error {
	var e *Error
	if errors.As(err, &e) && e.Kind == Denied && e.Path == "" {
		return &Error{Kind: Denied, Doing: e.Doing, Path: path, Privilege: privilege, Message: lacks(c.tokenName, privilege, path)}
	}
	return err
}
