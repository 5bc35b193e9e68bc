package wire

import (
	"fmt"
	"strings"
	"time"
)

// Response is what an agent found out.
type Response struct {
	Agent Agent `json:"agent"`
	// Results are one for each probe, in the request's order.
	Results []Result `json:"results,omitempty"`
}

// Agent is who answers.
type Agent struct {
	Node   string `json:"node"`
	PodUID string `json:"podUID"`
	// StartedAt is when the agent's process started, by its node's clock.
	StartedAt time.Time `json:"startedAt"`
	// BootID is the node's, as in the Node's status.nodeInfo.bootID; empty where
	// the runtime doesn't show it.
	BootID string `json:"bootID,omitempty"`
}

// Result is the result of the probe of that ID.
type Result struct {
	ID string `json:"id"`
	OK bool   `json:"ok"`
	// Reason is empty if OK.
	Reason Reason `json:"reason,omitempty"`
	// Message is for people. It may also hold a remark on a probe that is OK.
	Message string `json:"message,omitempty"`
	// Duration is in nanoseconds on the wire.
	Duration time.Duration `json:"duration"`
}

// Reason says why a probe failed.
type Reason string

// The reasons.
const (
	// Timeout: nothing came back in time. Packets are lost.
	Timeout Reason = "Timeout"
	// ConnectionRefused: the host is reached, and nothing listens at the port.
	ConnectionRefused Reason = "ConnectionRefused"
	// ConnectionClosed: the connection ended before the answer.
	ConnectionClosed Reason = "ConnectionClosed"
	// NoRoute: the pod's network has no way to the address, or may not use it.
	NoRoute Reason = "NoRoute"
	// NXDomain: DNS says that the name does not exist.
	NXDomain Reason = "NXDomain"
	// ServFail: the DNS server can't resolve the name.
	ServFail Reason = "ServFail"
	// QueryRefused: the DNS server doesn't want to be asked.
	QueryRefused Reason = "QueryRefused"
	// NoAddress: the name exists without an address of the type.
	NoAddress Reason = "NoAddress"
	// WrongAnswer: DNS gives other addresses than wanted.
	WrongAnswer Reason = "WrongAnswer"
	// Truncated: the answer over UDP is cut off before what is wanted.
	Truncated Reason = "Truncated"
	// TLS: the handshake failed, or the certificate can't be verified.
	TLS Reason = "TLS"
	// BadResponse: what answers doesn't speak the protocol.
	BadResponse Reason = "BadResponse"
	// BadPayload: the echo came back with other bytes, or too few.
	BadPayload Reason = "BadPayload"
	// WrongPeer: an agent of another node answered.
	WrongPeer Reason = "WrongPeer"
	// Unauthorized: the other agent doesn't accept the key.
	Unauthorized Reason = "Unauthorized"
	// StaleClock: the two nodes' clocks are more than Window apart.
	StaleClock Reason = "StaleClock"
	// Busy: the other agent has too much to do.
	Busy Reason = "Busy"
	// NotDone: the request's timeout ended before the probe's.
	NotDone Reason = "NotDone"
	// BadProbe: the probe can't be run as it was given.
	BadProbe Reason = "BadProbe"
	// Failed: anything else; the message says what.
	Failed Reason = "Failed"
)

var reasons = map[Reason]bool{
	Timeout: true, ConnectionRefused: true, ConnectionClosed: true, NoRoute: true,
	NXDomain: true, ServFail: true, QueryRefused: true, NoAddress: true, WrongAnswer: true, Truncated: true,
	TLS: true, BadResponse: true, BadPayload: true, WrongPeer: true, Unauthorized: true, StaleClock: true, Busy: true,
	NotDone: true, BadProbe: true, Failed: true,
}

// Encode returns the response's one encoding.
func (r Response) Encode() ([]byte, error) { return encode(r) }

// DecodeResponse returns the response if it answers the request: exactly its
// probes, in its order.
func DecodeResponse(body []byte, to Request) (Response, error) {
	var r Response
	if err := decode(body, &r); err != nil {
		return Response{}, fmt.Errorf("the response %w", err)
	}
	if err := r.Agent.validate(); err != nil {
		return Response{}, fmt.Errorf("the response's agent: %w", err)
	}
	if len(r.Results) != len(to.Probes) {
		return Response{}, fmt.Errorf("the response has %d results for %d probes", len(r.Results), len(to.Probes))
	}
	for i, result := range r.Results {
		if result.ID != to.Probes[i].ID {
			return Response{}, fmt.Errorf("results[%d] is of probe %q instead of %q", i, shorten(result.ID), to.Probes[i].ID)
		}
		if err := result.validate(); err != nil {
			return Response{}, fmt.Errorf("the result of probe %q: %w", result.ID, err)
		}
	}
	return r, nil
}

func (a Agent) validate() error {
	if err := validateNode(a.Node); err != nil {
		return fmt.Errorf("node %w", err)
	}
	if a.StartedAt.IsZero() {
		return fmt.Errorf("startedAt is missing")
	}
	for name, text := range map[string]string{"podUID": a.PodUID, "bootID": a.BootID} {
		if len(text) > maxID || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return fmt.Errorf("%s is no ID", name)
		}
	}
	return nil
}

func (r Result) validate() error {
	switch {
	case r.OK && r.Reason != "":
		return fmt.Errorf("it is OK and has the reason %q", shorten(string(r.Reason)))
	case !r.OK && !reasons[r.Reason]:
		return fmt.Errorf("its reason %q is unknown", shorten(string(r.Reason)))
	case len(r.Message) > MaxMessage:
		return fmt.Errorf("its message has %d bytes: at most %d are possible", len(r.Message), MaxMessage)
	case r.Duration < 0:
		return fmt.Errorf("its duration %s is negative", r.Duration)
	}
	return nil
}
