package tailnet

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/tazzo/rebirth/internal/bootstrap/secret"
)

// OAuthClient of Tailscale: the recommended credential, for it has just the rights
// that it needs, and makes keys of just its tags.
type OAuthClient struct {
	ID     string
	Secret secret.Value
}

// The scopes of an OAuth client that bootstrap needs. The wider ones that hold them
// are "all", and the legacy "devices".
const (
	scopeKeys    = "auth_keys"
	scopeDevices = "devices:core"
)

// missingScopes are those that a token lacks, by what Tailscale says of it. Where it
// says nothing, the calls themselves will tell.
func missingScopes(told string) []string {
	scopes := strings.Fields(told)
	if len(scopes) == 0 || slices.Contains(scopes, "all") || slices.Contains(scopes, "devices") {
		return nil
	}
	var missing []string
	for _, scope := range []string{scopeKeys, scopeDevices} {
		if !slices.Contains(scopes, scope) {
			missing = append(missing, scope)
		}
	}
	return missing
}

// oauthTokens are the access tokens of an OAuth client, each of them used for the
// hour that it lives. The token source of package oauth2 would do, if it knew the
// context of the request that needs a token.
type oauthTokens struct {
	client   OAuthClient
	endpoint string
	http     *http.Client
	// current is the token in use; whoever holds the channel's one element may
	// look at it, and wait no longer for it than its own context.
	current chan *oauth2.Token
}

func newOAuthTokens(client OAuthClient, endpoint string, base http.RoundTripper) *oauthTokens {
	tokens := &oauthTokens{
		client: client, endpoint: endpoint, current: make(chan *oauth2.Token, 1),
		http: &http.Client{Timeout: requestTimeout, Transport: &checked{base: base, credential: client.Secret}},
	}
	tokens.current <- nil
	return tokens
}

// tokenError is a failure to get a token: the credential's, not the call's.
type tokenError struct{ err error }

func (e *tokenError) Error() string { return e.err.Error() }
func (e *tokenError) Unwrap() error { return e.err }

// token is the one in use, or a new one.
func (o *oauthTokens) token(ctx context.Context) (*oauth2.Token, error) {
	var token *oauth2.Token
	select {
	case token = <-o.current:
	case <-ctx.Done():
		return nil, &tokenError{ctx.Err()}
	}
	defer func() { o.current <- token }()
	if token.Valid() {
		return token, nil
	}
	config := clientcredentials.Config{
		ClientID: o.client.ID, ClientSecret: string(o.client.Secret.Bytes()),
		TokenURL: o.endpoint + "/api/v2/oauth/token", AuthStyle: oauth2.AuthStyleInParams,
	}
	fresh, err := config.Token(context.WithValue(ctx, oauth2.HTTPClient, o.http))
	if err != nil {
		return nil, &tokenError{err}
	}
	token = fresh
	return token, nil
}

// authenticate is for bearer.
func (o *oauthTokens) authenticate(ctx context.Context) (string, error) {
	token, err := o.token(ctx)
	if err != nil {
		return "", err
	}
	return token.AccessToken, nil
}

// told is what Tailscale said of the token: the scopes and tags of the client.
func told(token *oauth2.Token, field string) string {
	text, _ := token.Extra(field).(string)
	return text
}
