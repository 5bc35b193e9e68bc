package gate

import (
	"fmt"
	"strings"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/test/demo/show"
	"github.com/tazzo/rebirth/test/demo/stage"
)

// The actors of this act.
const (
	readinessGate  show.Actor = "readiness-gate"
	playedKubelet  show.Actor = "kubelet (played)"
	playedFlannel  show.Actor = "Flannel (played)"
	playedNetwork  show.Actor = "network (played)"
	kubernetesView show.Actor = "the API says"
)

// World is what is seen in the API server.
type World struct {
	// Nodes and Flannel count what Kubernetes itself says of nodes and of Flannel's
	// pods, and DNS the endpoints of kube-dns that are ready.
	Nodes, Flannel Count
	DNS            int
	// Gate is what the ReadinessGate says, and Failing the nodes and checks in its
	// status, such as "worker-2 cni".
	Gate    stage.Status
	Failing string
	// Verdict: the ConfigMap exists.
	Verdict bool
	// Upstream, Own and Behind are the Kustomizations namespaces, readiness-gate and
	// secret-sync, and Release is the HelmRelease of readiness-gate's chart.
	Upstream, Own, Behind, Release stage.Status
	// Applied: what is behind the gate has been applied; TooEarly: without a verdict.
	Applied, TooEarly bool
}

// Count is how many of all are ready.
type Count struct{ Ready, All int }

func (c Count) String() string { return fmt.Sprintf("%d of %d", c.Ready, c.All) }

func (c Count) complete() bool { return c.All > 0 && c.Ready == c.All }

// objectsRight reports whether whoever looks at objects alone calls the network ready.
func (w World) objectsRight() bool {
	return w.Nodes.complete() && w.Flannel.complete() && w.Nodes.All == w.Flannel.All && w.DNS > 0
}

func (w World) objects() string {
	return fmt.Sprintf("nodes Ready: %s, Flannel's pods ready: %s, CoreDNS' endpoints ready: %d", w.Nodes, w.Flannel, w.DNS)
}

// newsOf compares two worlds.
func newsOf(before, after World) []show.News {
	var all []show.News
	say := func(mark show.Mark, actor show.Actor, format string, args ...any) {
		all = append(all, show.News{Mark: mark, Actor: actor, Text: fmt.Sprintf(format, args...)})
	}
	if after.objectsRight() && !before.objectsRight() {
		say(show.Good, kubernetesView, "%s: all is well", after.objects())
	}
	if after.Release.Ready() && !before.Release.Ready() {
		say(show.Good, show.Flux, "HelmRelease readiness-gate is installed: controller, agents and the gate")
	}
	if after.Gate != before.Gate && after.Gate.State != "" {
		mark, text := gateLine(after.Gate)
		say(mark, readinessGate, "%s", strings.ReplaceAll(text, "; node ", "\nnode "))
	}
	if after.Verdict && !before.Verdict {
		say(show.Good, readinessGate, "publishes ConfigMap %s", verdict)
	}
	if before.Verdict && !after.Verdict {
		say(show.Bad, readinessGate, "withdraws ConfigMap %s", verdict)
	}
	all = append(all, stage.KustomizationNews(upstreamName, before.Upstream, after.Upstream)...)
	all = append(all, stage.KustomizationNews(ownName, before.Own, after.Own)...)
	if !after.Verdict {
		all = append(all, stage.KustomizationNews(behindName, before.Behind, after.Behind)...)
	}
	if after.Applied && !before.Applied {
		say(show.GoodIf(!after.TooEarly), show.Flux, "goes on: applies Kustomization %s", behindName)
	}
	return all
}

// gateLine is the gate's status for a person, in full: it names what fails.
func gateLine(s stage.Status) (show.Mark, string) {
	switch s.Reason {
	case v1alpha1.GateOpenReason, v1alpha1.GateFailingReason:
		return show.Good, "is open: " + s.Message
	case v1alpha1.GateSettlingReason:
		return show.Waiting, "is shut, and settling: " + s.Message
	default:
		return show.Bad, "is shut: " + s.Message
	}
}

// rowsOf is the present state.
func rowsOf(w World) []show.Row {
	gate, text := gateLine(w.Gate)
	if w.Gate.State == "" {
		gate, text = show.Waiting, ""
	}
	published := "no ConfigMap"
	if w.Verdict {
		published = "ConfigMap " + verdict
	}
	return []show.Row{
		{Mark: show.GoodIf(w.Nodes.complete()), What: "nodes Ready", Text: w.Nodes.String()},
		{Mark: show.GoodIf(w.Flannel.complete()), What: "Flannel's pods", Text: w.Flannel.String()},
		{Mark: show.GoodIf(w.DNS > 0), What: "CoreDNS", Text: fmt.Sprintf("%d ready", w.DNS)},
		{Mark: gate, What: "gate", Text: text},
		{Mark: show.GoodIf(w.Verdict), What: "verdict", Text: published},
		{Mark: w.Own.Mark(), What: ownName, Text: "Kustomization " + stage.KustomizationLine(w.Own)},
		{Mark: w.Behind.Mark(), What: behindName, Text: "Kustomization " + stage.KustomizationLine(w.Behind)},
	}
}
