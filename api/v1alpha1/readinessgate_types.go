package v1alpha1

import (
	"github.com/fluxcd/pkg/apis/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ReadinessGateKind is the kind's name.
const ReadinessGateKind = "ReadinessGate"

// ReadinessGateSpec says what must be proven of the cluster's network, on how many
// nodes and for how long, before a ConfigMap says that it is ready.
//
// A client in Go that leaves a duration out, interval excepted, sends zero, and zero
// is what it gets: set them all. A duration has at most five digits of a unit: one that
// no client could read would hide every gate from the controller.
type ReadinessGateSpec struct {
	// Publish names what is published.
	// +required
	Publish PublishSpec `json:"publish"`

	// Interval is the time between two rounds of probes.
	// +optional
	// +kubebuilder:default="10s"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(\.[0-9]{1,9})?(ms|s|m|h)){1,4}$`
	Interval metav1.Duration `json:"interval,omitzero"`

	// Nodes says which nodes count, and how many of them must pass.
	// +optional
	// +kubebuilder:default:={}
	Nodes GateNodes `json:"nodes,omitempty"`

	// Hysteresis keeps the verdict from flapping.
	// +optional
	// +kubebuilder:default:={}
	Hysteresis GateHysteresis `json:"hysteresis,omitempty"`

	// Mode: Continuous withdraws the verdict when the network breaks, or nobody stood
	// behind it for too long; Latch keeps it once it was given, until the cluster is
	// another one or the gate is deleted.
	// +optional
	// +kubebuilder:default=Continuous
	Mode GateMode `json:"mode,omitempty"`

	// MaxWait is how long a gate may be shut until it says Stalled, however often the
	// controller starts anew. It stays shut, and goes on probing. Zero is for ever.
	// +optional
	// +kubebuilder:default="20m"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(\.[0-9]{1,9})?(ms|s|m|h)){1,4}$`
	MaxWait metav1.Duration `json:"maxWait,omitempty"`

	// Checks says what is checked.
	// +optional
	// +kubebuilder:default:={}
	Checks GateChecks `json:"checks,omitempty"`

	// Suspend stops all work on this gate; what is published stays as it is.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
}

// PublishSpec names what is published.
type PublishSpec struct {
	// ConfigMapName is the ConfigMap, in the gate's namespace, that exists only
	// while the network is ready. A second one, with "-report" behind the name,
	// always exists and says which node fails which check. It can't be changed: what
	// was published under the former name would stay.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=246
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="configMapName is immutable: delete the gate and make another one"
	ConfigMapName string `json:"configMapName"`
}

// GateNodes says which nodes count.
type GateNodes struct {
	// Min is the least number of nodes that must exist and pass.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=1
	Min int32 `json:"min,omitempty"`
	// SettleFor is how long the set of nodes must stay the same before the gate
	// opens for the first time.
	// +optional
	// +kubebuilder:default="30s"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(\.[0-9]{1,9})?(ms|s|m|h)){1,4}$`
	SettleFor metav1.Duration `json:"settleFor,omitempty"`
	// NewNodeGrace is how long a node that joins an open gate may take until it
	// counts though it fails; one that passes counts at once, and one that joins a
	// gate that is shut does, too.
	// +optional
	// +kubebuilder:default="3m"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(\.[0-9]{1,9})?(ms|s|m|h)){1,4}$`
	NewNodeGrace metav1.Duration `json:"newNodeGrace,omitempty"`
	// NotReadyGrace is how long a node may be NotReady until it no longer counts: a
	// node that is switched off must not keep the gate shut for ever. One that is
	// NotReady because its network plugin is down always counts, however long; and
	// before the first opening every node does.
	// +optional
	// +kubebuilder:default="2m"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(\.[0-9]{1,9})?(ms|s|m|h)){1,4}$`
	NotReadyGrace metav1.Duration `json:"notReadyGrace,omitempty"`
	// QuorumPercent of the eligible nodes must pass to keep an open gate open. For
	// the first opening every one must.
	// +optional
	// +kubebuilder:default=90
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	QuorumPercent int32 `json:"quorumPercent,omitempty"`
}

// GateHysteresis keeps the verdict from flapping.
type GateHysteresis struct {
	// OpenAfter is how many rounds in a row must pass.
	// +optional
	// +kubebuilder:default=3
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	OpenAfter int32 `json:"openAfter,omitempty"`
	// CloseAfter is how long rounds must fail.
	// +optional
	// +kubebuilder:default="60s"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(\.[0-9]{1,9})?(ms|s|m|h)){1,4}$`
	CloseAfter metav1.Duration `json:"closeAfter,omitempty"`
}

// GateMode says whether a verdict can be withdrawn.
// +kubebuilder:validation:Enum=Continuous;Latch
type GateMode string

// The gate's modes.
const (
	GateContinuous GateMode = "Continuous"
	GateLatch      GateMode = "Latch"
)

// GateChecks says what is checked. Objects are always checked; sandbox, dns, service
// and peers are, too, unless they say "disabled: true".
type GateChecks struct {
	// CNI is the network plugin whose own signs are read.
	// +optional
	// +kubebuilder:default:={}
	CNI CNICheck `json:"cni,omitempty"`
	// Sandbox: a pod on the pod network was started on each node since it booted.
	// +optional
	// +kubebuilder:default:={}
	Sandbox SandboxCheck `json:"sandbox,omitempty"`
	// DNS: every node resolves names through the service and each endpoint.
	// +optional
	// +kubebuilder:default:={}
	DNS DNSCheck `json:"dns,omitempty"`
	// Service: every node reaches the API server through its ClusterIP.
	// +optional
	// +kubebuilder:default:={}
	Service ServiceCheck `json:"service,omitempty"`
	// Peers: nodes reach each other's pods, with large packets.
	// +optional
	// +kubebuilder:default:={}
	Peers PeersCheck `json:"peers,omitempty"`
	// Endpoints are further targets, reported apart.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Endpoints []EndpointCheck `json:"endpoints,omitempty"`
}

// CNIProvider is a network plugin.
// +kubebuilder:validation:Enum=Auto;Flannel;Cilium;Calico;Kindnet;Generic
type CNIProvider string

// The network plugins that are known.
const (
	CNIAuto    CNIProvider = "Auto"
	CNIFlannel CNIProvider = "Flannel"
	CNICilium  CNIProvider = "Cilium"
	CNICalico  CNIProvider = "Calico"
	CNIKindnet CNIProvider = "Kindnet"
	CNIGeneric CNIProvider = "Generic"
)

// CNICheck says which network plugin's signs are read.
type CNICheck struct {
	// Provider. Auto looks for the DaemonSets of those that are known, and says
	// what it found. Generic reads nobody's signs: traffic alone decides.
	// +optional
	// +kubebuilder:default=Auto
	Provider CNIProvider `json:"provider,omitempty"`
	// Namespace of the plugin's DaemonSet; where the plugin is usually by default.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`
	// DaemonSet is the name of the plugin's DaemonSet; the usual one by default.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	DaemonSet string `json:"daemonSet,omitempty"`
}

// SandboxCheck says when a new pod must prove that sandboxes can be made.
type SandboxCheck struct {
	// Disabled switches the check off.
	// +optional
	Disabled bool `json:"disabled,omitempty"`
	// CanaryEvery is how often a short-lived pod is started on each node, beside
	// those after a reboot, a restart of the plugin, or any pod's failed sandbox. Zero
	// is only after those. If none comes round for as long again the node fails; with
	// zero, half an hour after a failed sandbox.
	// +optional
	// +kubebuilder:default="30m"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^(0|([0-9]{1,5}(\.[0-9]{1,9})?(ms|s|m|h)){1,4})$`
	CanaryEvery metav1.Duration `json:"canaryEvery,omitempty"`
}

// DNSCheck says what must resolve.
type DNSCheck struct {
	// Disabled switches the check off.
	// +optional
	Disabled bool `json:"disabled,omitempty"`
	// Service is "namespace/name" of the DNS service; kube-system/kube-dns by default.
	// +optional
	// +kubebuilder:default="kube-system/kube-dns"
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?/[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Service string `json:"service,omitempty"`
	// ClusterDomain is the domain of the cluster's services.
	// +optional
	// +kubebuilder:default="cluster.local"
	// +kubebuilder:validation:MaxLength=253
	ClusterDomain string `json:"clusterDomain,omitempty"`
	// MinEndpoints is the least number of ready DNS endpoints.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=1
	MinEndpoints int32 `json:"minEndpoints,omitempty"`
	// ExternalNames must resolve too, to any address of either family.
	// +optional
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=253
	ExternalNames []string `json:"externalNames,omitempty"`
}

// ServiceCheck is the way through a ClusterIP.
type ServiceCheck struct {
	// Disabled switches the check off.
	// +optional
	Disabled bool `json:"disabled,omitempty"`
}

// PeersCheck is the way from node to node.
type PeersCheck struct {
	// Disabled switches the check off.
	// +optional
	Disabled bool `json:"disabled,omitempty"`
	// Fanout is how many other nodes each node tries in a round.
	// +optional
	// +kubebuilder:default=3
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=16
	Fanout int32 `json:"fanout,omitempty"`
	// Payload is the size of what is sent and must come back, at most 64Ki: more
	// than a packet, so that a wrong MTU shows.
	// +optional
	// +kubebuilder:default="8Ki"
	// +kubebuilder:validation:XValidation:rule="quantity(string(self)).compareTo(quantity('64Ki')) <= 0 && quantity(string(self)).isGreaterThan(quantity('0'))",message="payload is more than 0 and at most 64Ki"
	Payload resource.Quantity `json:"payload,omitzero"`
}

// EndpointCheck is a further target.
type EndpointCheck struct {
	// Name for the report.
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`
	// TCP is "host:port"; a connection must be accepted.
	// +required
	// +kubebuilder:validation:MaxLength=260
	// +kubebuilder:validation:Pattern=`^(\[[0-9a-fA-F:]+\]|[^:\[\]\s]+):[0-9]{1,5}$`
	TCP string `json:"tcp"`
	// Required endpoints keep the gate shut; the others are only reported.
	// +optional
	Required bool `json:"required,omitempty"`
}

// ReadinessGateStatus is what was found out.
type ReadinessGateStatus struct {
	meta.ReconcileRequestStatus `json:",inline"`

	// ObservedGeneration is the generation of the spec that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Conditions: Ready, Reconciling, Stalled.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// Open is true while the verdict is published.
	// +optional
	// +kubebuilder:default=false
	Open bool `json:"open"`
	// Since is when Open last changed.
	// +optional
	Since *metav1.Time `json:"since,omitempty"`
	// OpenedOnce is true once the gate was open in this cluster.
	// +optional
	OpenedOnce bool `json:"openedOnce,omitempty"`
	// WaitingSince is since when the gate is shut, for maxWait.
	// +optional
	WaitingSince *metav1.Time `json:"waitingSince,omitempty"`
	// FailingSince is since when every round failed although the gate is still open.
	// +optional
	FailingSince *metav1.Time `json:"failingSince,omitempty"`
	// ClusterUID is the UID of the namespace kube-system of the cluster that this
	// status was written in: in another one it proves nothing.
	// +optional
	ClusterUID string `json:"clusterUID,omitempty"`

	// CNI is the network plugin that was found, and why it was taken for that.
	// +optional
	CNI string `json:"cni,omitempty"`
	// Nodes counts the nodes.
	// +optional
	Nodes GateNodeCounts `json:"nodes,omitempty"`
	// Failing lists the first of what fails: the whole is in the report.
	// +optional
	// +kubebuilder:validation:MaxItems=20
	Failing []GateFailure `json:"failing,omitempty"`
}

// GateNodeCounts counts nodes.
type GateNodeCounts struct {
	// Total is how many exist.
	Total int32 `json:"total"`
	// Eligible is how many count.
	Eligible int32 `json:"eligible"`
	// Passing is how many of those pass every check.
	Passing int32 `json:"passing"`
}

// GateFailure is one check that fails.
type GateFailure struct {
	// Node that fails; empty for a check of the whole cluster.
	// +optional
	Node string `json:"node,omitempty"`
	// Check that fails, such as "cni", "dns" or "peers".
	Check string `json:"check"`
	// Message says what fails.
	Message string `json:"message"`
	// UsualCause is what usually makes this check fail, and where to look.
	// +optional
	UsualCause string `json:"usualCause,omitempty"`
	// Since is when the check began to fail.
	Since metav1.Time `json:"since"`
}

// ReadinessGate publishes a ConfigMap that exists only while the cluster's network
// demonstrably carries traffic on every node.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=rgate,categories=rebirth
// +kubebuilder:printcolumn:name="Open",type=boolean,JSONPath=`.status.open`
// +kubebuilder:printcolumn:name="Passing",type=integer,JSONPath=`.status.nodes.passing`
// +kubebuilder:printcolumn:name="Nodes",type=integer,JSONPath=`.status.nodes.eligible`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ReadinessGate struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec ReadinessGateSpec `json:"spec"`
	// +optional
	// +kubebuilder:default:={"observedGeneration":-1}
	Status ReadinessGateStatus `json:"status,omitempty"`
}

// ReadinessGateList is a list of ReadinessGates.
//
// +kubebuilder:object:root=true
type ReadinessGateList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ReadinessGate `json:"items"`
}

// GetConditions returns the status conditions.
func (g *ReadinessGate) GetConditions() []metav1.Condition { return g.Status.Conditions }

// SetConditions replaces the status conditions.
func (g *ReadinessGate) SetConditions(conditions []metav1.Condition) {
	g.Status.Conditions = conditions
}
