package headscale

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

func (s *Server) config() string { return filepath.Join(s.dir, "config.yaml") }

func (s *Server) policy() string { return filepath.Join(s.dir, "policy.json") }

// environment is all that Headscale gets of one. It wants a home.
func (s *Server) environment() []string { return []string{"HOME=" + s.dir} }

// configuration is Headscale's. A file in YAML may be JSON. STUN has the port of the
// API, over UDP.
func (s *Server) configuration(port int) string {
	address := fmt.Sprintf("127.0.0.1:%d", port)
	type object = map[string]any
	content, err := json.MarshalIndent(object{
		"server_url":             "http://" + address,
		"listen_addr":            address,
		"metrics_listen_addr":    "",
		"unix_socket":            filepath.Join(s.sockets, "headscale.sock"),
		"unix_socket_permission": "0700",
		"noise":                  object{"private_key_path": filepath.Join(s.dir, "noise.key")},
		"database": object{
			"type":   "sqlite",
			"sqlite": object{"path": filepath.Join(s.dir, "db.sqlite")},
		},
		"prefixes": object{"v4": "100.64.0.0/10", "v6": "fd7a:115c:a1e0::/48"},
		"derp": object{
			"server": object{
				"enabled": true, "region_id": 999, "region_code": "loopback", "region_name": "Loopback",
				"private_key_path": filepath.Join(s.dir, "derp.key"), "stun_listen_addr": address,
				// A node that waits in vain for an answer over IPv6 takes 3 s longer, and
				// asks the internet in the meantime whether it is there.
				"ipv4": "127.0.0.1", "ipv6": "none",
			},
			// None of the internet's.
			"urls": []string{}, "auto_update_enabled": false,
		},
		"disable_check_updates": true,
		"dns":                   object{"magic_dns": true, "base_domain": "tailnet.test", "override_local_dns": false},
		"policy":                object{"mode": "file", "path": s.policy()},
		"logtail":               object{"enabled": false},
	}, "", "  ")
	if err != nil {
		panic(err) // it is made of nothing but texts, numbers and switches
	}
	return string(content)
}

func (s *Server) writePolicy(tags []string) error {
	owners := map[string][]string{}
	for _, tag := range tags {
		owners[tag] = []string{s.User + "@"}
	}
	content, err := json.Marshal(map[string]any{
		"tagOwners": owners,
		"acls":      []any{map[string]any{"action": "accept", "src": []string{"*"}, "dst": []string{"*:*"}}},
		"nodeAttrs": []any{map[string]any{"target": []string{"*"}, "attr": []string{"disable-captive-portal-detection"}}},
	})
	if err != nil {
		return err
	}
	return os.WriteFile(s.policy(), content, 0o600)
}
