package tailscaleapi

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
)

// caller is who calls, once that is known.
type caller struct {
	oauth bool
	// owner of keys that it makes and lists: the tailnet, or an API token.
	owner string
	// tags of an OAuth client.
	tags []string
}

// tailnetOwned marks the keys of OAuth clients.
const tailnetOwned = "tailnet"

// grant gives an access token for a client's id and secret, in a form or in the
// header. It says what the token may do.
func (s *Server) grant(r *http.Request) (int, any) {
	id, password, basic := r.BasicAuth()
	if !basic {
		id, password = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	for _, client := range s.Clients {
		if client.ID != id || client.Secret != password {
			continue
		}
		token := "tskey-api-" + rand.Text()
		s.tokens[token] = client
		return http.StatusOK, map[string]any{
			"access_token": token, "token_type": "Bearer", "expires_in": 3600,
			"scope": strings.Join(client.Scopes, " "), "tags": strings.Join(client.Tags, " "),
		}
	}
	return unauthorized()
}

// authorized finds out who calls, and refuses who may not.
func (s *Server) authorized(route route) func(*http.Request) (int, any) {
	return func(r *http.Request) (int, any) {
		token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !bearer {
			token, _, _ = r.BasicAuth()
		}
		client, oauth := s.tokens[token]
		switch {
		case !oauth && !slices.Contains(s.APITokens, token):
			return unauthorized()
		case !oauth:
			return route.serve(s, caller{owner: token}, r)
		case !slices.ContainsFunc(client.Scopes, func(scope string) bool { return slices.Contains(route.scopes, scope) }):
			return forbidden()
		}
		return route.serve(s, caller{oauth: true, owner: tailnetOwned, tags: client.Tags}, r)
	}
}
