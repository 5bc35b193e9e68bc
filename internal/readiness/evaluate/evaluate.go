// Package evaluate judges one round: which nodes count, and which of them fail
// which check. It is pure. What a single round means for the verdict is decided in
// package settle.
//
// Whatever is not known counts as failing, never as passing.
package evaluate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/quote"
	"github.com/tazzo/rebirth/internal/readiness/evidence"
)

// The checks' names, as they stand in status, report and metrics.
const (
	CheckNodes    = "nodes"
	CheckCNI      = "cni"
	CheckAgent    = "agent"
	CheckSandbox  = "sandbox"
	CheckDNS      = "dns"
	CheckService  = "service"
	CheckPeers    = "peers"
	CheckEndpoint = "endpoint"
	CheckAPI      = "api"
)

// Failure is one check that fails.
type Failure struct {
	// Node is empty for a check of the whole cluster.
	Node    string
	Check   string
	Message string
}

// Round is the judgement of one round.
type Round struct {
	// Total, Eligible and Passing count nodes.
	Total, Eligible, Passing int
	// Nodes are the names of all nodes, sorted: a change restarts settling.
	Nodes []string
	// Cluster are failures of no single node; any of them fails the round.
	Cluster []Failure
	// Failures are those of eligible nodes.
	Failures []Failure
	// Excused are nodes that do not count, and why.
	Excused []Failure
	// Reported are failures that keep nothing shut.
	Reported []Failure
}

// Facts is what a round is judged by.
type Facts struct {
	Spec     v1alpha1.ReadinessGateSpec
	Evidence evidence.Cluster
	// OpenedOnce: the gate was open before. Until then every node counts.
	OpenedOnce bool
	// Open: the gate is open now. Nobody joins one that is shut.
	Open bool
	// Since is when the gate last opened or shut. Whoever was there by then has not
	// joined an open gate, however young.
	Since time.Time
}

// longest is how many characters a failure's message may have. Some are of strangers, of
// a kubelet or a container runtime, say, and all end up in a report and a status.
const longest = 1000

// Judge judges a round.
func Judge(f Facts) Round {
	r := judge(f)
	for _, failures := range [][]Failure{r.Cluster, r.Failures, r.Excused, r.Reported} {
		for i := range failures {
			failures[i].Message = quote.Line(failures[i].Message, longest)
		}
	}
	return r
}

func judge(f Facts) Round {
	r := Round{Total: len(f.Evidence.Nodes)}
	if f.Evidence.Unobserved != "" {
		r.Cluster = append(r.Cluster, Failure{Check: CheckAPI, Message: f.Evidence.Unobserved})
		return r
	}
	r.Cluster = clusterFailures(f)
	var eligible, joining []evidence.Node
	for _, node := range sortedNodes(f.Evidence.Nodes) {
		r.Nodes = append(r.Nodes, node.Name)
		switch why := excused(f, node); {
		case why != "":
			r.Excused = append(r.Excused, Failure{Node: node.Name, Check: CheckNodes, Message: why})
		case joins(f, node):
			joining = append(joining, node)
		default:
			eligible = append(eligible, node)
		}
	}
	peers := newPeers(f, eligible)
	for _, node := range eligible {
		r.count(nodeFailures(f, node, peers))
	}
	for _, node := range joining {
		failures, reported := nodeFailures(f, node, peers)
		if len(failures) == 0 {
			r.count(nil, reported)
			continue
		}
		r.Excused = append(r.Excused, Failure{Node: node.Name, Check: CheckNodes, Message: fmt.Sprintf(
			"the node joined less than %s ago (spec.nodes.newNodeGrace) and does not pass yet: %s: %s",
			f.Spec.Nodes.NewNodeGrace.Duration, failures[0].Check, failures[0].Message)})
	}
	if wanted := int(f.Spec.Nodes.Min); r.Eligible < wanted {
		r.Cluster = append(r.Cluster, Failure{Check: CheckNodes, Message: fmt.Sprintf(
			"%d nodes count, and spec.nodes.min is %d: wait for nodes to join, or lower it", r.Eligible, wanted)})
	}
	return r
}

// count adds an eligible node, which passes if it has no failures.
func (r *Round) count(failures, reported []Failure) {
	r.Eligible++
	r.Reported = append(r.Reported, reported...)
	r.Failures = append(r.Failures, failures...)
	if len(failures) == 0 {
		r.Passing++
	}
}

// Passes reports whether the round is good enough: for a first opening every
// eligible node must pass, afterwards the quorum.
func (r Round) Passes(spec v1alpha1.ReadinessGateSpec, openedOnce bool) bool {
	if len(r.Cluster) > 0 || r.Passing < max(1, int(spec.Nodes.Min)) {
		return false
	}
	if !openedOnce {
		return r.Passing == r.Eligible
	}
	return r.Passing*100 >= r.Eligible*int(spec.Nodes.QuorumPercent)
}

// excused says why a node does not count. Before the first opening every node that
// stays does: one that never came up is just what the gate is there to see. And at
// no time does a node stop counting because its network is not ready.
func excused(f Facts, node evidence.Node) string {
	now := f.Evidence.Now
	switch {
	case node.Deleting:
		return "the node is being removed"
	case !f.OpenedOnce:
		return ""
	case !node.Ready && !blamesNetwork(node) && now.Sub(node.ReadyChanged) >= f.Spec.Nodes.NotReadyGrace.Duration:
		return fmt.Sprintf("the node has been NotReady for more than %s (spec.nodes.notReadyGrace): %s", f.Spec.Nodes.NotReadyGrace.Duration, node.NotReadyReason)
	}
	return ""
}

// joins reports whether the node has just joined an open gate: such a one counts as soon
// as it passes, and against the gate only after its time. One that joins while the gate
// is shut would let it open over what is broken there.
func joins(f Facts, node evidence.Node) bool {
	// Creations have whole seconds.
	return f.Open && !node.Created.Before(f.Since.Truncate(time.Second)) &&
		f.Evidence.Now.Sub(node.Created) < f.Spec.Nodes.NewNodeGrace.Duration
}

// clusterFailures are those of no single node.
func clusterFailures(f Facts) []Failure {
	var out []Failure
	fail := func(check, format string, args ...any) {
		out = append(out, Failure{Check: check, Message: fmt.Sprintf(format, args...)})
	}
	if f.Evidence.CNI.Cluster != "" {
		fail(CheckCNI, "%s", f.Evidence.CNI.Cluster)
	}
	if f.Evidence.Agents != "" {
		fail(CheckAgent, "%s", f.Evidence.Agents)
	}
	if dns := f.Evidence.DNS; !f.Spec.Checks.DNS.Disabled {
		switch wanted := int(f.Spec.Checks.DNS.MinEndpoints); {
		case dns.ClusterIP == "":
			fail(CheckDNS, "there is no Service %s with a ClusterIP: is CoreDNS installed? Name its Service in spec.checks.dns.service", dns.Service)
		case len(dns.Ready) < wanted:
			fail(CheckDNS, "Service %s has %d ready endpoints and needs %d%s", dns.Service, len(dns.Ready), wanted, waiting(dns.Waiting))
		}
	}
	if !f.Spec.Checks.Service.Disabled && f.Evidence.API == "" {
		fail(CheckService, "there is no Service default/kubernetes with a ClusterIP: the API server makes it at its start")
	}
	return out
}

func waiting(pods []string) string {
	if len(pods) == 0 {
		return ": no pod behind it has an address yet"
	}
	return ": " + strings.Join(pods, "; ")
}

// nodeFailures are those of one node, the earliest cause alone: a node whose
// network plugin does not run fails everything else for that reason.
func nodeFailures(f Facts, node evidence.Node, peers peers) (failures, reported []Failure) {
	if check, problem := fault(f, node); problem != "" {
		return []Failure{{Node: node.Name, Check: check, Message: problem}}, nil
	}
	report, ok := f.Evidence.Reports[node.Name]
	switch {
	case !ok:
		return []Failure{{Node: node.Name, Check: CheckAgent, Message: "nothing is known of an agent on this node"}}, nil
	case report.Missing != "":
		return []Failure{{Node: node.Name, Check: CheckAgent, Message: report.Missing}}, nil
	}
	return traffic(f, node.Name, report, peers)
}

// fault is what is wrong with a node before an agent says anything.
func fault(f Facts, node evidence.Node) (check, problem string) {
	plugin, sandbox := f.Evidence.CNI.Nodes[node.Name], sandbox(f, node)
	switch {
	// The plugin's pod of a node that is off isn't Ready either.
	case !node.Ready && !blamesNetwork(node):
		return CheckNodes, "the node is NotReady: " + cmp.Or(node.NotReadyReason, "no reason given")
	case plugin != "":
		return CheckCNI, plugin
	case !node.Ready:
		return CheckCNI, "the node is NotReady: " + node.NotReadyReason
	// An agent's pod that is there and waits may well wait for its sandbox.
	case node.AgentAbsent != "":
		return CheckAgent, node.AgentAbsent
	case sandbox != "":
		return CheckSandbox, sandbox
	}
	return "", ""
}

// networkNotReady is how the kubelet says in the message of a node's condition Ready
// that the container runtime has no network: it prints CRI's condition NetworkReady
// (kubernetes, pkg/kubelet/container/runtime.go). The reason is always KubeletNotReady.
const networkNotReady = "NetworkReady=false"

// blamesNetwork reports whether the kubelet of a node that is NotReady lives, and says
// that it is for the network.
func blamesNetwork(node evidence.Node) bool {
	return strings.Contains(node.NotReadyReason, networkNotReady)
}

// traffic judges what an agent's probes found.
func traffic(f Facts, node string, report evidence.Report, peers peers) (failures, reported []Failure) {
	seen := map[evidence.Kind]bool{}
	for _, result := range report.Results {
		if !result.Optional {
			seen[result.Kind] = true
		}
		if result.OK || peers.toBlame(node, result) {
			continue
		}
		failure := Failure{Node: node, Check: string(result.Kind), Message: fmt.Sprintf("%s: %s", result.Target, result.Message)}
		if result.Optional {
			reported = append(reported, failure)
		} else {
			failures = append(failures, failure)
		}
	}
	for kind, check := range expected(f, peers) {
		if check && !seen[kind] {
			failures = append(failures, Failure{Node: node, Check: string(kind), Message: "the agent's answer holds no such probe, so nothing is known"})
		}
	}
	slices.SortStableFunc(failures, byCheck)
	slices.SortStableFunc(reported, byCheck)
	return failures, reported
}

// expected says which kinds of probes an answer must hold. A node alone has no peer.
func expected(f Facts, peers peers) map[evidence.Kind]bool {
	return map[evidence.Kind]bool{
		evidence.DNSProbe:      !f.Spec.Checks.DNS.Disabled,
		evidence.ServiceProbe:  !f.Spec.Checks.Service.Disabled,
		evidence.PeerProbe:     !f.Spec.Checks.Peers.Disabled && peers.answering > 1,
		evidence.EndpointProbe: slices.ContainsFunc(f.Spec.Checks.Endpoints, func(e v1alpha1.EndpointCheck) bool { return e.Required }),
	}
}

// sandbox says what is wrong with new pods on the node.
func sandbox(f Facts, node evidence.Node) string {
	if f.Spec.Checks.Sandbox.Disabled {
		return ""
	}
	s, ok := f.Evidence.Sandboxes[node.Name]
	canary := ""
	if s.Canary != "" {
		canary = "; " + s.Canary
	}
	switch {
	case s.Failed != "":
		return "the last pod on this node got no sandbox: " + s.Failed
	case !ok || s.Proven.IsZero():
		return "no pod on the pod network has started on this node yet" + canary
	case s.Proven.Before(s.NeededSince):
		return fmt.Sprintf("no pod has started here since %s (%s)%s", s.NeededSince.UTC().Format(time.RFC3339), s.Why, canary)
	}
	return ""
}

func sortedNodes(nodes []evidence.Node) []evidence.Node {
	return slices.SortedFunc(slices.Values(nodes), func(a, b evidence.Node) int { return cmp.Compare(a.Name, b.Name) })
}

func byCheck(a, b Failure) int { return cmp.Compare(a.Check, b.Check) }
