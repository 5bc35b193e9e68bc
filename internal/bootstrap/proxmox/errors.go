package proxmox

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Kind tells errors apart that call for different answers. Each is a target of
// errors.Is.
type Kind string

// The kinds.
const (
	// NotFound: what the call is about does not exist.
	NotFound Kind = "not found"
	// Unauthorized: the token is unknown, expired or wrong.
	Unauthorized Kind = "not authorized"
	// Denied: the token is known, and lacks a privilege.
	Denied Kind = "permission denied"
	// Invalid: the API refuses a parameter.
	Invalid Kind = "invalid parameters"
	// Conflict: somebody else has the number, or changed the machine meanwhile.
	Conflict Kind = "conflict"
	// Locked: somebody else works on the machine or the storage now.
	Locked Kind = "locked"
	// TimedOut: no answer in time.
	TimedOut Kind = "timed out"
	// Unreachable: the API, or a host behind it, could not be spoken to.
	Unreachable Kind = "unreachable"
	// Untrusted: the API's certificate is not the one that was asked for.
	Untrusted Kind = "untrusted"
	// Failed: any other failure that Proxmox reports, such as a failed task.
	Failed Kind = "failed"
	// Refused: this package does not do it, for the machine is not the one that it
	// was asked about, or its owner protects it.
	Refused Kind = "refused"
)

func (k Kind) Error() string { return string(k) }

// Error is whatever went wrong with Proxmox. It holds no secret.
type Error struct {
	Kind Kind
	// Doing is what was being done, such as "GET /version" or "start VM 101".
	Doing string
	// Message is what Proxmox or the network said, and the way out, in one line.
	Message string
	// Path and Privilege are what the token lacks, where Proxmox names it. Privilege
	// may be several, of which one is enough: "Datastore.Audit|Datastore.AllocateSpace".
	Path, Privilege string
	// Parameters is what the API says of each parameter that it refuses.
	Parameters map[string]string

	cause error
}

func (e *Error) Error() string {
	if e.Doing == "" {
		return e.Message
	}
	return e.Doing + ": " + e.Message
}

// Is makes every Kind a target of errors.Is.
func (e *Error) Is(target error) bool {
	kind, ok := target.(Kind)
	return ok && kind == e.Kind
}

func (e *Error) Unwrap() error { return e.cause }

// ended is the error of something that ctx put an end to. state says how far it was.
func ended(ctx context.Context, doing, state string) error {
	cause := context.Cause(ctx)
	e := &Error{Kind: Failed, Doing: doing, Message: "interrupted", cause: cause}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		e.Kind, e.Message = TimedOut, "not done in time"
	}
	if state != "" {
		e.Message += "; last: " + strings.TrimPrefix(state, doing+": ")
	}
	if !errors.Is(cause, ctx.Err()) {
		e.Message += fmt.Sprintf(" (%v)", cause)
	}
	return e
}
