package tailscaleapi_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/tazzo/rebirth/test/tailscaleapi"
)

func TestTailscaleAPI(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Tailscale's API, played")
}

// clientWith is a client with the scopes, by the name of which a token is got.
func clientWith(scopes ...string) tailscaleapi.OAuthClient {
	return tailscaleapi.OAuthClient{ID: strings.Join(scopes, "+"), Secret: "secret", Scopes: scopes, Tags: []string{"tag:a", "tag:b"}}
}

var _ = Describe("The API", func() {
	var server *tailscaleapi.Server
	BeforeEach(func() {
		server = tailscaleapi.Start()
		DeferCleanup(server.Stop)
		server.Clients = []tailscaleapi.OAuthClient{
			clientWith("auth_keys"), clientWith("auth_keys:read"), clientWith("devices:core"), clientWith("devices:core:read"), clientWith("all"),
		}
		server.APITokens = []string{"tskey-api-admin"}
		server.TagOwners = map[string][]string{"tag:a": nil, "tag:b": nil, "tag:c": {"tag:a"}, "tag:d": {"tag:c"}}
		server.AddDevice(tailscaleapi.Device{ID: "1", NodeID: "nOneCNTRL", Name: "one.tail0123.ts.net"})
		server.AddDevice(tailscaleapi.Device{ID: "2", NodeID: "nTwoCNTRL", Name: "two.example.ts.net", IsExternal: true})
	})

	// call calls with the token, or with that of the client of that name.
	call := func(by, method, path, body string) *http.Response {
		GinkgoHelper()
		request, err := http.NewRequest(method, server.URL+"/api/v2"+path, strings.NewReader(body))
		Expect(err).NotTo(HaveOccurred())
		request.Header.Set("Content-Type", "application/json")
		if !strings.HasPrefix(by, "tskey-") {
			by = token(server, by)
		}
		request.Header.Set("Authorization", "Bearer "+by)
		response, err := http.DefaultClient.Do(request)
		Expect(err).NotTo(HaveOccurred())
		return response
	}

	const keys = "/tailnet/-/keys"
	key := func(tags, rest string) string {
		return `{"capabilities":{"devices":{"create":{"reusable":true,"tags":[` + tags + `]}}}` + rest + `}`
	}

	DescribeTable("refuses",
		func(by, method, path, body string, status int, words string) {
			Expect(call(by, method, path, body)).To(And(HaveHTTPStatus(status), HaveHTTPBody(ContainSubstring(words))))
			Expect(server.Devices()).To(HaveLen(2))
			Expect(server.Keys()).To(BeEmpty())
		},
		Entry("a token that nobody has", "tskey-api-none", "GET", "/tailnet/-/devices", "", 401, "API token invalid"),
		Entry("devices without the scope", "auth_keys", "GET", "/tailnet/-/devices", "", 403, "calling actor does not have enough permissions"),
		Entry("to remove a device without the scope", "devices:core:read", "DELETE", "/device/nOneCNTRL", "", 403, "permissions"),
		Entry("to make a key without the scope", "auth_keys:read", "POST", keys, key(`"tag:a","tag:b"`, ""), 403, "permissions"),
		Entry("to list keys without the scope", "devices:core", "GET", keys, "", 403, "permissions"),
		Entry("another tailnet's device", "all", "DELETE", "/device/nTwoCNTRL", "", 501, "cannot delete devices outside of your tailnet"),
		Entry("a device that isn't there", "all", "DELETE", "/device/nNoneCNTRL", "", 404, "not found"),
		Entry("a key that isn't there", "all", "GET", keys+"/kNoneCNTRL", "", 404, "not found"),
		Entry("what it doesn't know", "all", "GET", "/tailnet/-/acl", "", 404, "not found"),
		Entry("a parameter that it doesn't know", "all", "GET", "/tailnet/-/devices?tag=x", "", 400, "unknown parameter"),
		Entry("no JSON", "all", "POST", keys, "reusable", 400, "invalid request body"),
		Entry("a field that it doesn't know", "all", "POST", keys, key(`"tag:a","tag:b"`, `,"lifetime":3`), 400, "invalid request body"),
		Entry("no capabilities", "all", "POST", keys, `{}`, 400, "capabilities"),
		Entry("a life that is too long", "all", "POST", keys, key(`"tag:a","tag:b"`, `,"expirySeconds":7776001`), 400, "invalid expiry"),
		Entry("a description that is too long", "all", "POST", keys, key(`"tag:a","tag:b"`, `,"description":"`+strings.Repeat("x", 51)+`"`), 400, "invalid description"),
		Entry("a description with a dot", "all", "POST", keys, key(`"tag:a","tag:b"`, `,"description":"a.b"`), 400, "invalid description"),
		Entry("no tags for a client", "all", "POST", keys, key("", ""), 400, "tailnet-owned auth key must have tags set"),
		Entry("some of the client's tags", "all", "POST", keys, key(`"tag:a"`, ""), 400, "requested tags [tag:a] are invalid or not permitted"),
		Entry("a tag that the client's don't own", "all", "POST", keys, key(`"tag:d"`, ""), 400, "requested tags [tag:d]"),
		Entry("a tag that isn't in the policy", "tskey-api-admin", "POST", keys, key(`"tag:x"`, ""), 400, "requested tags [tag:x]"),
	)

	DescribeTable("makes keys of",
		func(by, tags string) {
			Expect(call(by, "POST", keys, key(tags, `,"expirySeconds":900,"description":"for a-b 1"`))).To(HaveHTTPStatus(200))
			Expect(server.Keys()).To(HaveLen(1))
		},
		Entry("all of a client's tags", "auth_keys", `"tag:b","tag:a"`),
		Entry("tags that they own", "auth_keys", `"tag:c"`),
		Entry("any tags for an API token", "tskey-api-admin", `"tag:d","tag:b"`),
	)

	It("gives a token for the client's secret alone, and says what it may do", func() {
		Expect(login(server, "auth_keys", "wrong")).To(And(HaveHTTPStatus(401), HaveHTTPBody(ContainSubstring("API token invalid"))))
		Expect(login(server, "auth_keys", "secret")).To(HaveHTTPBody(And(ContainSubstring(`"scope":"auth_keys"`), ContainSubstring(`"tags":"tag:a tag:b"`))))
	})

	It("shows each its own keys, by id alone, and of those that have ended nothing more", func() {
		Expect(call("auth_keys", "POST", keys, key(`"tag:c"`, `,"description":"lent"`))).To(HaveHTTPStatus(200))
		made := server.Keys()[0]
		Expect(call("tskey-api-admin", "GET", keys, "")).To(HaveHTTPBody(MatchJSON(`{"keys":[]}`)))
		Expect(call("auth_keys:read", "GET", keys, "")).To(HaveHTTPBody(MatchJSON(`{"keys":[{"id":"` + made.ID + `"}]}`)))
		Expect(call("auth_keys:read", "GET", keys+"/"+made.ID, "")).To(HaveHTTPBody(And(ContainSubstring("lent"), Not(ContainSubstring(made.Secret)))))

		Expect(call("auth_keys", "DELETE", keys+"/"+made.ID, "")).To(HaveHTTPStatus(200))
		Expect(call("auth_keys", "GET", keys, "")).To(HaveHTTPBody(MatchJSON(`{"keys":[]}`)))
		Expect(call("auth_keys", "GET", keys+"/"+made.ID, "")).To(HaveHTTPBody(And(ContainSubstring(`"invalid":true`), Not(ContainSubstring("lent")))))
		Expect(call("auth_keys", "DELETE", keys+"/"+made.ID, "")).To(HaveHTTPStatus(404))
	})
})

func login(server *tailscaleapi.Server, id, secret string) *http.Response {
	GinkgoHelper()
	response, err := http.PostForm(server.URL+"/api/v2/oauth/token", url.Values{"client_id": {id}, "client_secret": {secret}})
	Expect(err).NotTo(HaveOccurred())
	return response
}

func token(server *tailscaleapi.Server, id string) string {
	GinkgoHelper()
	var answer struct {
		Token string `json:"access_token"`
	}
	response := login(server, id, "secret")
	defer response.Body.Close()
	Expect(json.NewDecoder(response.Body).Decode(&answer)).To(Succeed())
	return answer.Token
}
