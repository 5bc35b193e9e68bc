package talos

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Options of a machine.
type Options struct {
	// Name of the machine, for messages and for its extension.
	Name string
	// Address of loopback that Talos listens on. Each machine has its own.
	Address netip.Addr
	// Dir stands for the machine's disk. What lies in it is what an earlier life of
	// the machine has left there.
	Dir string
	// UUID (SMBIOS) and MAC of the machine.
	UUID string
	MAC  string
	// Version of Talos; v1.13.9 by default.
	Version string
	// Kubeconfig that a control plane gives out. Without it the call fails.
	Kubeconfig func() ([]byte, error)
	// Extension plays the tailscale extension service. Nil: the image has none.
	Extension Extension
	// ControlPlanes are addresses that the discovery service would tell, next to the
	// endpoint of the configuration: where workers ask for their certificate, and
	// further control planes for etcd.
	ControlPlanes []netip.Addr
	// Times that things take.
	Times Times
}

// Times that things take in a machine's life. Zero means at once.
type Times struct {
	// Boot is from power-on until Talos looks for its configuration.
	Boot time.Duration
	// HandOver is from a configuration's arrival in maintenance until the API answers
	// with its new certificate. Nobody listens meanwhile.
	HandOver time.Duration
	// Services is until the container runtime is up: until then etcd can't be started.
	Services time.Duration
	// Etcd is from etcd's start until it is healthy.
	Etcd time.Duration
	// StaticPods is from then until the Kubernetes control plane is ready.
	StaticPods time.Duration
	// Restart is from a container's exit until Talos starts it again; 5 s by default,
	// as in Talos.
	Restart time.Duration
}

func (o Options) check() error {
	var problems []error
	if !o.Address.IsLoopback() {
		problems = append(problems, fmt.Errorf("address %s: not one of loopback", o.Address))
	}
	for what, value := range map[string]string{"name": o.Name, "dir": o.Dir, "UUID": o.UUID, "MAC": o.MAC} {
		if value == "" {
			problems = append(problems, errors.New(what+" is missing"))
		}
	}
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("fake Talos %s: %s", o.Name, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return nil
}

// Extension plays the tailscale extension service's container.
type Extension interface {
	// Run runs the container until the context ends or it exits by itself, and
	// returns when nothing of it is left. Talos starts it again after an exit, and
	// whenever its environment changes.
	Run(ctx context.Context, container Container) error
}

// Container is how Talos starts an extension service.
type Container struct {
	// Node is the machine's name.
	Node string
	// Env is the container's whole environment: the extension's own variables and
	// those of the configuration's document, which win.
	Env []string
	// Var is the directory that stands for the machine's /var: TS_STATE_DIR and
	// TS_SOCKET lie below /var of the machine.
	Var string
	// SetAddresses tells the machine which addresses its interface tailscale0 has
	// now. When the container is gone, so are they.
	SetAddresses func([]netip.Addr)
}
