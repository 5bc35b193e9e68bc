package wire

import (
	"fmt"
	"time"
)

// RefusalReason says why an agent doesn't do what it is asked.
type RefusalReason string

// The reasons of refusals.
const (
	// RefusedUnauthorized is the only one that is not signed: the agent has no key
	// in common with who asks.
	RefusedUnauthorized RefusalReason = "Unauthorized"
	RefusedStaleClock   RefusalReason = "StaleClock"
	RefusedWrongNode    RefusalReason = "WrongNode"
	RefusedReplay       RefusalReason = "Replay"
	RefusedBusy         RefusalReason = "Busy"
	RefusedTooLarge     RefusalReason = "TooLarge"
	RefusedBadRequest   RefusalReason = "BadRequest"
)

var refusalReasons = map[RefusalReason]bool{
	RefusedUnauthorized: true, RefusedStaleClock: true, RefusedWrongNode: true, RefusedReplay: true,
	RefusedBusy: true, RefusedTooLarge: true, RefusedBadRequest: true,
}

// Refusal is the body of a response that refuses a request.
type Refusal struct {
	Reason  RefusalReason `json:"reason"`
	Message string        `json:"message"`
}

// Encode returns the refusal's one encoding.
func (r Refusal) Encode() ([]byte, error) { return encode(r) }

// DecodeRefusal returns the refusal if it has a known reason.
func DecodeRefusal(body []byte) (Refusal, error) {
	var r Refusal
	if err := decode(body, &r); err != nil {
		return Refusal{}, fmt.Errorf("the refusal %w", err)
	}
	if !refusalReasons[r.Reason] || len(r.Message) > MaxMessage {
		return Refusal{}, fmt.Errorf("the refusal's reason %q is unknown, or its message too long", shorten(string(r.Reason)))
	}
	return r, nil
}

// Authenticated is a request whose headers are right. Its body is yet to be held
// against the envelope's digest.
type Authenticated struct {
	Envelope Envelope
	// Key is the one that signed: the answer is signed with it, too.
	Key Key
}

// Authenticate judges a request by its headers alone. A refusal other than
// RefusedUnauthorized comes with who is to be answered.
func Authenticate(method, path string, h Header, keys Keys, node string, now time.Time) (Authenticated, *Refusal) {
	e, err := readEnvelope(method, path, h)
	if err != nil {
		return Authenticated{}, &Refusal{RefusedUnauthorized, "the request is not signed as this version does it: " + err.Error()}
	}
	key, ok := keys.who(e.text(), h.Get(headerSignature))
	if !ok {
		return Authenticated{}, &Refusal{RefusedUnauthorized, "the signature is not of a key that this agent has"}
	}
	by := Authenticated{Envelope: e, Key: key}
	if ahead := now.Sub(e.Time); ahead.Abs() > Window {
		return by, &Refusal{RefusedStaleClock, fmt.Sprintf(
			"the clock of node %s is about %s %s that of who asks: look at the time synchronization of both",
			node, ahead.Abs().Round(time.Minute), map[bool]string{true: "ahead of", false: "behind"}[ahead > 0])}
	}
	if e.Node != node {
		return by, &Refusal{RefusedWrongNode, fmt.Sprintf("the request is for the agent of node %s, and this is the one of node %s", e.Node, node)}
	}
	return by, nil
}

// who takes the same time whichever key it is.
func (k Keys) who(text, signature string) (key Key, ok bool) {
	for _, candidate := range k {
		if candidate.verify(text, signature) {
			key, ok = candidate, true
		}
	}
	return key, ok
}
