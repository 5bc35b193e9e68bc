package talos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	"google.golang.org/grpc/codes"
)

// WaitConfigured waits until the node opens to the cluster's secrets: its
// configuration has arrived. A worker gets there after the first control plane, which
// signs its certificate.
func (n *Node) WaitConfigured(ctx context.Context, report func(string)) error {
	return n.waitUntil(ctx, "wait for it to take its configuration", report, func(ctx context.Context) (string, error) {
		if _, err := n.version(ctx, n.client); err != nil {
			return n.whoInstead(ctx, err), nil
		}
		return "", nil
	})
}

// whoInstead says what is at the address of a node that doesn't open to our secrets.
func (n *Node) whoInstead(ctx context.Context, err error) string {
	greeting, unheard := n.greet(ctx)
	switch {
	case unheard != nil:
		return missing(err)
	case !greeting.asksForCertificate:
		return "is still in maintenance"
	case !greeting.signedBy(n.secrets.authority(), n.address):
		return "shows a certificate that the cluster's secrets did not sign: it is another cluster's machine, or of another life of this one"
	}
	return missing(err)
}

// Bootstrap starts etcd, on one control plane and once in the cluster's life. It
// tries again while the node isn't that far; if etcd has data already, it was
// started before, and all is well.
func (n *Node) Bootstrap(ctx context.Context, report func(string)) error {
	return n.waitUntil(ctx, "start etcd", report, func(ctx context.Context) (string, error) {
		callCtx, cancel := n.withinLong(ctx)
		defer cancel()
		err := n.client.Bootstrap(callCtx, &machine.BootstrapRequest{})
		switch client.StatusCode(err) {
		case codes.OK, codes.AlreadyExists:
			return "", nil
		case codes.FailedPrecondition, codes.DeadlineExceeded, codes.Canceled, codes.Unavailable:
			return missing(n.callError(ctx, "start etcd", err)), nil
		default:
			return "", n.callError(ctx, "start etcd", err)
		}
	})
}

// WaitHealthy waits until all that Talos runs on the node works: its services, etcd
// and the Kubernetes control plane among them, as Talos judges by itself. It does not
// wait until Kubernetes calls the node Ready: that takes a network plugin, which Flux
// may be the one to bring.
//
// A control plane gets there after etcd was started. The tailscale extension counts
// as well; without a key it is at work too, and asks for one.
func (n *Node) WaitHealthy(ctx context.Context, report func(string)) error {
	return n.waitUntil(ctx, "wait for its health", report, func(ctx context.Context) (string, error) {
		status, err := n.status(ctx)
		if err != nil {
			return missing(err), nil
		}
		return ailing(*status), nil
	})
}

// nodeReady is Talos' name for what Kubernetes says of the node.
const nodeReady = "nodeReady"

// ailing says what keeps Talos from being well; empty is nothing.
func ailing(status runtime.MachineStatusSpec) string {
	var unmet []string
	for _, condition := range status.Status.UnmetConditions {
		if condition.Name != nodeReady {
			unmet = append(unmet, fmt.Sprintf("%s (%s)", condition.Name, condition.Reason))
		}
	}
	slices.Sort(unmet)
	switch {
	case len(unmet) > 0:
		return "waits for " + strings.Join(unmet, ", ")
	case status.Stage != runtime.MachineStageRunning:
		return "is " + status.Stage.String()
	}
	return ""
}

// missing is what a call that failed says about a node that is waited for.
func missing(err error) string {
	var call *CallError
	if errors.As(err, &call) {
		return call.Reason.words() + ": " + call.Message
	}
	return err.Error()
}
