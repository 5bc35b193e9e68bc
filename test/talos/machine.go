package talos

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Machine is one that runs Talos.
type Machine struct {
	options Options

	mu    sync.Mutex
	life  *life // nil while it is switched off
	calls []string
	hangs chan struct{} // closed when it stops hanging; nil while it doesn't
	dies  *Death
}

// Start switches a machine on. It returns at once: Talos boots.
func Start(options Options) (*Machine, error) {
	if options.Version == "" {
		options.Version = "v1.13.9"
	}
	if options.Times.Restart == 0 {
		options.Times.Restart = 5 * time.Second
	}
	if err := options.check(); err != nil {
		return nil, err
	}
	m := &Machine{options: options}
	for _, dir := range []string{m.statePath(), m.varPath()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	return m, m.PowerOn()
}

// Address that its Talos listens on.
func (m *Machine) Address() netip.Addr { return m.options.Address }

// Dir stands for its disk.
func (m *Machine) Dir() string { return m.options.Dir }

// statePath is where the partition STATE is mounted.
func (m *Machine) statePath() string { return filepath.Join(m.options.Dir, "STATE") }

// varPath is where the partition EPHEMERAL is mounted.
func (m *Machine) varPath() string { return filepath.Join(m.options.Dir, "EPHEMERAL") }

// PowerOn starts a machine that is off from what is on its disk.
func (m *Machine) PowerOn() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.life != nil {
		return errors.New("fake Talos " + m.options.Name + " is on already")
	}
	life, err := newLife(m)
	if err != nil {
		return err
	}
	m.life = life
	life.begin()
	return nil
}

// PowerOff cuts the power: connections break in the middle of a word, and what was
// in memory is gone. It returns when nothing of the machine runs any more. A machine
// that is off refuses connections.
func (m *Machine) PowerOff() {
	m.mu.Lock()
	life := m.life
	m.life = nil
	m.mu.Unlock()
	if life != nil {
		life.end()
	}
}

// Reboot cuts the power and switches it on again.
func (m *Machine) Reboot() error {
	m.PowerOff()
	return m.PowerOn()
}

// restart reboots the machine by itself, unless somebody has switched it off meanwhile.
func (m *Machine) restart(life *life) {
	m.mu.Lock()
	current := m.life == life
	m.mu.Unlock()
	if current {
		_ = m.Reboot()
	}
}

// Calls that the API has got since the machine was made, such as
// "/machine.MachineService/Version", also those that it refused.
func (m *Machine) Calls() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.calls...)
}

// Persisted is the configuration on the machine's disk; empty if there is none.
func (m *Machine) Persisted() ([]byte, error) {
	data, err := os.ReadFile(m.configPath())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// Active is the configuration that Talos runs by, which may be in memory alone;
// empty if it has none.
func (m *Machine) Active() ([]byte, error) {
	m.mu.Lock()
	life := m.life
	m.mu.Unlock()
	if life == nil {
		return nil, nil
	}
	return life.configs.activeBytes()
}

func (m *Machine) configPath() string { return filepath.Join(m.statePath(), "config.yaml") }
