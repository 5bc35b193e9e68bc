package talos

import (
	"context"
	"sync"
	"time"

	"github.com/cosi-project/runtime/pkg/state"
	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
)

// life is a machine's memory: all that begins with power-on and ends with power-off.
type life struct {
	machine *Machine
	ctx     context.Context
	cancel  context.CancelFunc
	tasks   sync.WaitGroup

	resources state.State
	configs   *configs
	services  *services
	extension *extension
	// arrived is closed when a complete configuration has come in maintenance.
	arrived     chan struct{}
	arrivedOnce sync.Once
	// bootstrapped is closed by the call that starts etcd.
	bootstrapped     chan struct{}
	bootstrappedOnce sync.Once
	// shutdown is closed by a call that reboots the machine.
	shutdown     chan struct{}
	shutdownOnce sync.Once
}

func newLife(m *Machine) (*life, error) {
	ctx, cancel := context.WithCancel(context.Background())
	resources, err := newResources(ctx, m.options)
	if err != nil {
		cancel()
		return nil, err
	}
	l := &life{
		machine: m, ctx: ctx, cancel: cancel, resources: resources,
		arrived: make(chan struct{}), bootstrapped: make(chan struct{}), shutdown: make(chan struct{}),
	}
	l.services = &services{life: l, running: map[string]service{}}
	l.configs = &configs{life: l}
	l.extension = &extension{life: l}
	return l, nil
}

func (l *life) begin() { l.do(l.boot) }

// end returns when nothing of this life runs any more.
func (l *life) end() {
	l.cancel()
	l.configs.cancelRollback()
	l.tasks.Wait()
}

// do runs a task of this life.
func (l *life) do(task func()) { l.tasks.Go(task) }

// pause waits, and says whether the machine still lives.
func (l *life) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return l.ctx.Err() == nil
	case <-l.ctx.Done():
		return false
	}
}

// boot is Talos from its start.
func (l *life) boot() {
	if !l.pause(l.machine.options.Times.Boot) {
		return
	}
	stored, err := l.configs.load()
	if err != nil {
		// Talos tries again for ever; nobody ever answers.
		return
	}
	if stored != nil {
		l.configs.setActive(stored)
	} else if !l.maintain() {
		return
	}
	l.run()
}

// maintain waits for a configuration, and says whether the machine still lives.
func (l *life) maintain() bool {
	l.services.setStage(runtime.MachineStageMaintenance)
	stop := l.serveMaintenance()
	defer stop()
	select {
	case <-l.arrived:
	case <-l.ctx.Done():
		return false
	}
	stop()
	return l.pause(l.machine.options.Times.HandOver)
}

// run is Talos with a configuration.
func (l *life) run() {
	active := l.configs.get()
	l.services.configured(active.Machine().Type())
	l.setMachineType(active.Machine().Type())
	if active.Machine().Type() == machine.TypeControlPlane {
		l.do(l.serveTrustd)
	}
	l.do(l.serveConfigured)
	l.do(l.extension.run)
	if !l.pause(l.machine.options.Times.Services) {
		return
	}
	l.services.up("cri", true)
	l.services.up("kubelet", true)
	if active.Machine().Type() == machine.TypeControlPlane {
		l.do(l.runEtcd)
	}
}

// isComplete says whether Talos can boot with the configuration.
func isComplete(provider config.Provider) bool { return provider != nil && provider.CompleteForBoot() }
