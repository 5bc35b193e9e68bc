package tailscaleapi

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"time"
)

// Key is an auth key.
type Key struct {
	ID            string
	Secret        string
	Description   string
	Reusable      bool
	Ephemeral     bool
	Preauthorized bool
	Tags          []string
	Created       time.Time
	Expires       time.Time
	Revoked       bool
}

type key struct {
	Key
	owner string
}

// Keys that were made, those that have ended too.
func (s *Server) Keys() []Key {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []Key
	for _, key := range s.keys {
		keys = append(keys, key.Key)
	}
	return keys
}

type capabilities struct {
	Devices struct {
		Create struct {
			Reusable      bool     `json:"reusable"`
			Ephemeral     bool     `json:"ephemeral"`
			Preauthorized bool     `json:"preauthorized"`
			Tags          []string `json:"tags,omitempty"`
		} `json:"create"`
	} `json:"devices"`
}

const (
	day         = 24 * time.Hour
	longestLife = 90 * day
)

var descriptions = regexp.MustCompile(`^[A-Za-z0-9 -]{0,50}$`)

func (s *Server) createKey(c caller, r *http.Request) (int, any) {
	var request struct {
		Capabilities  *capabilities `json:"capabilities"`
		ExpirySeconds int64         `json:"expirySeconds"`
		Description   string        `json:"description"`
	}
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil || r.Header.Get("Content-Type") != "application/json" {
		return badRequest("invalid request body")
	}
	lifetime := time.Duration(request.ExpirySeconds) * time.Second
	if lifetime == 0 {
		lifetime = longestLife
	}
	switch {
	case request.Capabilities == nil:
		return badRequest("capabilities are required")
	case lifetime < 0 || lifetime > longestLife:
		return badRequest("invalid expiry")
	case !descriptions.MatchString(request.Description):
		return badRequest("invalid description")
	}
	create := request.Capabilities.Devices.Create
	if status, answer := s.checkTags(c, create.Tags); status != http.StatusOK {
		return status, answer
	}
	now := s.Now().UTC().Truncate(time.Second)
	id := "k" + rand.Text()[:10] + "CNTRL"
	made := &key{owner: c.owner, Key: Key{
		ID: id, Secret: "tskey-auth-" + id + "-" + rand.Text(), Description: request.Description,
		Reusable: create.Reusable, Ephemeral: create.Ephemeral, Preauthorized: create.Preauthorized, Tags: create.Tags,
		Created: now, Expires: now.Add(lifetime),
	}}
	s.keys = append(s.keys, made)
	answer := s.told(made)
	answer["key"] = made.Secret
	answer["expirySeconds"] = int64(lifetime.Seconds())
	return http.StatusOK, answer
}

// checkTags: those of an OAuth client's keys are exactly its own, or owned by them.
func (s *Server) checkTags(c caller, tags []string) (int, any) {
	permitted := s.known(tags)
	if c.oauth {
		if len(tags) == 0 {
			return badRequest("tailnet-owned auth key must have tags set")
		}
		permitted = permitted && (sameSet(tags, c.tags) || !slices.ContainsFunc(tags, func(tag string) bool { return !s.owns(c.tags, tag) }))
	}
	if !permitted {
		return badRequest(fmt.Sprintf("requested tags %v are invalid or not permitted", tags))
	}
	return http.StatusOK, nil
}

func (s *Server) owns(owners []string, tag string) bool {
	return slices.ContainsFunc(s.TagOwners[tag], func(owner string) bool { return slices.Contains(owners, owner) })
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

func (s *Server) ended(k *key) bool { return k.Revoked || !k.Expires.After(s.Now()) }

// told is what the API says of a key: of one that has ended no more than that.
func (s *Server) told(k *key) map[string]any {
	answer := map[string]any{"id": k.ID, "keyType": "auth", "created": k.Created, "expires": k.Expires}
	if k.Revoked {
		answer["revoked"] = s.Now().UTC()
	}
	if s.ended(k) {
		answer["invalid"] = true
		return answer
	}
	var can capabilities
	create := &can.Devices.Create
	create.Reusable, create.Ephemeral, create.Preauthorized, create.Tags = k.Reusable, k.Ephemeral, k.Preauthorized, k.Tags
	answer["capabilities"], answer["description"] = can, k.Description
	return answer
}

func (s *Server) listKeys(c caller, r *http.Request) (int, any) {
	if len(r.URL.Query()) > 0 {
		return badRequest("unknown parameters")
	}
	ids := []map[string]string{}
	for _, key := range s.keys {
		if key.owner == c.owner && !s.ended(key) {
			ids = append(ids, map[string]string{"id": key.ID})
		}
	}
	return http.StatusOK, map[string]any{"keys": ids}
}

func (s *Server) find(c caller, r *http.Request) *key {
	for _, key := range s.keys {
		if key.ID == r.PathValue("id") && key.owner == c.owner {
			return key
		}
	}
	return nil
}

func (s *Server) getKey(c caller, r *http.Request) (int, any) {
	if key := s.find(c, r); key != nil {
		return http.StatusOK, s.told(key)
	}
	return notFound()
}

func (s *Server) deleteKey(c caller, r *http.Request) (int, any) {
	key := s.find(c, r)
	if key == nil || key.Revoked {
		return notFound()
	}
	key.Revoked = true
	return http.StatusOK, nil
}
