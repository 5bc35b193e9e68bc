// Package gate is the demo's act of readiness-gate: a cluster whose nodes are Ready and
// whose network is not, real agents that find out, and real Flux that waits.
package gate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/test/controlplane"
	"github.com/tazzo/rebirth/test/demo/show"
	"github.com/tazzo/rebirth/test/demo/stage"
	"github.com/tazzo/rebirth/test/flux"
	"github.com/tazzo/rebirth/test/kubelet"
	"github.com/tazzo/rebirth/test/network"
)

// The nodes. There are three, so that whoever is cut off can be told from the others.
const (
	broken = "worker-2"

	// The names of the shipped manifests: Kustomization, namespace, HelmRelease and
	// Deployment of a program have the same.
	upstreamName = "namespaces"
	ownName      = "readiness-gate"
	behindName   = "secret-sync"
	verdict      = "network-ready"
	logName      = "readiness-gate.jsonl"
)

var intact = []string{"worker-1", "worker-3"}

var (
	gateKey       = client.ObjectKey{Namespace: flux.Namespace, Name: "network"}
	verdictKey    = client.ObjectKey{Namespace: flux.Namespace, Name: verdict}
	deploymentKey = client.ObjectKey{Namespace: ownName, Name: ownName}
)

// Act is the act. It implements stage.Act.
type Act struct {
	stage     *stage.Stage
	behind    stage.Installation
	addresses network.Addresses
	// program and agent are the built executables.
	program, agent string

	world      *show.World[World]
	watcher    *watcher
	network    *network.Network
	controller *kubelet.Controller
	// cutOff is the agent on the broken node.
	cutOff *network.Agent
	// running ends what watches.
	running context.Context
	end     context.CancelFunc
}

// New returns the act. behind is what Flux applies behind the gate.
func New(s *stage.Stage, behind stage.Installation) *Act {
	a := &Act{stage: s, behind: behind}
	a.running, a.end = context.WithCancel(context.Background())
	return a
}

// About implements stage.Act.
func (a *Act) About() stage.About {
	return stage.About{
		Name: ownName,
		Real: []string{
			"cmd/readiness-gate, and cmd/readiness-agent for each node, as processes with what",
			"the chart gives them; CoreDNS; every probe",
		},
		Played: []string{
			"nodes, kubelets and Flannel (objects), kube-proxy and the way between nodes (relays)",
		},
		Proven: []string{
			"while the network of one node was broken, Flux applied nothing behind the gate, also when every",
			"object of Kubernetes looked right; once the network carried traffic, it went on by itself",
		},
		Log: logName,
		Look: []string{
			"kubectl --namespace flux-system get readinessgates,kustomizations",
			"kubectl --namespace flux-system get configmap network-ready-report --output go-template='{{.data.report}}'",
		},
	}
}

// Prepare implements stage.Act.
func (a *Act) Prepare(ctx context.Context, progress io.Writer) error {
	var err error
	if a.addresses, err = network.FindAddresses(); err != nil {
		return fmt.Errorf("%w; or leave this part out: make demo ARGS=\"--only secret-sync\"", err)
	}
	if err := network.Prepare(ctx, progress); err != nil {
		return err
	}
	if a.program, err = a.stage.Build(ctx, progress, "readiness-gate"); err != nil {
		return err
	}
	a.agent, err = a.stage.Build(ctx, progress, "readiness-agent")
	return err
}

// Configure implements stage.Act.
func (a *Act) Configure(_ context.Context, options *controlplane.Options) error {
	options.APIServerArgs = append(options.APIServerArgs, "--service-cluster-ip-range="+a.addresses.Services())
	return nil
}

// Start implements stage.Act.
func (a *Act) Start(ctx context.Context) error {
	a.world = show.NewWorld(a.stage.Recorder, newsOf, rowsOf)
	a.watcher = &watcher{world: a.world}
	var err error
	a.network, err = network.Start(ctx, network.Options{
		Addresses: a.addresses, Plane: a.stage.Plane, Admin: a.stage.Admin,
		Agent: a.agent, Release: ownName, Dir: a.stage.Dir, Logs: a.stage.Logs,
	})
	if err != nil {
		return err
	}
	a.stage.Recorder.Note(show.Happened, show.Demo, "CoreDNS answers; kube-proxy is played for its Service and for the API server's, at %s", a.addresses.Services())
	return nil
}

// Checks implements stage.Act.
func (a *Act) Checks(ctx context.Context) ([]show.Check, error) {
	hidden, err := a.keyIsHidden(ctx)
	return []show.Check{heldUntilOpen(a.world.Now()), hidden}, err
}

// heldUntilOpen holds if nothing behind the gate was applied before it opened.
func heldUntilOpen(w World) show.Check {
	switch {
	case !w.Applied:
		return show.Check{Text: "Flux never applied what is behind the gate"}
	case w.TooEarly:
		return show.Check{Text: "Flux applied what is behind the gate before that opened"}
	}
	return show.Check{OK: true, Text: "Flux applied nothing behind the gate before that was open"}
}

// Help implements stage.Act.
func (a *Act) Help(ctx context.Context) string {
	if a.stage.Flux == nil {
		return ""
	}
	var out strings.Builder
	gate := &v1alpha1.ReadinessGate{}
	fmt.Fprintf(&out, "\n%s %s\n", v1alpha1.ReadinessGateKind, gateKey)
	if err := a.stage.Admin.Get(ctx, gateKey, gate); err != nil {
		fmt.Fprintf(&out, "  %s\n", err)
	}
	for _, c := range gate.Status.Conditions {
		fmt.Fprintf(&out, "  %s=%s (%s): %s\n", c.Type, c.Status, c.Reason, c.Message)
	}
	tell := func(kind schema.GroupVersionKind, namespace, name string) {
		key := client.ObjectKey{Namespace: namespace, Name: name}
		condition, err := a.stage.Flux.Ready(ctx, kind, key)
		fmt.Fprintf(&out, "%s %s\n  %s=%s (%s): %s\n", kind.Kind, key, condition.Type, condition.Status, condition.Reason, condition.Message)
		if err != nil {
			fmt.Fprintf(&out, "  %s\n", err)
		}
	}
	for _, name := range []string{upstreamName, ownName, behindName} {
		tell(flux.Kustomization, flux.Namespace, name)
	}
	tell(flux.HelmRelease, ownName, ownName)
	return out.String()
}

// Stop implements stage.Act.
func (a *Act) Stop() error {
	a.end()
	var errs []error
	if a.controller != nil {
		errs = append(errs, a.controller.Stop(syscall.SIGTERM, 30*time.Second))
	}
	if a.network != nil {
		errs = append(errs, a.network.Stop())
	}
	return errors.Join(errs...)
}
