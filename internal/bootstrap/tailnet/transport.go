package tailnet

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/tazzo/rebirth/internal/bootstrap/secret"
)

const (
	// requestTimeout bounds one call, so that one which hangs can be made again
	// before the caller's own deadline.
	requestTimeout = 30 * time.Second
	// mostOfAnAnswer bounds what is read: devices take about 2 KB each.
	mostOfAnAnswer = 64 << 20
	mostOfAnError  = 64 << 10
)

// newTransport is Go's own, which trusts the authorities in ca instead of the
// system's, if there are any.
func newTransport(ca string) (*http.Transport, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if ca == "" {
		return transport, nil
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(ca)) {
		return nil, errors.New("the CA holds no certificate in PEM")
	}
	transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return transport, nil
}

// authenticate returns the token that a request carries.
type authenticate func(context.Context) (string, error)

// always is one token, for ever.
func always(token secret.Value) authenticate {
	return func(context.Context) (string, error) { return string(token.Bytes()), nil }
}

// bearer authenticates requests.
type bearer struct {
	base         http.RoundTripper
	authenticate authenticate
}

// RoundTrip implements http.RoundTripper.
func (b *bearer) RoundTrip(request *http.Request) (*http.Response, error) {
	token, err := b.authenticate(request.Context())
	if err != nil {
		if request.Body != nil {
			_ = request.Body.Close()
		}
		return nil, err
	}
	request = request.Clone(request.Context())
	request.Header.Set("Authorization", "Bearer "+token)
	return b.base.RoundTrip(request)
}

// checked turns every answer that isn't a success into a statusError, redirects too:
// to follow one would carry the credential to wherever it points. A transport
// shouldn't do this, but the clients above it quote whole bodies in their errors, or
// lose the status with a body that isn't JSON.
type checked struct {
	base http.RoundTripper
	// credential that the server may echo.
	credential secret.Value
}

// RoundTrip implements http.RoundTripper.
func (c *checked) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := c.base.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode < 300 {
		response.Body = http.MaxBytesReader(nil, response.Body, mostOfAnAnswer)
		return response, nil
	}
	body, _ := io.ReadAll(io.LimitReader(response.Body, mostOfAnError)) // as much as there is
	_ = response.Body.Close()
	message := messageOf(body, c.credential)
	if location := response.Header.Get("Location"); location != "" {
		message = "a redirect to " + redirect(location)
	}
	return nil, &statusError{status: response.StatusCode, message: message}
}

// redirect is where to, without what may be secret in it.
func redirect(location string) string {
	to, err := url.Parse(location)
	if err != nil {
		return "elsewhere"
	}
	return (&url.URL{Scheme: to.Scheme, Host: to.Host, Path: to.Path}).String()
}

// keys of Tailscale and Headscale: a server may echo what it was sent.
var keys = regexp.MustCompile(`(tskey|hskey)-[A-Za-z0-9_-]+`)

// messageOf is what an error's body says, without the credential: the message of a
// JSON object, or one short line of text. Pages in HTML say nothing.
func messageOf(body []byte, credential secret.Value) string {
	var object struct {
		Message     string `json:"message"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	text := string(body)
	if json.Unmarshal(body, &object) == nil {
		text = cmp.Or(object.Message, object.Description, object.Error)
	}
	if !credential.IsEmpty() {
		text = strings.ReplaceAll(text, string(credential.Bytes()), secret.Redacted)
	}
	text = keys.ReplaceAllString(oneLine(text), secret.Redacted)
	const most = 300
	if strings.HasPrefix(text, "<") || len(text) > most {
		return ""
	}
	return text
}

// oneLine keeps what can be printed: the text comes from afar and goes to a terminal.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, strings.Join(strings.Fields(text), " "))
}

// unreachable describes why there is no answer, or none that makes sense. The URL,
// which http.Client puts in front, tells a reader nothing and is left out.
func unreachable(err error) string {
	var call *url.Error
	if errors.As(err, &call) {
		err = call.Err
	}
	var (
		authority x509.UnknownAuthorityError
		syntax    *json.SyntaxError
		kind      *json.UnmarshalTypeError
	)
	switch {
	case errors.As(err, &authority):
		return "its certificate is signed by an authority that is not trusted here"
	case errors.As(err, &syntax), errors.As(err, &kind):
		return "its answer is not that of this API: is the endpoint right?"
	}
	return keys.ReplaceAllString(err.Error(), secret.Redacted)
}
