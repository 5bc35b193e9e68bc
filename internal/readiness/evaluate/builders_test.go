package evaluate_test

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/readiness/cni"
	"github.com/tazzo/rebirth/internal/readiness/evaluate"
	"github.com/tazzo/rebirth/internal/readiness/evidence"
)

var now = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)

type edit = func(*evaluate.Facts)

// facts are those of n healthy nodes, n1 and so on, an hour old, each of which
// reaches the next one, in a gate with the CRD's defaults that was never open.
func facts(n int, edits ...edit) evaluate.Facts {
	f := evaluate.Facts{
		Spec: v1alpha1.ReadinessGateSpec{
			Nodes: v1alpha1.GateNodes{
				Min: 1, QuorumPercent: 90,
				NewNodeGrace: metav1.Duration{Duration: 3 * time.Minute}, NotReadyGrace: metav1.Duration{Duration: 2 * time.Minute},
			},
			Checks: v1alpha1.GateChecks{DNS: v1alpha1.DNSCheck{MinEndpoints: 1}},
		},
		Evidence: evidence.Cluster{
			Now: now, API: "10.96.0.1:443",
			CNI:       cni.Finding{Provider: v1alpha1.CNIFlannel, Nodes: map[string]string{}},
			DNS:       evidence.DNS{Service: "kube-system/kube-dns", ClusterIP: "10.96.0.10", Ready: []string{"10.244.0.2:53"}},
			Reports:   map[string]evidence.Report{},
			Sandboxes: map[string]evidence.Sandbox{},
		},
	}
	for i := range n {
		name, next := nodeName(i), nodeName((i+1)%n)
		f.Evidence.Nodes = append(f.Evidence.Nodes, evidence.Node{
			Name: name, Created: now.Add(-time.Hour), Ready: true, ReadyChanged: now.Add(-50 * time.Minute),
		})
		f.Evidence.Sandboxes[name] = evidence.Sandbox{Proven: now.Add(-40 * time.Minute), NeededSince: now.Add(-50 * time.Minute)}
		report := evidence.Report{Results: []evidence.Result{
			{Kind: evidence.DNSProbe, Target: "kubernetes.default from the DNS service 10.96.0.10 over UDP", OK: true},
			{Kind: evidence.ServiceProbe, Target: "the API server through its ClusterIP 10.96.0.1:443", OK: true},
		}}
		if n > 1 {
			report.Results = append(report.Results, peer(next, true))
		}
		f.Evidence.Reports[name] = report
	}
	slices.Reverse(f.Evidence.Nodes) // no order is promised
	for _, edit := range edits {
		edit(&f)
	}
	return f
}

func nodeName(i int) string { return fmt.Sprintf("n%d", i+1) }

func peer(node string, ok bool) evidence.Result {
	r := evidence.Result{Kind: evidence.PeerProbe, Target: "the agent on node " + node, Peer: node, OK: ok}
	if !ok {
		r.Message = "Timeout: nothing came back"
	}
	return r
}

// openedOnce is a gate that is open, shutAgain one that is not any more.
func openedOnce(f *evaluate.Facts) { f.OpenedOnce, f.Open = true, true }

func shutAgain(f *evaluate.Facts) { f.OpenedOnce, f.Open = true, false }

// onNode edits a node.
func onNode(name string, change func(*evidence.Node)) edit {
	return func(f *evaluate.Facts) {
		i := slices.IndexFunc(f.Evidence.Nodes, func(n evidence.Node) bool { return n.Name == name })
		change(&f.Evidence.Nodes[i])
	}
}

// off is a node whose kubelet has been silent for so long.
func off(name string, since time.Duration) edit {
	return onNode(name, func(n *evidence.Node) {
		n.Ready, n.NotReadyReason, n.ReadyChanged = false, "Kubelet stopped posting node status.", now.Add(-since)
	})
}

// noNetwork is a node whose kubelet has said for so long that it has no network.
func noNetwork(name string, since time.Duration) edit {
	return onNode(name, func(n *evidence.Node) {
		n.Ready, n.ReadyChanged = false, now.Add(-since)
		n.NotReadyReason = "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:cni plugin not initialized"
	})
}

// plugin gives a node a fault of its network plugin.
func plugin(node, problem string) edit {
	return func(f *evaluate.Facts) { f.Evidence.CNI.Nodes[node] = problem }
}

// probed replaces what a node's agent found of a kind of probe.
func probed(node string, kind evidence.Kind, results ...evidence.Result) edit {
	return func(f *evaluate.Facts) {
		report := f.Evidence.Reports[node]
		report.Results = slices.DeleteFunc(slices.Clone(report.Results), func(r evidence.Result) bool { return r.Kind == kind })
		report.Results = append(report.Results, results...)
		f.Evidence.Reports[node] = report
	}
}

// silent is an agent that does not answer.
func silent(node string) edit {
	return func(f *evaluate.Facts) {
		f.Evidence.Reports[node] = evidence.Report{Missing: "the agent's pod runs, and can't be asked: Unreachable"}
	}
}

func without(node string) edit {
	return func(f *evaluate.Facts) { delete(f.Evidence.Reports, node) }
}

func sandbox(node string, s evidence.Sandbox) edit {
	return func(f *evaluate.Facts) { f.Evidence.Sandboxes[node] = s }
}

// passes judges the facts, and whether the round passes.
func passes(f evaluate.Facts) (evaluate.Round, bool) {
	r := evaluate.Judge(f)
	return r, r.Passes(f.Spec, f.OpenedOnce)
}

// failing are "node check" of all failures, and "check" for those of the cluster.
func failing(r evaluate.Round) []string {
	var out []string
	for _, f := range r.Cluster {
		out = append(out, f.Check)
	}
	for _, f := range r.Failures {
		out = append(out, f.Node+" "+f.Check)
	}
	return out
}
