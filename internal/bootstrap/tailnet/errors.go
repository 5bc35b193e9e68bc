package tailnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
)

// Kinds of failure that a caller tells apart with errors.Is.
var (
	// ErrDenied: the credential is wrong, or lacks the right.
	ErrDenied = errors.New("denied")
	// ErrRefused: the server understood, and doesn't want this, such as a tag.
	ErrRefused = errors.New("refused")
	// ErrNotFound: what was asked for isn't there.
	ErrNotFound = errors.New("not found")
	// ErrTimedOut: no answer in time. What was asked for may have happened.
	ErrTimedOut = errors.New("timed out")
	// ErrUnavailable: the server can't be reached, or can't answer now; it is worth
	// another try.
	ErrUnavailable = errors.New("unavailable")
)

// Error is a call to a control server that failed. It holds no secret, and nothing
// that could hold one.
type Error struct {
	// Kind is one of the Err values above, or context.Canceled.
	Kind error
	// Server that was called.
	Server string
	// Doing is what was tried, such as "list devices".
	Doing string
	// Status of the server's answer; 0: there was none, or it was a success.
	Status int
	// Said is what the server answered, or why there is no answer.
	Said string
	// Way out, if it isn't plain.
	Way string
}

// Error implements error.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s: %s: %v", e.Server, e.Doing, e.Kind)
	if e.Said != "" {
		text += " (" + e.Said + ")"
	}
	if e.Way != "" {
		text += ": " + e.Way
	}
	return text
}

// Unwrap lets errors.Is find the kind.
func (e *Error) Unwrap() error { return e.Kind }

// noKey is for an answer that should hold an auth key.
func noKey(server string) *Error {
	return &Error{Kind: ErrUnavailable, Server: server, Doing: "make an auth key", Said: "its answer holds none: is the endpoint right?"}
}

// statusError is an answer that isn't a success.
type statusError struct {
	status int
	// message is the server's own, short and cleaned of secrets.
	message string
}

func (e *statusError) Error() string {
	if e.message == "" {
		return fmt.Sprintf("%d %s", e.status, http.StatusText(e.status))
	}
	return fmt.Sprintf("%d %s", e.status, e.message)
}

func (e *statusError) kind() error {
	switch {
	case e.status == http.StatusUnauthorized, e.status == http.StatusForbidden:
		return ErrDenied
	case e.status == http.StatusNotFound:
		return ErrNotFound
	case e.status == http.StatusRequestTimeout, e.status == http.StatusGatewayTimeout:
		return ErrTimedOut
	case e.status == http.StatusTooManyRequests, e.status >= http.StatusInternalServerError:
		return ErrUnavailable
	}
	return ErrRefused
}

// statusOf is the status of the answer that err is; 0 if it is none.
func statusOf(err error) int {
	var answer *statusError
	if errors.As(err, &answer) {
		return answer.status
	}
	return 0
}

// classify says why a call failed, in words and as a kind.
func classify(ctx context.Context, err error) (said string, kind error) {
	var answer *statusError
	var network net.Error
	switch {
	case errors.As(err, &answer):
		return answer.Error(), answer.kind()
	case errors.Is(ctx.Err(), context.Canceled):
		return "", context.Canceled
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "", ErrTimedOut
	}
	return unreachable(err), ErrUnavailable
}
