package proxmox

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/tazzo/rebirth/internal/quote"
)

// maxAnswer bounds an answer: the list of ten thousand machines has 5 MB.
const maxAnswer = 16 << 20

// path of a call: its parts are escaped.
func path(parts ...string) string {
	var b strings.Builder
	for _, part := range parts {
		b.WriteString("/" + url.PathEscape(part))
	}
	return b.String()
}

// call asks the API, and decodes the data of its answer into out unless that is nil.
func (c *Client) call(ctx context.Context, method, path string, params url.Values, out any) error {
	doing := method + " " + path
	ask, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	request, err := c.request(ask, method, path, params)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return c.unanswered(ctx, ask, doing, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return c.unanswered(ctx, ask, doing, err)
	case len(body) > maxAnswer:
		return &Error{Kind: Failed, Doing: doing, Message: fmt.Sprintf("the answer is longer than %d MiB", maxAnswer>>20)}
	case response.StatusCode != http.StatusOK:
		return classify(doing, c.tokenName, response.StatusCode, strings.TrimPrefix(response.Status, fmt.Sprint(response.StatusCode, " ")), body)
	}
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return &Error{Kind: Failed, Doing: doing, Message: "the answer is not Proxmox's: is proxmox.endpoint right? It says: " + quote.Line(string(body), 100)}
	}
	if out == nil || len(a.Data) == 0 || bytes.Equal(a.Data, []byte("null")) {
		return nil
	}
	if err := json.Unmarshal(a.Data, out); err != nil {
		return &Error{Kind: Failed, Doing: doing, Message: fmt.Sprintf("the answer can't be read: %v", err)}
	}
	return nil
}

// request carries parameters as Proxmox takes them: in the query where there is no
// body. The token stands in the header alone.
func (c *Client) request(ctx context.Context, method, path string, params url.Values) (*http.Request, error) {
	address, body := c.base+path, io.Reader(nil)
	switch {
	case len(params) == 0:
	case method == http.MethodPost || method == http.MethodPut:
		body = strings.NewReader(params.Encode())
	default:
		address += "?" + params.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	request.Header.Set("User-Agent", "rebirth-bootstrap")
	request.Header.Set("Authorization", "PVEAPIToken="+string(c.token.Bytes()))
	return request, nil
}

// unanswered says what it means that no answer came, or only half of one.
func (c *Client) unanswered(ctx, ask context.Context, doing string, err error) error {
	var (
		certificate *tls.CertificateVerificationError
		fingerprint *fingerprintError
	)
	switch {
	case ctx.Err() != nil:
		return ended(ctx, doing, "")
	case ask.Err() != nil:
		return &Error{Kind: TimedOut, Doing: doing, Message: fmt.Sprintf("no answer of %s within %s", c.endpoint(), c.timeout), cause: ask.Err()}
	case errors.As(err, &fingerprint):
		return &Error{Kind: Untrusted, Doing: doing, Message: c.endpoint() + ": " + fingerprint.Error(), cause: err}
	case errors.As(err, &certificate):
		return &Error{Kind: Untrusted, Doing: doing, Message: fmt.Sprintf("the certificate of %s can't be verified (%v): give its authority as proxmox.ca, or its SHA-256 as proxmox.fingerprint", c.endpoint(), certificate.Err), cause: err}
	}
	// The URL of *url.Error would say it twice.
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return &Error{Kind: Unreachable, Doing: doing, Message: fmt.Sprintf("%s can't be reached: %v", c.endpoint(), err), cause: err}
}
