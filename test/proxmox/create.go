package proxmox

import (
	"fmt"
	"strconv"

	"k8s.io/apimachinery/pkg/util/uuid"
)

// create is qemu-server's create_vm. Until all disks are there, the machine's
// configuration holds nothing but a lock.
func (s *Server) create(c *call) (any, *failure) {
	id, _ := strconv.Atoi(c.params["vmid"])
	if c.token.check(vmACL(id), "VM.Allocate") != nil {
		return nil, bareDenied()
	}
	if fail := s.checkDrives(c); fail != nil {
		return nil, fail
	}
	if fail := s.checkOptions(c, id); fail != nil {
		return nil, fail
	}
	host := c.vars["node"]
	s.mu.Lock()
	if other := s.vms[id]; other != nil {
		s.mu.Unlock()
		return nil, die("unable to create VM %d - VM %d already exists on node '%s'", id, id, other.host)
	}
	if other, taken := s.containers[id]; taken {
		s.mu.Unlock()
		return nil, die("unable to create VM %d - CT %d already exists on node '%s'", id, id, other.host)
	}
	v := newVM(host, id, map[string]string{"lock": "create"})
	s.vms[id] = v
	s.mu.Unlock()
	return s.startTask(c, "qmcreate", itoa(id), func(t *task) error { return s.build(t, c, v) }), nil
}

// build leaves nothing behind if it fails.
func (s *Server) build(t *task, c *call, v *vm) error {
	unlock, err := s.lock(v)
	if err == nil {
		defer unlock()
		err = t.takes("qmcreate")
	}
	config := map[string]string{"smbios1": "uuid=" + string(uuid.NewUUID()), "vmgenid": string(uuid.NewUUID()), "boot": "order=ide2;net0"}
	for _, name := range sorted(c.params) {
		value := c.params[name]
		switch {
		case options[name].kind == "" || err != nil:
			continue
		case isDrive(name):
			value, err = s.makeDrive(t, v, name, value)
		case name == "tags":
			value = uniqueTags(value)
		}
		config[name] = value
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.free(v.id)
		delete(s.vms, v.id)
		return fmt.Errorf("unable to create VM %d - %w", v.id, err)
	}
	v.config = config
	return nil
}

// free removes all disks of a machine. It is called with mu held.
func (s *Server) free(id int) {
	for key, disk := range s.volumes {
		if disk.vmid == id {
			delete(s.volumes, key)
		}
	}
}

// checkOptions are qemu-server's check_vm_modify_config_perm and check_bridge_access.
func (s *Server) checkOptions(c *call, id int) *failure {
	for _, name := range sorted(c.params) {
		if privileges := options[name].privileges; len(privileges) > 0 {
			if fail := c.token.checkAny(vmACL(id), privileges...); fail != nil {
				return fail
			}
		}
	}
	if c.params["serial0"] != "" && c.params["serial0"] != "socket" {
		return die("only root can set 'serial0' config for real devices")
	}
	if c.params["net0"] == "" {
		return nil
	}
	net, _ := netFormat.parse(c.params["net0"]) // it passed the format
	path := "/sdn/zones/localnetwork/" + net["bridge"]
	if net["tag"] != "" {
		path += "/" + net["tag"]
	}
	return c.token.check(path, "SDN.Use")
}
