package talos

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"strings"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/siderolabs/talos/pkg/machinery/client"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	"github.com/siderolabs/talos/pkg/machinery/resources/v1alpha1"

	"github.com/tazzo/rebirth/internal/bootstrap/inventory"
)

// Observe says what Talos is doing at a node's address. It never fails: what can't
// be found out is missing in the answer. Without secrets every configured machine
// is Foreign.
//
// A worker that was just configured is Unreachable until a control plane is up: its
// certificate comes from there.
func (d Dialer) Observe(ctx context.Context, node string, address netip.Addr, secrets *Secrets) inventory.Machine {
	t := d.target(node, address)
	// What answers at all answers soon.
	ctx, cancel := context.WithTimeout(ctx, 3*t.dialer.Timeout)
	defer cancel()
	machine := inventory.Machine{Node: node, Stage: inventory.Unreachable}
	greeting, err := t.greet(ctx)
	if err != nil {
		return machine
	}
	switch {
	case !greeting.asksForCertificate:
		t.observeMaintenance(ctx, &machine)
	case secrets == nil || !greeting.signedBy(secrets.authority(), address):
		machine.Stage = inventory.Foreign
	default:
		t.observeConfigured(ctx, secrets, &machine)
	}
	return machine
}

// greeting is what a TLS handshake tells: in maintenance Talos shows a certificate
// that nobody knows, and asks for none; with a configuration it asks for one.
type greeting struct {
	certificates       []*x509.Certificate
	asksForCertificate bool
}

func (t target) greet(ctx context.Context) (greeting, error) {
	ctx, cancel := t.within(ctx)
	defer cancel()
	var g greeting
	dialer := tls.Dialer{
		NetDialer: &net.Dialer{},
		Config: &tls.Config{
			// Nothing is sent; signedBy looks at the certificate.
			InsecureSkipVerify: true,
			MinVersion:         tls.VersionTLS13,
			NextProtos:         []string{"h2"},
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				g.asksForCertificate = true
				return &tls.Certificate{}, nil
			},
		},
	}
	connection, err := dialer.DialContext(ctx, "tcp", t.endpoint())
	if err != nil {
		return greeting{}, err
	}
	defer func() { _ = connection.Close() }()
	g.certificates = connection.(*tls.Conn).ConnectionState().PeerCertificates
	return g, nil
}

func (g greeting) signedBy(authority *x509.CertPool, address netip.Addr) bool {
	if len(g.certificates) == 0 {
		return false
	}
	_, err := g.certificates[0].Verify(x509.VerifyOptions{Roots: authority, DNSName: address.String()})
	return err == nil
}

func (t target) observeMaintenance(ctx context.Context, machine *inventory.Machine) {
	m, err := t.maintenance(ctx)
	if err != nil {
		return
	}
	defer m.Close()
	identity, err := m.Identity(ctx)
	if err != nil {
		return
	}
	machine.Stage = inventory.Maintenance
	machine.UUID, machine.MACs = identity.UUID, identity.MACs
	machine.Version, _ = t.version(ctx, m.client)
}

func (t target) observeConfigured(ctx context.Context, secrets *Secrets, machine *inventory.Machine) {
	n, err := t.dial(ctx, secrets)
	if err != nil {
		return
	}
	defer n.Close()
	if machine.Version, err = t.version(ctx, n.client); err != nil {
		if ReasonOf(err) == Denied {
			machine.Stage = inventory.Foreign
		}
		return
	}
	machine.Stage = inventory.Booting
	if status, err := n.status(ctx); err == nil && status.Stage == runtime.MachineStageRunning {
		machine.Stage = inventory.Running
	}
	if identity, err := n.identity(ctx); err == nil {
		machine.UUID, machine.MACs = identity.UUID, identity.MACs
	}
	machine.Bootstrapped, _ = n.Bootstrapped(ctx)
	if config, err := n.Config(ctx); err == nil {
		machine.MachineCertSANs, _ = config.MachineCertSANs()
		config.Value().Destroy()
	}
	machine.TailnetAddresses, _ = n.TailnetAddresses(ctx)
}

// version of Talos, such as v1.13.9.
func (t target) version(ctx context.Context, c *client.Client) (string, error) {
	callCtx, cancel := t.within(ctx)
	defer cancel()
	response, err := c.Version(callCtx)
	if err != nil {
		return "", t.callError(ctx, "read its version", err)
	}
	for _, m := range response.GetMessages() {
		return m.GetVersion().GetTag(), nil
	}
	return "", nil
}

// status is how far Talos has come, and what it is still waiting for.
func (n *Node) status(ctx context.Context) (*runtime.MachineStatusSpec, error) {
	callCtx, cancel := n.within(ctx)
	defer cancel()
	status, err := safe.StateGetByID[*runtime.MachineStatus](callCtx, n.client.COSI, runtime.MachineStatusID)
	if err != nil {
		return nil, n.callError(ctx, "read its status", err)
	}
	return status.TypedSpec(), nil
}

// Bootstrapped says whether etcd has been started on the node.
func (n *Node) Bootstrapped(ctx context.Context) (bool, error) {
	callCtx, cancel := n.within(ctx)
	defer cancel()
	etcd, err := safe.StateGetByID[*v1alpha1.Service](callCtx, n.client.COSI, etcdService)
	switch {
	case state.IsNotFoundError(err):
		return false, nil
	case err != nil:
		return false, n.callError(ctx, "look for etcd", err)
	}
	return etcd.TypedSpec().Running, nil
}

// etcdService is Talos' name of it.
const etcdService = "etcd"

// formatMAC is a MAC as inventory and Proxmox write it.
func formatMAC(address []byte) string { return strings.ToUpper(net.HardwareAddr(address).String()) }
