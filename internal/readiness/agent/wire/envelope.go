package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The headers that an Envelope travels in, and the one that signs both ways.
const (
	headerNode      = "Rebirth-Node"
	headerNonce     = "Rebirth-Nonce"
	headerTime      = "Rebirth-Time" // Unix milliseconds
	headerDigest    = "Rebirth-Digest"
	headerSignature = "Rebirth-Signature"
)

// Header is http.Header.
type Header interface {
	Get(name string) string
	Set(name, value string)
}

// Envelope is what is signed of a request. It holds a digest of the body instead of
// the body, so that who receives it can refuse it before reading any of the body.
type Envelope struct {
	Method string
	Path   string
	// Node is where the agent runs that the request is for.
	Node string
	// Nonce is used once: from 16 to 64 letters and digits.
	Nonce string
	// Time is when the request was made, in whole milliseconds.
	Time time.Time
	// Digest of the body; see Digest.
	Digest string
}

// Digest returns the SHA-256 of a body, in hexadecimal digits.
func Digest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// Sign writes the envelope and its signature into the request's headers.
func (e Envelope) Sign(key Key, h Header) {
	h.Set(headerNode, e.Node)
	h.Set(headerNonce, e.Nonce)
	h.Set(headerTime, strconv.FormatInt(e.Time.UnixMilli(), 10))
	h.Set(headerDigest, e.Digest)
	h.Set(headerSignature, key.sign(e.text()))
}

// SignResponse writes the signature of a response to the envelope's request into
// the response's headers.
func (e Envelope) SignResponse(key Key, status int, body []byte, h Header) {
	h.Set(headerSignature, key.sign(e.responseText(status, body)))
}

// VerifyResponse says whether the response was signed by who holds the key, for
// this very request.
func (e Envelope) VerifyResponse(key Key, status int, body []byte, h Header) bool {
	return key.verify(e.responseText(status, body), h.Get(headerSignature))
}

// text is what is signed. No field can hold a newline: readEnvelope sees to it.
func (e Envelope) text() string {
	return strings.Join([]string{
		"rebirth-agent/v1 request", e.Method, e.Path, e.Node, e.Nonce,
		strconv.FormatInt(e.Time.UnixMilli(), 10), e.Digest,
	}, "\n")
}

func (e Envelope) responseText(status int, body []byte) string {
	return strings.Join([]string{
		"rebirth-agent/v1 response", strconv.Itoa(status), Digest(body), e.text(),
	}, "\n")
}

var (
	noncePattern  = regexp.MustCompile(`^[A-Za-z0-9]{16,64}$`)
	digestPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)
	timePattern   = regexp.MustCompile(`^[0-9]{1,15}$`)
)

func readEnvelope(method, path string, h Header) (Envelope, error) {
	e := Envelope{Method: method, Path: path, Node: h.Get(headerNode), Nonce: h.Get(headerNonce), Digest: h.Get(headerDigest)}
	if err := validateNode(e.Node); err != nil {
		return Envelope{}, fmt.Errorf("header %s: %w", headerNode, err)
	}
	if !noncePattern.MatchString(e.Nonce) {
		return Envelope{}, fmt.Errorf("header %s is not from 16 to 64 letters and digits", headerNonce)
	}
	if !digestPattern.MatchString(e.Digest) {
		return Envelope{}, fmt.Errorf("header %s is no SHA-256 in hexadecimal digits", headerDigest)
	}
	if !timePattern.MatchString(h.Get(headerTime)) {
		return Envelope{}, fmt.Errorf("header %s is no time in Unix milliseconds", headerTime)
	}
	milliseconds, err := strconv.ParseInt(h.Get(headerTime), 10, 64)
	if err != nil {
		return Envelope{}, fmt.Errorf("header %s: %w", headerTime, err)
	}
	e.Time = time.UnixMilli(milliseconds).UTC()
	return e, nil
}
