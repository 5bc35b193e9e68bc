package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/internal/readiness"
	"github.com/tazzo/rebirth/test/controlplane"
	"github.com/tazzo/rebirth/test/kubelet"
	"github.com/tazzo/rebirth/test/network"
)

// readinessGate is measured with three nodes, whose agents are real. The judgement of a
// thousand nodes needs no cluster.
var readinessGate = subject{
	names: []string{"gate-opens", "gate-agents", "gate-steady", "gate-judges"},
	possible: func() error {
		_, err := network.FindAddresses()
		return err
	},
	run: func(ctx context.Context, b *bench) error {
		if b.wanted("gate-opens") || b.wanted("gate-agents") || b.wanted("gate-steady") {
			w, err := newGateWorld(ctx, b)
			if err != nil {
				return err
			}
			defer w.stop() //nolint:errcheck // the figures are there, and the kernel ends what is left
			if err := inTurn(ctx, b, w,
				measurement[*gateWorld]{"gate-opens", b.gateOpens},
				measurement[*gateWorld]{"gate-agents", b.gateAgents},
				measurement[*gateWorld]{"gate-steady", b.gateSteady},
			); err != nil {
				return err
			}
		}
		return inTurn(ctx, b, struct{}{}, measurement[struct{}]{"gate-judges", b.gateJudges})
	},
}

const (
	gateRelease    = "readiness-gate" // and its namespace, and its Deployment's ServiceAccount
	gateUser       = "system:serviceaccount:" + gateRelease + ":" + gateRelease
	gatesNamespace = "gates"
)

// gateWorld is a small cluster whose network works, with readiness-gate in it.
type gateWorld struct {
	plane      *controlplane.ControlPlane
	admin      client.Client
	network    *network.Network
	controller *kubelet.Controller
	nodes      []string
	agents     []*network.Agent // of the nodes
}

func newGateWorld(ctx context.Context, b *bench) (*gateWorld, error) {
	w := &gateWorld{nodes: []string{"worker-1", "worker-2", "worker-3"}}
	if err := w.start(ctx, b); err != nil {
		return nil, errors.Join(err, w.stop())
	}
	return w, nil
}

func (w *gateWorld) start(ctx context.Context, b *bench) error {
	addresses, err := network.FindAddresses()
	if err != nil {
		return err
	}
	programs, err := controlplane.Prepare(ctx, nil)
	if err != nil {
		return err
	}
	chart, err := programs.RenderChart(ctx, "charts/readiness-gate", gateRelease, gateRelease, map[string]any{
		"gate": map[string]any{"enabled": false}, "gateNamespaces": []any{map[string]any{"namespace": gatesNamespace}},
	})
	if err != nil {
		return err
	}
	namespaces := fmt.Sprintf("{apiVersion: v1, kind: Namespace, metadata: {name: %s}}\n---\n{apiVersion: v1, kind: Namespace, metadata: {name: %s}}\n", gateRelease, gatesNamespace)
	if w.plane, err = b.controlPlane(ctx, []string{"--service-cluster-ip-range=" + addresses.Services()}, []byte(namespaces), chart); err != nil {
		return err
	}
	scheme, err := readiness.Scheme()
	if err != nil {
		return err
	}
	if w.admin, err = client.New(w.plane.AdminConfig(), client.Options{Scheme: scheme}); err != nil {
		return err
	}
	if err := w.startController(ctx, b, chart); err != nil {
		return err
	}
	return w.startNetwork(ctx, b, addresses)
}

func (w *gateWorld) startController(ctx context.Context, b *bench, chart []byte) error {
	program, err := b.build(ctx, "readiness-gate")
	if err != nil {
		return err
	}
	pod, err := kubelet.RenderedPod(chart, "Deployment")
	if err != nil {
		return err
	}
	w.controller, err = kubelet.StartController(ctx, w.plane, kubelet.ControllerOptions{Program: program, Pod: pod, Dir: b.dir, Log: program + ".log"})
	return err
}

// startNetwork starts everything on every node.
func (w *gateWorld) startNetwork(ctx context.Context, b *bench, addresses network.Addresses) error {
	agent, err := b.build(ctx, "readiness-agent")
	if err != nil {
		return err
	}
	if w.network, err = network.Start(ctx, network.Options{
		Addresses: addresses, Plane: w.plane, Admin: w.admin, Agent: agent, Release: gateRelease, Dir: b.dir, Logs: b.dir, Progress: b.progress,
	}); err != nil {
		return err
	}
	for _, node := range w.nodes {
		if err := w.startNode(ctx, node); err != nil {
			return err
		}
	}
	return nil
}

func (w *gateWorld) startNode(ctx context.Context, node string) error {
	if err := w.network.Join(ctx, node); err != nil {
		return err
	}
	if err := w.network.StartFlannel(ctx, node); err != nil {
		return err
	}
	agent, err := w.network.StartAgent(ctx, node)
	if err != nil {
		return err
	}
	w.agents = append(w.agents, agent)
	return w.network.ReportAgent(ctx, agent)
}

// stop ends everything, the last first. It also works on what never started.
func (w *gateWorld) stop() error {
	var errs []error
	if w.network != nil {
		errs = append(errs, w.network.Stop())
	}
	if w.controller != nil {
		errs = append(errs, w.controller.Stop(syscall.SIGTERM, 30*time.Second))
	}
	if w.plane != nil {
		errs = append(errs, w.plane.Stop())
	}
	return errors.Join(errs...)
}
