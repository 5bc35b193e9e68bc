package run

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/tazzo/rebirth/internal/bootstrap/secret"
	"github.com/tazzo/rebirth/internal/bootstrap/talos"
)

// checkCredentials refuses a create after which nobody could open the cluster,
// unless that is wanted.
func (r *Run) checkCredentials() error {
	c := r.credentials
	if c.Discard || r.haveSecrets || c.Kubeconfig != nil || c.Talosconfig != nil || c.Secrets != nil {
		return nil
	}
	return errors.New("nobody could open the cluster afterwards: say where its credentials go (--kubeconfig, --talosconfig, --secrets), give talos.secrets a source, or say --discard-credentials")
}

// deliverSecrets delivers what opens the nodes, before the first of them is closed.
func (r *Run) deliverSecrets() error {
	return errors.Join(
		deliver("secrets bundle", r.credentials.Secrets, r.secrets.Marshal),
		deliver("talosconfig", r.credentials.Talosconfig, func() (secret.Value, error) {
			return talos.Talosconfig(r.cluster, r.secrets)
		}),
	)
}

// deliver makes a credential and hands it to where it is wanted, if it is.
func deliver(what string, to func(secret.Value) error, make func() (secret.Value, error)) error {
	if to == nil {
		return nil
	}
	value, err := make()
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer value.Destroy()
	if err := to(value); err != nil {
		return fmt.Errorf("write the %s: %w", what, err)
	}
	return nil
}

// kubeconfig is fetched by who needs it first.
type kubeconfig struct {
	mutex sync.Mutex
	value secret.Value
}

// fetchKubeconfig gets it from the first control plane, once.
func (r *Run) fetchKubeconfig(ctx context.Context) (secret.Value, error) {
	r.kubeconfig.mutex.Lock()
	defer r.kubeconfig.mutex.Unlock()
	if !r.kubeconfig.value.IsEmpty() {
		return r.kubeconfig.value, nil
	}
	node, err := r.dial(ctx, r.firstControlPlane())
	if err != nil {
		return secret.Value{}, err
	}
	defer node.Close()
	r.kubeconfig.value, err = node.Kubeconfig(ctx)
	return r.kubeconfig.value, err
}

// refuse says, of a cluster that is finished, what can't be had of it any more.
func (c Credentials) refuse() error {
	if c.Kubeconfig == nil && c.Talosconfig == nil && c.Secrets == nil {
		return nil
	}
	return errors.New("the cluster is complete, and no credential of it can be had again: its secrets were in the memory of the create that made it. Give them as talos.secrets, or let the cluster be reborn (bootstrap rebirth)")
}

// deliverKubeconfig does so once.
func (r *Run) deliverKubeconfig(ctx context.Context) error {
	to := r.credentials.Kubeconfig
	if to == nil {
		return nil
	}
	kubeconfig, err := r.fetchKubeconfig(ctx)
	if err != nil {
		return fmt.Errorf("kubeconfig: %w", err)
	}
	r.credentials.Kubeconfig = nil
	if err := to(kubeconfig); err != nil {
		return fmt.Errorf("write the kubeconfig: %w", err)
	}
	return nil
}
