package talos

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"
	"github.com/siderolabs/talos/pkg/machinery/resources/config"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tazzo/rebirth/internal/bootstrap/secret"
)

// Node is a configured Talos that opens to the cluster's secrets. Both sides prove
// who they are with every connection.
type Node struct {
	target
	client  *client.Client
	secrets *Secrets
}

// Node speaks with the configured Talos at a node's address. It connects with the
// first call, and again by itself when the node has been away. Close it.
func (d Dialer) Node(ctx context.Context, node string, address netip.Addr, secrets *Secrets) (*Node, error) {
	return d.target(node, address).dial(ctx, secrets)
}

func (t target) dial(ctx context.Context, secrets *Secrets) (*Node, error) {
	credentials, err := secrets.credentials()
	if err != nil {
		return nil, fmt.Errorf("node %s (%s): %w", t.node, t.address, err)
	}
	c, err := t.connect(ctx, credentials)
	if err != nil {
		return nil, err
	}
	return &Node{target: t, client: c, secrets: secrets}, nil
}

// Close ends the connection.
func (n *Node) Close() { _ = n.client.Close() }

func (n *Node) identity(ctx context.Context) (Identity, error) {
	callCtx, cancel := n.within(ctx)
	defer cancel()
	identity, err := readIdentity(callCtx, n.client)
	return identity, n.callError(ctx, "read its UUID and MACs", err)
}

// Config is the node's active configuration. During a Try it has the auth key in it,
// and Config.WithoutAuthKey is the base to return to.
func (n *Node) Config(ctx context.Context) (Config, error) {
	callCtx, cancel := n.within(ctx)
	defer cancel()
	active, err := safe.StateGetByID[*config.MachineConfig](callCtx, n.client.COSI, config.ActiveID)
	if err != nil {
		return Config{}, n.callError(ctx, "read its configuration", err)
	}
	yaml, err := active.Provider().Bytes()
	if err != nil {
		return Config{}, fmt.Errorf("node %s (%s): its configuration can't be read", n.node, n.address)
	}
	return ParseConfig(slices.Clone(yaml))
}

// Try lends the node a configuration with the auth key: Talos holds it in memory
// alone, and returns to what it had when the time is over. Any other call that
// applies a configuration ends the loan.
//
// The configuration that Talos would return to is the one that is active now. So if
// an earlier loan has not ended, its key is taken out first.
func (n *Node) Try(ctx context.Context, lent Config, timeout time.Duration) error {
	active, err := n.Config(ctx)
	if err != nil {
		return err
	}
	defer active.Value().Destroy()
	has, err := active.HasAuthKey()
	if err != nil {
		return fmt.Errorf("node %s (%s): %w", n.node, n.address, err)
	}
	if has {
		base, err := active.WithoutAuthKey()
		if err != nil {
			return fmt.Errorf("node %s (%s): %w", n.node, n.address, err)
		}
		defer base.Value().Destroy()
		if err := n.apply(ctx, base, machine.ApplyConfigurationRequest_NO_REBOOT, 0, "take an earlier auth key back"); err != nil {
			return err
		}
	}
	if err := n.keepCertSANs(active, lent); err != nil {
		return err
	}
	return n.apply(ctx, lent, machine.ApplyConfigurationRequest_TRY, timeout, "lend it the auth key")
}

// ApplyBase gives the node its configuration without the auth key, at once and for
// good: it is written to the node's disk, and ends a loan. It tries again while the
// node doesn't answer, until the context ends. A configuration with a key is refused,
// and so is one that changes machine.certSANs.
func (n *Node) ApplyBase(ctx context.Context, base Config) error {
	if err := refuseAuthKey(base); err != nil {
		return fmt.Errorf("node %s (%s): %w", n.node, n.address, err)
	}
	return n.waitUntil(ctx, "apply its configuration", func(string) {}, func(ctx context.Context) (string, error) {
		err := n.applyBase(ctx, base)
		switch ReasonOf(err) {
		case Unreachable, TimedOut, NotReady:
			return missing(err), nil
		}
		return "", err
	})
}

func (n *Node) applyBase(ctx context.Context, base Config) error {
	active, err := n.Config(ctx)
	if err != nil {
		return err
	}
	defer active.Value().Destroy()
	if err := n.keepCertSANs(active, base); err != nil {
		return err
	}
	return n.apply(ctx, base, machine.ApplyConfigurationRequest_NO_REBOOT, 0, "apply its configuration")
}

func (n *Node) keepCertSANs(active, next Config) error {
	have, err1 := active.MachineCertSANs()
	want, err2 := next.MachineCertSANs()
	if err := errors.Join(err1, err2, CertSANsChange(have, want)); err != nil {
		return fmt.Errorf("node %s (%s): %w", n.node, n.address, err)
	}
	return nil
}

func (n *Node) apply(ctx context.Context, c Config, mode machine.ApplyConfigurationRequest_Mode, timeout time.Duration, call string) error {
	callCtx, cancel := n.withinLong(ctx)
	defer cancel()
	request := &machine.ApplyConfigurationRequest{Data: c.Value().Bytes(), Mode: mode}
	if mode == machine.ApplyConfigurationRequest_TRY {
		request.TryModeTimeout = durationpb.New(timeout)
	}
	_, err := n.client.ApplyConfiguration(callCtx, request)
	return n.callError(ctx, call, err)
}

// TailnetAddresses are those on the node's link tailscale0; none if it hasn't joined.
func (n *Node) TailnetAddresses(ctx context.Context) ([]netip.Addr, error) {
	callCtx, cancel := n.within(ctx)
	defer cancel()
	addresses, err := readTailnetAddresses(callCtx, n.client)
	return addresses, n.callError(ctx, "read its addresses", err)
}

// Kubeconfig of the cluster's administrator, made anew from the cluster's secrets. A
// control plane alone has it.
func (n *Node) Kubeconfig(ctx context.Context) (secret.Value, error) {
	callCtx, cancel := n.within(ctx)
	defer cancel()
	kubeconfig, err := n.client.Kubeconfig(callCtx)
	if err != nil {
		return secret.Value{}, n.callError(ctx, "read the kubeconfig", err)
	}
	if len(kubeconfig) == 0 {
		return secret.Value{}, &CallError{Node: n.node, Address: n.address, Call: "read the kubeconfig", Reason: Failed, Message: "it is empty"}
	}
	return secret.New(kubeconfig), nil
}
