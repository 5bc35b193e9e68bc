package proxmox

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// sight is what was seen of a host.
type sight struct {
	online   bool
	storages map[string]storage
	bridges  map[string]bridge
}

type storage struct {
	Name    string `json:"storage"`
	Content string `json:"content"`
	Enabled text   `json:"enabled"`
	Active  text   `json:"active"`
}

func (s storage) holds(content string) bool {
	return slices.Contains(strings.Split(s.Content, ","), content)
}

// bridge of a host, or a virtual network of its SDN.
type bridge struct {
	Name string `json:"iface"`
	Type string `json:"type"`
}

// isVirtual says whether the bridge is a virtual network. Those have zones of their
// own, and are shown only to tokens that have a privilege on them.
func (s *sight) isVirtual(bridge string) bool {
	return s != nil && s.bridges[bridge].Type == "vnet"
}

// look sees those of the hosts that exist.
func (c *Client) look(ctx context.Context, hosts []string) (map[string]*sight, error) {
	var nodes []struct {
		Name   string `json:"node"`
		Status string `json:"status"`
	}
	if err := c.call(ctx, http.MethodGet, path("nodes"), nil, &nodes); err != nil {
		return nil, err
	}
	sights := map[string]*sight{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for _, node := range nodes {
		if !slices.Contains(hosts, node.Name) {
			continue
		}
		s := &sight{online: node.Status == "online"}
		sights[node.Name] = s
		if s.online {
			group.Go(func() error { return c.lookAt(ctx, node.Name, s) })
		}
	}
	return sights, group.Wait()
}

func (c *Client) lookAt(ctx context.Context, host string, s *sight) error {
	var (
		storages []storage
		bridges  []bridge
	)
	if err := c.call(ctx, http.MethodGet, path("nodes", host, "storage"), nil, &storages); err != nil {
		return err
	}
	if err := c.call(ctx, http.MethodGet, path("nodes", host, "network"), url.Values{"type": {"any_bridge"}}, &bridges); err != nil {
		return err
	}
	s.storages, s.bridges = map[string]storage{}, map[string]bridge{}
	for _, storage := range storages {
		s.storages[storage.Name] = storage
	}
	for _, bridge := range bridges {
		s.bridges[bridge.Name] = bridge
	}
	return nil
}

// held asks for the privileges that the token has on each path of wanted: Proxmox
// alone knows what comes from pools, groups and roles.
func (c *Client) held(ctx context.Context, wanted privileges) (privileges, error) {
	var mu sync.Mutex
	held := privileges{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for acl := range wanted {
		group.Go(func() error {
			// The value of a privilege says whether it holds further down, too.
			var answer map[string]map[string]text
			if err := c.call(ctx, http.MethodGet, path("access", "permissions"), url.Values{"path": {acl}}, &answer); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			for name := range answer[acl] {
				held.add(acl, name)
			}
			return nil
		})
	}
	return held, group.Wait()
}
