// Package client asks agents: the controller asks for probes, agents ask each other
// for echoes.
//
// The hazard: an answer of who knows whom would open the gate. So no answer counts
// that isn't signed for this very request, no connection is used twice (one that
// was made before the network broke may outlive it), and no proxy is used.
package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"k8s.io/utils/clock"

	"github.com/tazzo/rebirth/internal/readiness/agent/failure"
	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

// Target is an agent.
type Target struct {
	// Address is the IP of the agent's pod and its port.
	Address netip.AddrPort
	// Node is where the agent must run.
	Node string
}

// Client asks agents. It is safe for concurrent use and holds no connections.
type Client struct {
	keys  func() (wire.Keys, error)
	clock clock.PassiveClock
	http  *http.Client
}

// connecting is how long an address may take to accept a connection: two packets may
// be lost. A node that is off must not take the time of the others.
const connecting = 3500 * time.Millisecond

// New returns a client. keys is called for each request.
func New(keys func() (wire.Keys, error), clock clock.PassiveClock) *Client {
	return &Client{keys: keys, clock: clock, http: &http.Client{
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: connecting}).DialContext,
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: 16 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// grace is how much longer than the request's timeout Ask waits: the agent answers
// at that timeout, with what it knows by then.
const grace = 5 * time.Second

// Ask has the agent run the request's probes. The error is an *Error.
func (c *Client) Ask(ctx context.Context, target Target, request wire.Request) (wire.Response, error) {
	body, err := request.Encode()
	if err != nil {
		return wire.Response{}, failed(target.Address, BadRequest, err.Error(), err)
	}
	ctx, cancel := context.WithTimeout(ctx, request.Timeout+grace)
	defer cancel()
	answer, err := c.post(ctx, target, wire.PathProbes, body)
	if err != nil {
		return wire.Response{}, err
	}
	response, err := wire.DecodeResponse(answer, request)
	if err != nil {
		return wire.Response{}, failed(target.Address, BadResponse, failure.Quote(err.Error()), err)
	}
	if response.Agent.Node != target.Node {
		return wire.Response{}, failed(target.Address, WrongNode, "the response is of the agent of node "+response.Agent.Node, nil)
	}
	return response, nil
}

// Echo sends the payload to the agent and wants it back. The error is an *Error. Its
// Reason is BadPayload if other bytes came back than were sent, or if others arrived
// there than were signed.
func (c *Client) Echo(ctx context.Context, target Target, payload []byte) error {
	answer, err := c.post(ctx, target, wire.PathEcho, payload)
	if err == nil && bytes.Equal(answer, payload) {
		return nil
	}
	e, is := As(err)
	if !is {
		e = failed(target.Address, BadResponse, "the echo is not what was sent", nil)
	}
	if !is || e.Class == BadRequest {
		e.Reason = wire.BadPayload
	}
	return e
}

// post tries the second key if the first one is not accepted: the agent may not
// have the new key yet.
func (c *Client) post(ctx context.Context, target Target, path string, body []byte) ([]byte, error) {
	keys, err := c.keys()
	if err != nil {
		return nil, failed(target.Address, NoKey, err.Error(), err)
	}
	var refused *Error
	for _, key := range keys {
		answer, err := c.exchange(ctx, target, path, key, body)
		if err == nil {
			return answer, nil
		}
		if refused = err; err.Class != Unauthorized {
			break
		}
	}
	if refused == nil {
		refused = failed(target.Address, NoKey, "there is no key", nil)
	}
	return nil, refused
}

func (c *Client) exchange(ctx context.Context, target Target, path string, key wire.Key, body []byte) ([]byte, *Error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+target.Address.String()+path, bytes.NewReader(body))
	if err != nil {
		return nil, failed(target.Address, BadRequest, err.Error(), err)
	}
	envelope := wire.Envelope{
		Method: http.MethodPost, Path: path, Node: target.Node,
		Nonce: rand.Text(), Time: c.clock.Now(), Digest: wire.Digest(body),
	}
	envelope.Sign(key, request.Header)
	response, err := c.http.Do(request)
	if err != nil {
		return nil, unreachable(target.Address, err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, wire.MaxBody+1))
	if err != nil {
		return nil, unreachable(target.Address, err)
	}
	return judge(target.Address, envelope, key, response, answer)
}

// judge takes nothing from an answer that isn't signed, except that the key is not
// accepted.
func judge(at netip.AddrPort, envelope wire.Envelope, key wire.Key, response *http.Response, answer []byte) ([]byte, *Error) {
	signed := envelope.VerifyResponse(key, response.StatusCode, answer, response.Header)
	switch {
	case !signed && response.StatusCode == http.StatusUnauthorized:
		return nil, failed(at, Unauthorized, "it does not accept the key: does its pod mount the Secret as it is now?", nil)
	case !signed && response.StatusCode == http.StatusServiceUnavailable:
		return nil, failed(at, Busy, "it has no key, or too much to do", nil)
	case !signed:
		return nil, failed(at, BadResponse, "the answer is not signed for this request: something else may listen there", nil)
	case response.StatusCode == http.StatusOK:
		return answer, nil
	}
	refusal, err := wire.DecodeRefusal(answer)
	if err != nil {
		return nil, failed(at, BadResponse, failure.Quote(err.Error()), err)
	}
	return nil, failed(at, class[refusal.Reason], failure.Quote(refusal.Message), nil)
}

// unreachable tells the network's errors from those of a peer that speaks no HTTP.
func unreachable(at netip.AddrPort, err error) *Error {
	why, message := failure.Of(err, wire.BadResponse)
	if why == wire.BadResponse {
		return failed(at, BadResponse, message, err)
	}
	e := failed(at, Unreachable, message, err)
	e.Reason = why
	return e
}

// As returns the error of a Client.
func As(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}
