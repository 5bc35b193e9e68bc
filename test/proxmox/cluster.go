package proxmox

import (
	"slices"
	"strings"
)

func (s *Server) version(*call) (any, *failure) {
	release := strings.Join(strings.Split(s.options.Version, ".")[:2], ".")
	return map[string]any{"version": s.options.Version, "release": release, "repoid": "0123456789abcdef"}, nil
}

// permissions of the token itself, by path.
func (s *Server) permissions(c *call) (any, *failure) {
	paths := sorted(c.token.Privileges)
	if path := c.params["path"]; path != "" {
		paths = []string{path}
	}
	held := map[string]map[string]int{}
	for _, path := range paths {
		held[path] = map[string]int{}
		for _, name := range c.token.privileges(path) {
			held[path][name] = 1
		}
	}
	return held, nil
}

func (s *Server) nodes(*call) (any, *failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	nodes := []map[string]any{}
	for _, host := range s.options.Hosts {
		status := "online"
		if s.offline[host] {
			status = "offline"
		}
		nodes = append(nodes, map[string]any{"node": host, "id": "node/" + host, "type": "node", "status": status})
	}
	return nodes, nil
}

// SetOnline switches a host off, for the API alone: its machines stay as they are.
func (s *Server) SetOnline(host string, online bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offline[host] = !online
}

func (s *Server) networks(c *call) (any, *failure) {
	networks := []map[string]any{}
	if filter := c.params["type"]; filter == "" || filter == "bridge" || strings.HasSuffix(filter, "_bridge") {
		for _, bridge := range s.options.Bridges {
			if c.token.seesBridge(bridge) {
				networks = append(networks, map[string]any{"iface": bridge, "type": "bridge", "active": 1, "autostart": 1})
			}
		}
	}
	return networks, nil
}

// resources are the machines. As with the real one, what hosts send now and then
// (name, status) is not there yet for machines as young as those of tests.
func (s *Server) resources(c *call) (any, *failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []map[string]any{}
	if kind := c.params["type"]; kind != "" && kind != "vm" {
		return list, nil
	}
	for _, id := range sorted(s.vms) {
		if !c.token.hasAny(vmACL(id), "VM.Audit") {
			continue
		}
		v := s.vms[id]
		entry := map[string]any{"id": "qemu/" + itoa(id), "vmid": id, "type": "qemu", "node": v.host, "status": "unknown"}
		for _, name := range []string{"tags", "lock"} {
			if value, set := v.config[name]; set {
				entry[name] = value
			}
		}
		list = append(list, entry)
	}
	for _, id := range sorted(s.containers) {
		if c.token.hasAny(vmACL(id), "VM.Audit") {
			ct := s.containers[id]
			list = append(list, map[string]any{"id": "lxc/" + itoa(id), "vmid": id, "type": "lxc", "node": ct.host, "name": ct.name, "status": "running"})
		}
	}
	return list, nil
}

// container is in the way of machines with its number.
type container struct{ host, name string }

// AddContainer puts a container there.
func (s *Server) AddContainer(host string, id int, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.containers[id] = container{host, name}
}

// bridgeExists on every host.
func (s *Server) bridgeExists(name string) bool { return slices.Contains(s.options.Bridges, name) }
