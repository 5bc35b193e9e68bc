package talos

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"github.com/siderolabs/crypto/x509"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
)

// Maintenance is a Talos that waits for its configuration. It proves nothing about
// itself by its certificate, which nobody has signed; so everything is said to one
// and the same certificate, whatever the network does between two calls.
type Maintenance struct {
	target
	client *client.Client
}

// Maintenance speaks with the Talos in maintenance at a node's address. Close it.
func (d Dialer) Maintenance(ctx context.Context, node string, address netip.Addr) (*Maintenance, error) {
	return d.target(node, address).maintenance(ctx)
}

func (t target) maintenance(ctx context.Context) (*Maintenance, error) {
	var known pin
	c, err := t.connect(ctx, &tls.Config{
		// The first certificate is taken, and from then on no other.
		InsecureSkipVerify: true,
		VerifyConnection:   known.verify,
		MinVersion:         tls.VersionTLS13,
	})
	if err != nil {
		return nil, err
	}
	return &Maintenance{target: t, client: c}, nil
}

// Close ends the connection.
func (m *Maintenance) Close() { _ = m.client.Close() }

// Identity is what the machine says about its hardware.
func (m *Maintenance) Identity(ctx context.Context) (Identity, error) {
	callCtx, cancel := m.within(ctx)
	defer cancel()
	identity, err := readIdentity(callCtx, m.client)
	if err != nil {
		return Identity{}, m.callError(ctx, "read its UUID and MACs", err)
	}
	return identity, nil
}

// Apply gives the machine its configuration, if it is the machine with that UUID and
// that MAC: otherwise nothing is sent, and the error is a *WrongMachineError. A
// configuration with an auth key is refused, for Talos writes this one to its disk.
func (m *Maintenance) Apply(ctx context.Context, config Config, wantUUID, wantMAC string) error {
	if err := refuseAuthKey(config); err != nil {
		return fmt.Errorf("node %s (%s): %w", m.node, m.address, err)
	}
	identity, err := m.Identity(ctx)
	if err != nil {
		return err
	}
	if err := VerifyIdentity(identity, wantUUID, wantMAC); err != nil {
		return fmt.Errorf("node %s (%s): %w", m.node, m.address, err)
	}
	callCtx, cancel := m.withinLong(ctx)
	defer cancel()
	_, err = m.client.ApplyConfiguration(callCtx, &machine.ApplyConfigurationRequest{
		Data: config.Value().Bytes(),
		Mode: machine.ApplyConfigurationRequest_AUTO,
	})
	return m.callError(ctx, "configure it", err)
}

// WaitMaintenance waits until Talos waits for its configuration at a node's address.
// A Talos that has one already ends the wait with an error.
func (d Dialer) WaitMaintenance(ctx context.Context, node string, address netip.Addr, report func(string)) error {
	t := d.target(node, address)
	return t.waitUntil(ctx, "wait for its maintenance mode", report, func(ctx context.Context) (string, error) {
		switch d.Observe(ctx, node, address, nil).Stage {
		case inventory.Maintenance:
			return "", nil
		case inventory.Foreign:
			return "", fmt.Errorf("node %s (%s): Talos has a configuration already, and this machine should be new. Does another machine have the address?", node, address)
		default:
			return fmt.Sprintf("nobody answers at %s yet", address), nil
		}
	})
}

// refuseAuthKey keeps the key out of everything that Talos writes to a disk.
func refuseAuthKey(config Config) error {
	has, err := config.HasAuthKey()
	if err != nil {
		return err
	}
	if has {
		return errors.New("the configuration has the tailnet's auth key in it, and would be written to the node's disk: it was not sent")
	}
	return nil
}

// pin remembers the key of the first certificate that it sees, and accepts no other.
type pin struct {
	mu    sync.Mutex
	known x509.Fingerprint
}

func (p *pin) verify(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("the machine shows no certificate")
	}
	seen := x509.SPKIFingerprint(state.PeerCertificates[0])
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.known == nil:
		p.known = seen
	case !p.known.Equal(seen):
		return errors.New("the machine shows another certificate than before: it has restarted, or another machine took its address")
	}
	return nil
}
