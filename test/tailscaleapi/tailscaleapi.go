// Package tailscaleapi plays the API of Tailscale's service, which nothing real can
// stand in for: access tokens, auth keys and devices. Nodes can't join it.
//
// It is strict: a call that isn't listed here, an unknown field, a scope or tag that
// the credential lacks, a description that is too long are refused, in the words
// that Tailscale uses. Its sources:
//
//   - github.com/tailscale/tailscale, publicapi/tailnet.md and device.md: calls,
//     fields, what a key's tags must be, the answer for a key that has ended, and that
//     devices of other tailnets can't be removed;
//   - tailscale.com/client/tailscale/v2 v2.9.0: newer fields, that a list of keys holds
//     ids alone, and {"message": …} as the form of errors;
//   - tailscale.com/docs, OAuth clients and trust credentials: scopes and their calls;
//   - issues 15456 (a token's scope and tags), 15969 (403) and 8299 (400) of
//     tailscale/tailscale, issue 33 of tailscale/gitops-acl-action (401): words.
//
// From memory are the words of a 404, of a request that is malformed, and of a key
// without tags, and that a revoked key can't be revoked again.
package tailscaleapi

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"
)

// OAuthClient is a credential with just the rights that it was given.
type OAuthClient struct {
	ID     string
	Secret string
	Scopes []string
	Tags   []string
}

// Device of the tailnet, in the API's own words.
type Device struct {
	Addresses          []string `json:"addresses"`
	ID                 string   `json:"id"`
	NodeID             string   `json:"nodeId"`
	User               string   `json:"user"`
	Name               string   `json:"name"`     // in MagicDNS, such as web-1.tail0123.ts.net
	Hostname           string   `json:"hostname"` // as the device calls itself
	Created            string   `json:"created"`
	LastSeen           *string  `json:"lastSeen,omitempty"`
	Authorized         bool     `json:"authorized"`
	IsExternal         bool     `json:"isExternal"`
	IsEphemeral        bool     `json:"isEphemeral"`
	ConnectedToControl bool     `json:"connectedToControl"`
	Tags               []string `json:"tags,omitempty"`
}

// Server is the API of one tailnet.
type Server struct {
	// URL of the API.
	URL string
	// Clients and APITokens that may call. An API token may do everything, and owns
	// the keys that it makes.
	Clients   []OAuthClient
	APITokens []string
	// TagOwners is the policy: every tag there is, with the tags that own it.
	TagOwners map[string][]string
	// Now is the time; the real one by default.
	Now func() time.Time
	// Fault answers a request in the API's stead, if it returns true.
	Fault func(http.ResponseWriter, *http.Request) bool

	http    *httptest.Server
	mu      sync.Mutex
	tokens  map[string]OAuthClient
	keys    []*key
	devices []Device
	calls   []string
}

// Start starts the API of an empty tailnet on loopback. Its fields may be set until
// the first request.
func Start() *Server {
	s := &Server{Now: time.Now, tokens: map[string]OAuthClient{}}
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	s.URL = s.http.URL
	return s
}

// Stop ends the API.
func (s *Server) Stop() { s.http.Close() }

// AddDevice lets a device join.
func (s *Server) AddDevice(device Device) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.devices = append(s.devices, device)
}

// Devices of the tailnet.
func (s *Server) Devices() []Device {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.devices)
}

// Calls that were answered, each as its method and path.
func (s *Server) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// route is a call that the API knows.
type route struct {
	pattern string
	// scopes: one of them is needed.
	scopes []string
	serve  func(*Server, caller, *http.Request) (status int, answer any)
}

// What a legacy scope of devices allowed is still allowed.
var (
	readDevices  = []string{"devices:core:read", "devices:core", "devices:read", "devices", "all:read", "all"}
	writeDevices = []string{"devices:core", "devices", "all"}
	readKeys     = []string{"auth_keys:read", "auth_keys", "devices:read", "devices", "all:read", "all"}
	writeKeys    = []string{"auth_keys", "devices", "all"}
)

var routes = []route{
	{"GET /api/v2/tailnet/{tailnet}/devices", readDevices, (*Server).listDevices},
	{"DELETE /api/v2/device/{id}", writeDevices, (*Server).deleteDevice},
	{"GET /api/v2/tailnet/{tailnet}/keys", readKeys, (*Server).listKeys},
	{"POST /api/v2/tailnet/{tailnet}/keys", writeKeys, (*Server).createKey},
	{"GET /api/v2/tailnet/{tailnet}/keys/{id}", readKeys, (*Server).getKey},
	{"DELETE /api/v2/tailnet/{tailnet}/keys/{id}", writeKeys, (*Server).deleteKey},
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if s.Fault != nil && s.Fault(w, r) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, r.Method+" "+r.URL.Path)
	mux := http.NewServeMux()
	mux.HandleFunc("/", answer(func(*http.Request) (int, any) { return notFound() }))
	mux.HandleFunc("POST /api/v2/oauth/token", answer(s.grant))
	for _, route := range routes {
		mux.HandleFunc(route.pattern, answer(s.authorized(route)))
	}
	mux.ServeHTTP(w, r)
}

func answer(serve func(*http.Request) (int, any)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status, body := serve(r)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if body != nil {
			_ = json.NewEncoder(w).Encode(body) // the caller may be gone
		}
	}
}

// message is the form of errors.
type message struct {
	Message string `json:"message"`
}

func notFound() (int, any)              { return http.StatusNotFound, message{"not found"} }
func badRequest(text string) (int, any) { return http.StatusBadRequest, message{text} }
func unauthorized() (int, any)          { return http.StatusUnauthorized, message{"API token invalid"} }

func forbidden() (int, any) {
	return http.StatusForbidden, message{"calling actor does not have enough permissions to perform this function"}
}

func (s *Server) listDevices(c caller, r *http.Request) (int, any) {
	for parameter := range r.URL.Query() {
		if parameter != "fields" {
			return badRequest("unknown parameter " + parameter)
		}
	}
	own := []Device{}
	for _, device := range s.devices {
		// Devices that are shared from elsewhere are seen by users alone.
		if !device.IsExternal || !c.oauth {
			own = append(own, device)
		}
	}
	return http.StatusOK, map[string]any{"devices": own}
}

func (s *Server) deleteDevice(_ caller, r *http.Request) (int, any) {
	i := slices.IndexFunc(s.devices, func(d Device) bool { return r.PathValue("id") == d.NodeID || r.PathValue("id") == d.ID })
	if i < 0 {
		return notFound()
	}
	if s.devices[i].IsExternal {
		return http.StatusNotImplemented, message{"cannot delete devices outside of your tailnet"}
	}
	s.devices = slices.Delete(s.devices, i, i+1)
	return http.StatusOK, nil
}

// known says whether every tag is in the policy.
func (s *Server) known(tags []string) bool {
	return !slices.ContainsFunc(tags, func(tag string) bool {
		_, found := s.TagOwners[tag]
		return !found || !strings.HasPrefix(tag, "tag:")
	})
}
