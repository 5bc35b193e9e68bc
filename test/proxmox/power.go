package proxmox

import (
	"fmt"
	"strings"
)

// start is qemu-server's vm_start.
func (s *Server) start(c *call) (any, *failure) {
	return s.power(c, "qmstart", func(t *task, v *vm) error {
		s.mu.Lock()
		err, running, shown := v.isLocked(), v.running, s.show(v)
		template := v.config["template"] == "1"
		s.mu.Unlock()
		net, _ := netFormat.parse(shown.Config["net0"])
		switch {
		case template:
			return fmt.Errorf("you can't start a vm if it's a template")
		case err != nil:
			return err
		case running:
			return fmt.Errorf("VM %d already running", v.id)
		case net["bridge"] != "" && !s.bridgeExists(net["bridge"]):
			return fmt.Errorf("bridge '%s' does not exist", net["bridge"])
		}
		if err := t.takes("qmstart"); err != nil {
			return err
		}
		if hook := s.options.OnStart; hook != nil {
			if err := hook(shown); err != nil {
				return err
			}
		}
		s.setRunning(v, true)
		return nil
	})
}

// stop is its vm_stop: the plug is pulled.
func (s *Server) stop(c *call) (any, *failure) {
	return s.power(c, "qmstop", func(t *task, v *vm) error {
		s.mu.Lock()
		err, running, shown := v.isLocked(), v.running, s.show(v)
		s.mu.Unlock()
		if !running || err != nil {
			return err
		}
		if err := t.takes("qmstop"); err != nil {
			return err
		}
		if hook := s.options.OnStop; hook != nil {
			if err := hook(shown); err != nil {
				return err
			}
		}
		s.setRunning(v, false)
		return nil
	})
}

func (s *Server) setRunning(v *vm, running bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v.running = running
}

// power starts a task that holds the machine's lock. Whether there is such a machine
// is the task's to find out.
func (s *Server) power(c *call, kind string, work func(*task, *vm) error) (any, *failure) {
	return s.startTask(c, kind, c.vars["vmid"], func(t *task) error {
		s.mu.Lock()
		v, fail := s.load(c)
		s.mu.Unlock()
		if fail != nil {
			return fmt.Errorf("%s", fail.message)
		}
		unlock, err := s.lock(v)
		if err != nil {
			return err
		}
		defer unlock()
		return work(t, v)
	}), nil
}

// destroy is qemu-server's destroy_vm.
func (s *Server) destroy(c *call) (any, *failure) {
	if fail := s.mayDestroy(c); fail != nil {
		return nil, fail
	}
	return s.power(c, "qmdestroy", func(t *task, v *vm) error {
		if fail := s.mayDestroy(c); fail != nil {
			return fmt.Errorf("%s", fail.message)
		}
		s.mu.Lock()
		err, shown := v.isLocked(), s.show(v)
		s.mu.Unlock()
		if err != nil {
			return err
		}
		if err := t.takes("qmdestroy"); err != nil {
			return err
		}
		if hook := s.options.OnDestroy; hook != nil {
			if err := hook(shown); err != nil {
				return err
			}
		}
		s.mu.Lock()
		s.freeDisks(v, c.params["destroy-unreferenced-disks"] == "1")
		v.config = map[string]string{"lock": "destroyed"}
		s.mu.Unlock()
		if err := t.takes("purge"); err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.vms, v.id)
		return nil
	})
}

// freeDisks removes those of the configuration, and, if asked to, all others of the
// machine. It is called with mu held.
func (s *Server) freeDisks(v *vm, unreferenced bool) {
	if unreferenced {
		s.free(v.id)
		return
	}
	for name, value := range v.config {
		if isDrive(name) {
			file, _, _ := strings.Cut(value, ",")
			delete(s.volumes, s.key(v.host, file))
		}
	}
}

func (s *Server) mayDestroy(c *call) *failure {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, fail := s.load(c)
	switch {
	case fail != nil:
		return fail
	case v.config["protection"] == "1":
		return die("can't remove VM %d - protection mode enabled", v.id)
	case v.running:
		return die("VM %d is running - destroy failed", v.id)
	}
	return nil
}
