package proxmox

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// updateNow is qemu-server's update_vm.
func (s *Server) updateNow(c *call) (any, *failure) {
	v, fail := s.mayUpdate(c)
	if fail != nil {
		return nil, fail
	}
	if err := s.update(nil, c, v); err != nil {
		return nil, die("%v", err)
	}
	return nil, nil
}

// updateLater is its update_vm_async.
func (s *Server) updateLater(c *call) (any, *failure) {
	v, fail := s.mayUpdate(c)
	if fail != nil {
		return nil, fail
	}
	return s.startTask(c, "qmconfig", c.vars["vmid"], func(t *task) error {
		if err := t.takes("qmconfig"); err != nil {
			return err
		}
		return s.update(t, c, v)
	}), nil
}

func (s *Server) mayUpdate(c *call) (*vm, *failure) {
	id, _ := strconv.Atoi(c.vars["vmid"])
	given := slices.DeleteFunc(sorted(c.params), func(name string) bool { return options[name].kind == "" })
	if len(given) == 0 {
		return nil, die("no options specified")
	}
	if fail := s.checkOptions(c, id); fail != nil {
		return nil, fail
	}
	if fail := s.checkDrives(c); fail != nil {
		return nil, fail
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v, fail := s.load(c)
	if fail != nil {
		return nil, fail
	}
	if err := v.mayChange(c); err != nil {
		return nil, die("%v", err)
	}
	return v, nil
}

func (v *vm) mayChange(c *call) error {
	if digest := c.params["digest"]; digest != "" && digest != v.digest() {
		return fmt.Errorf("checksum mismatch (file change by other user?)")
	}
	return v.isLocked()
}

func (s *Server) update(t *task, c *call, v *vm) error {
	unlock, err := s.lock(v)
	if err != nil {
		return err
	}
	defer unlock()
	s.mu.Lock()
	err = v.mayChange(c)
	running := v.running
	s.mu.Unlock()
	if err != nil {
		return err
	}
	for _, name := range sorted(c.params) {
		value := c.params[name]
		switch {
		case options[name].kind == "":
			continue
		case running && name != "description" && name != "tags":
			return fmt.Errorf("the fake changes description and tags alone while a machine runs")
		case isDrive(name):
			if value, err = s.attach(t, c, v, name, value); err != nil {
				return err
			}
		case name == "tags":
			value = uniqueTags(value)
		case name == "boot":
			if err := s.checkBoot(c, v, value); err != nil {
				return err
			}
		}
		s.mu.Lock()
		v.config[name] = value
		s.mu.Unlock()
	}
	return nil
}

// attach makes a drive of a machine that is there, which takes other privileges than
// to make it with the machine.
func (s *Server) attach(t *task, c *call, v *vm, name, value string) (string, error) {
	privileges := []string{"VM.Config.Disk"}
	if strings.Contains(value, ":cloudinit") {
		privileges = []string{"VM.Config.Cloudinit", "VM.Config.CDROM"}
	}
	if fail := c.token.check(vmACL(v.id), privileges...); fail != nil {
		return "", fmt.Errorf("%s", fail.message)
	}
	if t == nil {
		return "", fmt.Errorf("the fake makes no disks synchronously")
	}
	return s.makeDrive(t, v, name, value)
}

// checkBoot looks whether the devices to boot from are there.
func (s *Server) checkBoot(c *call, v *vm, value string) error {
	parts, err := bootFormat.parse(value)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for device := range strings.SplitSeq(parts["order"], ";") {
		if device != "" && v.config[device] == "" && c.params[device] == "" {
			return fmt.Errorf("invalid bootorder: device '%s' does not exist'", device)
		}
	}
	return nil
}

// resize is qemu-server's resize_vm.
func (s *Server) resize(c *call) (any, *failure) {
	s.mu.Lock()
	v, fail := s.load(c)
	s.mu.Unlock()
	if fail != nil {
		return nil, fail
	}
	return s.startTask(c, "resize", c.vars["vmid"], func(t *task) error {
		unlock, err := s.lock(v)
		if err != nil {
			return err
		}
		defer unlock()
		if err := t.takes("resize"); err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if err := v.mayChange(c); err != nil {
			return err
		}
		return s.grow(c, v)
	}), nil
}

// grow is called with mu held.
func (s *Server) grow(c *call, v *vm) error {
	name := c.params["disk"]
	file, rest, _ := strings.Cut(v.config[name], ",")
	disk := s.volumes[s.key(v.host, file)]
	storage, _, _ := strings.Cut(file, ":")
	size := parseSize(c.params["size"])
	switch {
	case file == "" || disk == nil:
		return fmt.Errorf("disk '%s' does not exist", name)
	case strings.Contains(rest, "media=cdrom"):
		return fmt.Errorf("you can't resize a cdrom")
	case c.token.check("/storage/"+storage, "Datastore.AllocateSpace") != nil:
		return errors.New(denied("/storage/%s, Datastore.AllocateSpace", storage).message)
	case size < disk.size:
		return fmt.Errorf("shrinking disks is not supported")
	}
	disk.size = size
	var parts []string
	for part := range strings.SplitSeq(v.config[name], ",") {
		if !strings.HasPrefix(part, "size=") {
			parts = append(parts, part)
		}
	}
	v.config[name] = strings.Join(parts, ",") + ",size=" + strconv.FormatInt(size>>10, 10) + "K"
	return nil
}

// parseSize of a string that passed the pattern; what begins with + is not needed here.
func parseSize(value string) int64 {
	shift := map[byte]int{'K': 10, 'M': 20, 'G': 30, 'T': 40}[value[len(value)-1]]
	number, _ := strconv.ParseFloat(strings.TrimRight(value, "KMGT"), 64)
	return int64(number * float64(int64(1)<<shift))
}
