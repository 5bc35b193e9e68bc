package talos

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// tailscale is the extension's name, and that of its document.
	tailscale = "tailscale"
	// extensionService is Talos' name of its service.
	extensionService = "ext-" + tailscale
)

// extensionEnv is what the extension's own definition sets (siderolabs/extensions,
// network/tailscale/tailscale.yaml).
var extensionEnv = []string{
	"PATH=/sbin:/usr/local/bin",
	"TS_SOCKET=/var/run/tailscale/tailscaled.sock",
	"TS_STATE_DIR=/var/lib/tailscale",
	"TS_USERSPACE=false",
}

// extension is the tailscale extension's service. It waits for its document, and is
// restarted when the document changes.
type extension struct {
	life *life

	mu      sync.Mutex
	changed chan struct{} // closed when the configuration has changed
}

// configChanged makes the service look at its document.
func (e *extension) configChanged() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.changed != nil {
		close(e.changed)
		e.changed = nil
	}
}

// nextChange is closed by the next change of the configuration.
func (e *extension) nextChange() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.changed == nil {
		e.changed = make(chan struct{})
	}
	return e.changed
}

// document is the environment that the configuration gives the service, if any.
func (e *extension) document() ([]string, bool) {
	if active := e.life.configs.get(); active != nil {
		for _, d := range active.ExtensionServiceConfigs() {
			if d.Name() == tailscale {
				return d.Environment(), true
			}
		}
	}
	return nil, false
}

// run is the service, for as long as the machine lives.
func (e *extension) run() {
	if e.life.machine.options.Extension == nil {
		return
	}
	for e.life.ctx.Err() == nil {
		change := e.nextChange()
		env, given := e.document()
		if !given || !e.life.services.isUp("cri") {
			e.life.services.down(extensionService, "Waiting")
			e.await(change, patience)
			continue
		}
		e.runOnce(env, change)
	}
}

// runOnce runs the container until its document changes or it exits by itself.
func (e *extension) runOnce(env []string, change <-chan struct{}) {
	ctx, stop := context.WithCancel(e.life.ctx)
	defer stop()
	exited := make(chan struct{})
	e.life.services.up(extensionService, false)
	go func() {
		defer close(exited)
		_ = e.life.machine.options.Extension.Run(ctx, Container{
			Node: e.life.machine.options.Name,
			Env:  merge(extensionEnv, env),
			Var:  e.life.machine.varPath(),
			SetAddresses: func(addresses []netip.Addr) {
				if ctx.Err() == nil {
					e.life.setTailnetAddresses(addresses)
				}
			},
		})
	}()
	same := true
	for same {
		select {
		case <-exited:
			e.life.setTailnetAddresses(nil)
			e.life.services.down(extensionService, "Waiting")
			e.await(change, e.life.machine.options.Times.Restart)
			return
		case <-change:
			change = e.nextChange()
			now, given := e.document()
			same = given && slices.Equal(now, env)
		case <-e.life.ctx.Done():
			same = false
		}
	}
	stop()
	<-exited
	e.life.setTailnetAddresses(nil)
	e.life.services.down(extensionService, "Stopping")
}

func (e *extension) await(change <-chan struct{}, atMost time.Duration) {
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	select {
	case <-change:
	case <-timer.C:
	case <-e.life.ctx.Done():
	}
}

// merge is the environment in which later variables win.
func merge(environments ...[]string) []string {
	values := map[string]string{}
	for _, environment := range environments {
		for _, variable := range environment {
			name, _, _ := strings.Cut(variable, "=")
			values[name] = variable
		}
	}
	return slices.Sorted(maps.Values(values))
}
