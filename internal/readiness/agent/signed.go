package agent

import (
	"context"
	"io"
	"net/http"
	"strings"

	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

// work answers a body that is authentic.
type work func(ctx context.Context, body []byte) ([]byte, *wire.Refusal)

// signed lets only authentic requests through to the work, at most so many at a
// time, and signs the answers.
func (a *agent) signed(maxBody int64, maxAtOnce int, do work) http.Handler {
	slots := make(chan struct{}, maxAtOnce)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		keys, err := a.Keys()
		if err != nil {
			a.complain("a request came while there is no key that can be used", "error", err)
			http.Error(w, "the agent has no key", http.StatusServiceUnavailable)
			return
		}
		by, refusal := wire.Authenticate(r.Method, r.URL.Path, r.Header, keys, a.Node, a.Clock.Now())
		if refusal != nil {
			a.refuse(w, by, refusal)
			return
		}
		markAuthentic(r.Context())
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		default:
			a.refuse(w, by, &wire.Refusal{Reason: wire.RefusedBusy, Message: "the agent serves as many requests as it can: ask later"})
			return
		}
		answer, refusal := a.answer(r, by, maxBody, do)
		if refusal != nil {
			a.refuse(w, by, refusal)
			return
		}
		reply(w, by, http.StatusOK, answer)
	})
}

func (a *agent) answer(r *http.Request, by wire.Authenticated, maxBody int64, do work) ([]byte, *wire.Refusal) {
	switch a.nonces.take(by.Envelope.Nonce, a.Clock.Now()) {
	case replayed:
		return nil, &wire.Refusal{Reason: wire.RefusedReplay, Message: "this very request was here before: sign each one anew"}
	case full:
		return nil, &wire.Refusal{Reason: wire.RefusedBusy, Message: "too many requests came within minutes: ask less often"}
	}
	body, refusal := read(r, by.Envelope, maxBody)
	if refusal != nil {
		return nil, refusal
	}
	return do(r.Context(), body)
}

// read takes no more memory than the body says it needs.
func read(r *http.Request, envelope wire.Envelope, maxBody int64) ([]byte, *wire.Refusal) {
	if r.ContentLength < 0 {
		return nil, &wire.Refusal{Reason: wire.RefusedBadRequest, Message: "the header Content-Length is missing"}
	}
	if r.ContentLength > maxBody {
		return nil, &wire.Refusal{Reason: wire.RefusedTooLarge, Message: "the body is too large for this path"}
	}
	body := make([]byte, r.ContentLength)
	if _, err := io.ReadFull(r.Body, body); err != nil {
		return nil, &wire.Refusal{Reason: wire.RefusedBadRequest, Message: "the body ends too early"}
	}
	if wire.Digest(body) != envelope.Digest {
		return nil, &wire.Refusal{Reason: wire.RefusedBadRequest, Message: "the body is not the one that was signed"}
	}
	return body, nil
}

// statuses of refusals, of which some proxies and people know more than of reasons.
var statuses = map[wire.RefusalReason]int{
	wire.RefusedUnauthorized: http.StatusUnauthorized,
	wire.RefusedStaleClock:   http.StatusForbidden,
	wire.RefusedWrongNode:    http.StatusMisdirectedRequest,
	wire.RefusedReplay:       http.StatusConflict,
	wire.RefusedBusy:         http.StatusServiceUnavailable,
	wire.RefusedTooLarge:     http.StatusRequestEntityTooLarge,
	wire.RefusedBadRequest:   http.StatusBadRequest,
}

func (a *agent) refuse(w http.ResponseWriter, by wire.Authenticated, refusal *wire.Refusal) {
	a.complain("refused a request", "reason", string(refusal.Reason), "message", refusal.Message)
	if refusal.Reason == wire.RefusedUnauthorized {
		http.Error(w, refusal.Message, http.StatusUnauthorized)
		return
	}
	refusal.Message = strings.ToValidUTF8(refusal.Message[:min(len(refusal.Message), wire.MaxMessage)], "")
	body, err := refusal.Encode()
	if err != nil {
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	reply(w, by, statuses[refusal.Reason], body)
}

func reply(w http.ResponseWriter, by wire.Authenticated, status int, body []byte) {
	by.Envelope.SignResponse(by.Key, status, body, w.Header())
	w.Header().Set("Content-Type", "application/octet-stream")
	w.WriteHeader(status)
	_, _ = w.Write(body) // who asked is gone if this fails
}
