package gate

import (
	"context"
	"errors"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/internal/readiness/render"
	"github.com/tazzo/rebirth/test/demo/show"
	"github.com/tazzo/rebirth/test/demo/stage"
	"github.com/tazzo/rebirth/test/flux"
	"github.com/tazzo/rebirth/test/kubelet"
	"github.com/tazzo/rebirth/test/relay"
)

type step = show.Step[World]

// Scenes implements stage.Act.
func (a *Act) Scenes() []stage.Scene {
	return []stage.Scene{
		{Title: "The nodes are Ready, and the network of one is broken", Play: a.brokenNode},
		{Title: "Half healed: every object looks right", Play: a.halfHealed},
		{Title: "Healed: the gate opens, and Flux goes on", Play: a.healed},
	}
}

func (a *Act) brokenNode(ctx context.Context) error {
	a.world.Present()
	if err := a.watcher.watch(a.running, a.stage); err != nil {
		return err
	}
	if err := a.world.Take(ctx,
		step{Actor: playedKubelet, Text: "worker-1, worker-2 and worker-3 join, and call themselves Ready", Do: a.join},
		step{Actor: playedFlannel, Text: "crashes on worker-2, so no pod there gets an address; on the others it runs", Do: a.crashFlannel},
	); err != nil {
		return err
	}
	const scene, after = "A broken network", "the manifests are pushed"
	installed := a.world.Expect(scene, after, brokenGoals()[:2]...)
	held := a.world.Expect(scene, after, brokenGoals()[2:]...)
	if err := a.world.Take(ctx, step{Actor: show.Owner, Text: "pushes manifests and charts, and the Kustomizations of both examples; secret-sync depends on readiness-gate", Do: a.install}); err != nil {
		return err
	}
	if err := installed(ctx); err != nil {
		return err
	}
	if err := a.startController(ctx); err != nil {
		return err
	}
	// The gate's first round knows of no agent yet.
	if err := a.world.Take(ctx, step{Actor: playedKubelet, Text: "starts the agents' pods, but on worker-2, where it gets no sandbox for one", Do: a.startAgents, Pause: time.Second}); err != nil {
		return err
	}
	if err := a.watcher.watchGate(a.running, a.stage); err != nil {
		return err
	}
	if err := held(ctx); err != nil {
		return err
	}
	return a.quoteReport(ctx)
}

func (a *Act) halfHealed(ctx context.Context) error {
	looksRight := a.world.Expect("Half healed", "Flannel runs on "+broken, halfHealedGoals()...)
	if err := a.world.Take(ctx,
		step{Actor: playedNetwork, Text: "a firewall rejects whatever other nodes send to pods on worker-2"},
		step{Actor: playedFlannel, Text: "now runs on worker-2 too, and the agent's pod there", Do: a.startFlannelAndAgent},
	); err != nil {
		return err
	}
	if err := looksRight(ctx); err != nil {
		return err
	}
	return a.quoteReport(ctx)
}

func (a *Act) healed(ctx context.Context) error {
	goesOn := a.world.Expect("Healed", "the last fact turns good", healedGoals()...)
	if err := a.world.Take(ctx, step{Actor: playedNetwork, Text: "the firewall lets it pass", Do: func(context.Context) error {
		return a.cutOff.Way.Resume(relay.TCP)
	}}); err != nil {
		return err
	}
	return goesOn(ctx)
}

func (a *Act) join(ctx context.Context) error {
	for _, node := range []string{intact[0], broken, intact[1]} {
		if err := a.network.Join(ctx, node); err != nil {
			return err
		}
	}
	return nil
}

func (a *Act) crashFlannel(ctx context.Context) error {
	for _, node := range intact {
		if err := a.network.StartFlannel(ctx, node); err != nil {
			return err
		}
	}
	return a.network.CrashFlannel(ctx, broken)
}

// install is all that the owner does.
func (a *Act) install(ctx context.Context) error {
	if err := errors.Join(a.stage.AddTree("manifests/readiness-gate"), a.stage.AddChart("readiness-gate"), a.behind.AddFiles()); err != nil {
		return err
	}
	if err := a.stage.Push(ctx); err != nil {
		return err
	}
	own, err := a.stage.Kustomization("readiness-gate", ownName, a.stage.FromHere(), stage.Patched(shorterTimes))
	if err != nil {
		return err
	}
	behind, err := a.behind.Kustomizations(ownName)
	if err != nil {
		return err
	}
	return a.stage.Apply(ctx, append([]*unstructured.Unstructured{own}, behind...)...)
}

// shorterTimes are what the demo shortens of the gate's defaults, 10 s and 30 s, and of
// the time after which Flux tries an installation again: Helm may look for the kind of
// the gate before the API server serves it.
const shorterTimes = `
- target: {kind: HelmRelease, name: readiness-gate}
  patch: |
    - {op: replace, path: /spec/values/gate/spec/nodes/min, value: 2}
    - {op: add, path: /spec/values/gate/spec/nodes/settleFor, value: 2s}
    - {op: add, path: /spec/values/gate/spec/interval, value: 1s}
    - {op: replace, path: /spec/install/strategy/retryInterval, value: 5s}
`

// startController plays the kubelet for the Deployment that Flux has installed.
func (a *Act) startController(ctx context.Context) error {
	deployment := &appsv1.Deployment{}
	if err := a.stage.Admin.Get(ctx, deploymentKey, deployment); err != nil {
		return err
	}
	log, err := a.stage.Log(logName)
	if err != nil {
		return err
	}
	a.controller, err = kubelet.StartController(ctx, a.stage.Plane, kubelet.ControllerOptions{
		Program: a.program, Pod: kubelet.PodOf(deployment.Spec.Template, deployment.Namespace), Dir: a.stage.Dir, Log: log,
	})
	if err != nil {
		return err
	}
	if err := flux.SetDeploymentReady(ctx, a.stage.Admin, deploymentKey, true); err != nil {
		return err
	}
	a.world.Note(show.Good, readinessGate, "is ready, with the flags of the chart's Deployment and the rights of its ServiceAccount")
	return nil
}

func (a *Act) startAgents(ctx context.Context) error {
	pod, err := a.network.AgentPod(ctx, broken)
	if err != nil {
		return err
	}
	if err := kubelet.ReportNoSandbox(ctx, a.stage.Admin, pod, `plugin type="flannel" failed (add): open /run/flannel/subnet.env: no such file or directory`); err != nil {
		return err
	}
	for _, node := range intact {
		agent, err := a.network.StartAgent(ctx, node)
		if err != nil {
			return err
		}
		if err := a.network.ReportAgent(ctx, agent); err != nil {
			return err
		}
	}
	return nil
}

// startFlannelAndAgent has everything on the broken node run, behind a way that nothing
// passes.
func (a *Act) startFlannelAndAgent(ctx context.Context) error {
	var err error
	if a.cutOff, err = a.network.StartAgent(ctx, broken); err != nil {
		return err
	}
	if err := a.cutOff.Way.Refuse(relay.TCP); err != nil {
		return err
	}
	if err := a.network.StartFlannel(ctx, broken); err != nil {
		return err
	}
	return a.network.ReportAgent(ctx, a.cutOff)
}

// quoteReport shows what a person would read, and takes the time to read it.
func (a *Act) quoteReport(ctx context.Context) error {
	report, key := &corev1.ConfigMap{}, client.ObjectKey{Namespace: verdictKey.Namespace, Name: verdictKey.Name + render.ReportSuffix}
	if err := a.stage.Admin.Get(ctx, key, report); err != nil {
		return err
	}
	a.world.Note(show.Happened, show.Owner, "reads ConfigMap %s:\n%s", key.Name, strings.TrimSpace(report.Data["report"]))
	if a.stage.Fast {
		return nil
	}
	show.Wait(ctx, 1500*time.Millisecond)
	return context.Cause(ctx)
}
