package client

import (
	"fmt"
	"net/netip"

	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

// Class says what kept an agent from answering.
type Class string

// The classes of errors.
const (
	// Unreachable: no connection, or none that lasted. Reason says which.
	Unreachable Class = "Unreachable"
	// Unauthorized: the agent accepts none of the keys.
	Unauthorized Class = "Unauthorized"
	// StaleClock: the agent's clock and this one are too far apart.
	StaleClock Class = "StaleClock"
	// WrongNode: the agent at this address is of another node.
	WrongNode Class = "WrongNode"
	// Busy: the agent serves as many requests as it can. Ask later.
	Busy Class = "Busy"
	// BadResponse: what came back is not an agent's answer to this request.
	BadResponse Class = "BadResponse"
	// BadRequest: the request is not valid, or the agent says so.
	BadRequest Class = "BadRequest"
	// NoKey: there is no key to sign with. Nothing was sent.
	NoKey Class = "NoKey"
)

// Error is the only type of error that a Client returns. Its text leaves out what
// differs from one attempt to the next.
type Error struct {
	Class Class
	// Reason is the class in the words of a probe's result.
	Reason  wire.Reason
	Address netip.AddrPort
	Message string
	// Err is the cause, if there is one. Its text may differ between attempts.
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	return fmt.Sprintf("the agent at %s: %s: %s", e.Address, e.Class, e.Message)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// reason is the word for a class that isn't Unreachable.
var reason = map[Class]wire.Reason{
	Unauthorized: wire.Unauthorized,
	StaleClock:   wire.StaleClock,
	WrongNode:    wire.WrongPeer,
	Busy:         wire.Busy,
	BadResponse:  wire.BadResponse,
	BadRequest:   wire.BadProbe,
	NoKey:        wire.Failed,
}

// class is what a refusal means to who asked.
var class = map[wire.RefusalReason]Class{
	wire.RefusedUnauthorized: Unauthorized,
	wire.RefusedStaleClock:   StaleClock,
	wire.RefusedWrongNode:    WrongNode,
	wire.RefusedReplay:       BadRequest,
	wire.RefusedBusy:         Busy,
	wire.RefusedTooLarge:     BadRequest,
	wire.RefusedBadRequest:   BadRequest,
}

func failed(at netip.AddrPort, c Class, message string, cause error) *Error {
	return &Error{Class: c, Reason: reason[c], Address: at, Message: message, Err: cause}
}
