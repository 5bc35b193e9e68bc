package proxmox

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/uuid"
)

// vm is a machine. All but file is guarded by the server's mu.
type vm struct {
	id      int
	host    string
	config  map[string]string
	running bool
	// file is the lock of the configuration file: who puts something in holds it.
	file chan struct{}
}

// VM is a machine as it stands.
type VM struct {
	ID      int
	Host    string
	Name    string
	Running bool
	UUID    string
	MAC     string
	// Address that cloud-init gives it; the zero value if it gives none.
	Address netip.Prefix
	// Image that its system disk was imported from, such as local:import/x.qcow2.
	Image string
	// Config as Proxmox keeps it.
	Config map[string]string
}

// show is called with mu held.
func (s *Server) show(v *vm) VM {
	smbios, _ := propertyString{parts: schema{"uuid": {kind: isString}}}.parse(v.config["smbios1"])
	net, _ := netFormat.parse(v.config["net0"])
	ip, _ := ipconfigFormat.parse(v.config["ipconfig0"])
	address, err := netip.ParsePrefix(ip["ip"])
	if err != nil {
		address, _ = netip.ParsePrefix(ip["ip6"])
	}
	shown := VM{
		ID: v.id, Host: v.host, Name: v.config["name"], Running: v.running, UUID: smbios["uuid"],
		MAC: net["macaddr"], Address: address, Config: maps.Clone(v.config),
	}
	if file, _, _ := strings.Cut(v.config["scsi0"], ","); file != "" {
		if disk := s.volumes[s.key(v.host, file)]; disk != nil {
			shown.Image = disk.from
		}
	}
	return shown
}

// VMs are all machines, by number.
func (s *Server) VMs() []VM {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []VM
	for _, id := range sorted(s.vms) {
		all = append(all, s.show(s.vms[id]))
	}
	return all
}

// VM is the one with that number; false: there is none.
func (s *Server) VM(id int) (VM, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.vms[id] == nil {
		return VM{}, false
	}
	return s.show(s.vms[id]), true
}

// AddVM puts somebody's machine there. Unless its configuration says otherwise it has
// a UUID, which machines get when they are whole.
func (s *Server) AddVM(host string, id int, config map[string]string) {
	all := map[string]string{}
	maps.Copy(all, config)
	if all["smbios1"] == "" && all["lock"] != "create" && all["lock"] != "destroyed" {
		all["smbios1"] = "uuid=" + string(uuid.NewUUID())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.vms[id] = newVM(host, id, all)
}

func newVM(host string, id int, config map[string]string) *vm {
	return &vm{id: id, host: host, config: config, file: make(chan struct{}, 1)}
}

// Edit changes a machine's configuration behind bootstrap's back: as somebody at
// the host does. An empty value removes an option.
func (s *Server) Edit(id int, changes map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, value := range changes {
		if value == "" {
			delete(s.vms[id].config, name)
		} else {
			s.vms[id].config[name] = value
		}
	}
}

// Migrate moves a machine to another host, with its disks.
func (s *Server) Migrate(id int, host string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.vms[id]
	for key, disk := range maps.Clone(s.volumes) {
		if disk.vmid == id {
			delete(s.volumes, key)
			s.volumes[s.key(host, key.id)] = disk
		}
	}
	v.host = host
}

// Remove takes a machine away behind bootstrap's back, and leaves its disks.
func (s *Server) Remove(id int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.vms, id)
}

// Hold takes the lock of a machine's configuration file, as a task that works on it
// does. Call release once.
func (s *Server) Hold(id int) (release func()) {
	s.mu.Lock()
	v := s.vms[id]
	s.mu.Unlock()
	v.file <- struct{}{}
	return func() { <-v.file }
}

// lock the configuration file, or fail as Proxmox does after its timeout.
func (s *Server) lock(v *vm) (unlock func(), err error) {
	timer := time.NewTimer(s.options.LockTimeout)
	defer timer.Stop()
	select {
	case v.file <- struct{}{}:
		return func() { <-v.file }, nil
	case <-timer.C:
	case <-s.life.Done():
	}
	return nil, fmt.Errorf("can't lock file '/var/lock/qemu-server/lock-%d.conf' - got timeout", v.id)
}

// load is the machine, if it is on the host. It is called with mu held.
func (s *Server) load(c *call) (*vm, *failure) {
	id, _ := strconv.Atoi(c.vars["vmid"])
	v := s.vms[id]
	if v == nil || v.host != c.vars["node"] {
		return nil, die("Configuration file 'nodes/%s/qemu-server/%d.conf' does not exist", c.vars["node"], id)
	}
	return v, nil
}

// isLocked says so if the configuration has a lock.
func (v *vm) isLocked() error {
	if lock := v.config["lock"]; lock != "" {
		return fmt.Errorf("VM is locked (%s)", lock)
	}
	return nil
}

// digest of the configuration file.
func (v *vm) digest() string {
	var file strings.Builder
	for _, name := range sorted(v.config) {
		fmt.Fprintf(&file, "%s: %s\n", name, v.config[name])
	}
	sum := sha1.Sum([]byte(file.String()))
	return hex.EncodeToString(sum[:])
}

func (s *Server) config(c *call) (any, *failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, fail := s.load(c)
	if fail != nil {
		return nil, fail
	}
	config := map[string]any{"digest": v.digest()}
	for name, value := range v.config {
		config[name] = value
		o := options[name]
		if n, err := strconv.Atoi(value); err == nil && (o.kind == isInteger || o.kind == isBoolean) && name != "memory" {
			config[name] = n // Proxmox writes numbers now as numbers, now as strings
		}
		if name == "description" {
			config[name] = strings.TrimRight(value, "\n") + "\n"
		}
	}
	return config, nil
}

func (s *Server) status(c *call) (any, *failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, fail := s.load(c)
	if fail != nil {
		return nil, fail
	}
	status := map[string]any{"vmid": v.id, "name": v.config["name"], "status": "stopped", "ha": map[string]int{"managed": 0}}
	if v.running {
		status["status"] = "running"
	}
	if lock := v.config["lock"]; lock != "" {
		status["lock"] = lock
	}
	return status, nil
}

// uniqueTags are in order, each once, in lower case.
func uniqueTags(value string) string {
	tags := splitTags(strings.ToLower(value))
	slices.Sort(tags)
	return strings.Join(slices.Compact(tags), ";")
}

func vmACL(id int) string { return "/vms/" + itoa(id) }
func itoa(id int) string  { return strconv.Itoa(id) }
