// Package evidence has what is known of a cluster's network at one moment: the
// facts that package evaluate judges. It holds no client and no judgement.
package evidence

import (
	"time"

	"github.com/tazzo/rebirth/internal/readiness/cni"
)

// Cluster is everything that one round found out.
type Cluster struct {
	// Now is when the round ended.
	Now   time.Time
	Nodes []Node
	// CNI is what the network plugin's own objects say.
	CNI cni.Finding
	DNS DNS
	// Agents is what is wrong with the agents' DaemonSet; empty if nothing is.
	Agents string
	// API is the API server's ClusterIP and port, "" if its Service is not there.
	API string
	// Reports are the agents' answers, by node.
	Reports map[string]Report
	// Sandboxes are what is known of new pods, by node.
	Sandboxes map[string]Sandbox
	// Unobserved says why something could not be read at all; empty if all could.
	Unobserved string
}

// Node is a node.
type Node struct {
	Name    string
	Created time.Time
	Ready   bool
	// NotReadyReason is the message of the condition Ready while it is not true.
	NotReadyReason string
	// ReadyChanged is when Ready last changed.
	ReadyChanged time.Time
	// Deleting: the node is being removed.
	Deleting bool
	// AgentAbsent says why no agent's pod is on the node, "" if one is.
	AgentAbsent string
}

// DNS is the cluster's DNS service.
type DNS struct {
	// Service is "namespace/name".
	Service string
	// ClusterIP is "" if the Service is not there.
	ClusterIP string
	// Port that the Service answers on; 0 is 53.
	Port uint16
	// Ready are the addresses (ip:port) of ready endpoints.
	Ready []string
	// Waiting says of pods behind the service that are not ready what they wait for.
	Waiting []string
}

// Report is what one agent answered, or why it did not.
type Report struct {
	// Missing says why there is no answer; then there are no results.
	Missing string
	Results []Result
}

// Kind is a kind of probe.
type Kind string

// The kinds of probes.
const (
	DNSProbe      Kind = "dns"
	ServiceProbe  Kind = "service"
	PeerProbe     Kind = "peers"
	EndpointProbe Kind = "endpoint"
)

// Result is the result of one probe.
type Result struct {
	Kind Kind
	// Target is what was probed, in words: an address, a peer's node, a name.
	Target string
	OK     bool
	// Peer is the other node of a PeerProbe.
	Peer string
	// Message says what went wrong.
	Message string
	// Optional results are reported and keep nothing shut.
	Optional bool
}

// Sandbox is what is known of new pods on a node.
type Sandbox struct {
	// Proven is when the newest pod on the pod network got its sandbox.
	Proven time.Time
	// NeededSince is when a newer proof became necessary: the network plugin's pod
	// restarted, one of the program's own pods got no sandbox, or no canary pod came
	// round for too long.
	NeededSince time.Time
	// Due: it is time for the next proof, by routine or because another pod got no
	// sandbox; the last one still holds.
	Due bool
	// Why names the reason.
	Why string
	// Failed is the message of the newest event FailedCreatePodSandBox of the program's
	// own pods after the last proof.
	Failed string
	// Canary says what keeps a canary pod from proving it, "" if nothing is known to.
	Canary string
}
