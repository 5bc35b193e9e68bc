package v1alpha1

import (
	"github.com/fluxcd/pkg/apis/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SecretImportKind is the kind's name.
const SecretImportKind = "SecretImport"

// SecretImportSpec says which export is mirrored, into which Secret, and which
// processes are restarted when it changes.
//
// +kubebuilder:validation:XValidation:rule="!has(self.existing) || self.existing == 'Refuse' || (has(self.target) && has(self.target.name))",message="existing: Adopt and TakeOver need target.name, or the export's owner would choose which Secret is taken"
type SecretImportSpec struct {
	// From names the export.
	// +required
	From ExportReference `json:"from"`

	// Target is the Secret that is written, in this namespace.
	// +optional
	Target ImportTarget `json:"target,omitempty"`

	// Existing says what to do with a Secret of the target's name that is not
	// this import's. Refuse leaves it alone. Adopt takes one that nobody owns.
	// TakeOver also takes one from the ExternalSecret named in externalSecret.
	// Both of them need target.name.
	// +optional
	// +kubebuilder:default=Refuse
	Existing ExistingPolicy `json:"existing,omitempty"`

	// ExternalSecret is what TakeOver takes the target from.
	// +optional
	ExternalSecret *ExternalSecretReference `json:"externalSecret,omitempty"`

	// Restart says which processes are restarted when the mirror changes.
	// +optional
	// +kubebuilder:default:={"mode":"Auto"}
	Restart RestartSpec `json:"restart,omitempty"`

	// Suspend stops all work on this import; the mirror stays as it is.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
}

// ExportReference names a SecretExport.
type ExportReference struct {
	// Namespace of the export.
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Namespace string `json:"namespace"`
	// Name of the export.
	// +required
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name"`
}

// ImportTarget is the Secret that is written.
//
// +kubebuilder:validation:XValidation:rule="!has(self.keys) || self.keys.all(k, self.keys.exists_one(o, (has(o.to) ? o.to : o.from) == (has(k.to) ? k.to : k.from)))",message="two entries of keys write the same key"
// +kubebuilder:validation:XValidation:rule="!has(self.keys) || !has(self.template) || self.keys.all(k, !((has(k.to) ? k.to : k.from) in self.template))",message="keys and template write the same key"
type ImportTarget struct {
	// Name of the Secret; by default the name that the source Secret has when the
	// mirror is first written. Name it if you don't trust the export's owner with that
	// choice: a new Secret is read by whatever refers to one of its name as optional.
	// When the name is changed, the former Secret stays as it is until the import is
	// deleted: its consumers may still need it. When the source's name is changed and
	// none is given here, the import is Stalled, and its mirror stays as it is.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name,omitempty"`

	// Keys selects and renames exported keys. Every exported key by default; an
	// empty list selects none, for a target that holds templates only.
	// +optional
	// +kubebuilder:validation:MaxItems=256
	Keys []KeyMapping `json:"keys,omitzero"`

	// Template adds keys whose values are Go templates over the exported keys,
	// such as "postgres://{{ .user }}:{{ .password | urlquery }}@{{ .host }}".
	// Keys with other characters than letters, digits and "_" are reached with
	// index: {{ index . "ca.crt" }}.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^[-._a-zA-Z0-9]+$') && size(k) <= 253)",message="a key consists of letters, digits, '-', '_' and '.'"
	Template map[string]TemplateText `json:"template,omitempty"`
}

// TemplateText is the text of a Go template.
// +kubebuilder:validation:MaxLength=4096
type TemplateText string

// KeyMapping copies one key.
type KeyMapping struct {
	// From is the exported key.
	// +required
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	From string `json:"from"`
	// To is the key in the target; the same by default.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	To string `json:"to,omitempty"`
}

// ExistingPolicy says what to do with a Secret that is not this import's.
// +kubebuilder:validation:Enum=Refuse;Adopt;TakeOver
type ExistingPolicy string

// The policies for an existing Secret.
const (
	ExistingRefuse   ExistingPolicy = "Refuse"
	ExistingAdopt    ExistingPolicy = "Adopt"
	ExistingTakeOver ExistingPolicy = "TakeOver"
)

// ExternalSecretReference names an ExternalSecret in this namespace.
type ExternalSecretReference struct {
	// Name of the ExternalSecret; the target's name by default.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name,omitempty"`
	// Method of taking over. Cooperate: Git sets creationPolicy Orphan and
	// refreshPolicy CreatedOnce, so that the ExternalSecret only seeds day zero.
	// Freeze: the controller sets them on the live object and keeps Flux from
	// setting them back; it needs the chart's value imports[].freeze.
	// +optional
	// +kubebuilder:default=Cooperate
	Method TakeOverMethod `json:"method,omitempty"`
}

// TakeOverMethod is how an ExternalSecret is kept from writing.
// +kubebuilder:validation:Enum=Cooperate;Freeze
type TakeOverMethod string

// The methods of taking over.
const (
	TakeOverCooperate TakeOverMethod = "Cooperate"
	TakeOverFreeze    TakeOverMethod = "Freeze"
)

// RestartSpec says which processes are restarted.
//
// +kubebuilder:validation:XValidation:rule="self.mode != 'Listed' || (has(self.workloads) && size(self.workloads) > 0)",message="mode Listed needs workloads"
// +kubebuilder:validation:XValidation:rule="self.mode == 'Listed' || !has(self.workloads) || size(self.workloads) == 0",message="workloads are for mode Listed only"
type RestartSpec struct {
	// Mode: Auto restarts every Deployment, StatefulSet and DaemonSet of this
	// namespace that references the Secret and has a process that started before
	// the change; Listed those named in workloads; Never none.
	// +optional
	// +kubebuilder:default=Auto
	Mode RestartMode `json:"mode,omitempty"`
	// Workloads for mode Listed.
	// +optional
	// +kubebuilder:validation:MaxItems=64
	Workloads []WorkloadReference `json:"workloads,omitempty"`
	// MinInterval is the least time between two restarts of one workload.
	// +optional
	// +kubebuilder:default="30s"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(\.[0-9]{1,9})?(ms|s|m|h)){1,4}$`
	MinInterval *metav1.Duration `json:"minInterval,omitempty"`
}

// RestartMode says how the workloads to restart are found.
// +kubebuilder:validation:Enum=Auto;Listed;Never
type RestartMode string

// The restart modes.
const (
	RestartModeAuto   RestartMode = "Auto"
	RestartModeListed RestartMode = "Listed"
	RestartModeNever  RestartMode = "Never"
)

// WorkloadReference names a workload of this namespace.
type WorkloadReference struct {
	// Kind of the workload.
	// +required
	// +kubebuilder:validation:Enum=Deployment;StatefulSet;DaemonSet
	Kind string `json:"kind"`
	// Name of the workload.
	// +required
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name"`
}

// SecretImportStatus is what the controller did. It holds no secret.
type SecretImportStatus struct {
	meta.ReconcileRequestStatus `json:",inline"`

	// ObservedGeneration is the generation of the spec that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Conditions: Ready, Reconciling, Stalled, Allowed, Synced, TakenOver, Restarted.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// Source is the export that the mirror was last written from.
	// +optional
	Source *ImportSourceStatus `json:"source,omitempty"`

	// Target is the mirror.
	// +optional
	Target *ImportTargetStatus `json:"target,omitempty"`

	// FrozenExternalSecret is the ExternalSecret that is frozen for this import.
	// +optional
	FrozenExternalSecret string `json:"frozenExternalSecret,omitempty"`

	// Restart is the state of the restarts that the last changes asked for.
	// +optional
	Restart *ImportRestartStatus `json:"restart,omitempty"`
}

// ImportSourceStatus remembers consent, for the time when the export is gone.
type ImportSourceStatus struct {
	// Export is "namespace/name" of the export.
	Export string `json:"export"`
	// NamespaceUID is the UID of the export's namespace: another one means that
	// the namespace was reborn, not that consent was withdrawn.
	NamespaceUID string `json:"namespaceUID"`
	// ExportUID is the UID of the export.
	ExportUID string `json:"exportUID"`
	// ExportGeneration is the generation of the export's spec.
	ExportGeneration int64 `json:"exportGeneration"`
	// Revision of the export that the mirror holds.
	Revision string `json:"revision"`
	// OnRevoke is the export's policy.
	OnRevoke RevokePolicy `json:"onRevoke"`
}

// ImportTargetStatus is the mirror as it was last seen in order.
type ImportTargetStatus struct {
	// Name of the Secret.
	Name string `json:"name"`
	// ResourceVersion of the Secret when its content was last seen to be right.
	ResourceVersion string `json:"resourceVersion"`
	// Generation of the spec that the content follows.
	// +optional
	Generation int64 `json:"generation,omitempty"`
	// ChangedAt is when a value of the mirror was last changed.
	// +optional
	ChangedAt *metav1.Time `json:"changedAt,omitempty"`
}

// ImportRestartStatus is the state of the restarts.
type ImportRestartStatus struct {
	// HandledUpTo is the newest change of the mirror for which every process was
	// looked at and every restart that it needs was asked for.
	// +optional
	HandledUpTo *metav1.Time `json:"handledUpTo,omitempty"`
	// Last lists the workloads that the last change restarted.
	// +optional
	// +kubebuilder:validation:MaxItems=256
	Last []WorkloadRestart `json:"last,omitempty"`
}

// WorkloadRestart is one restart.
type WorkloadRestart struct {
	WorkloadReference `json:",inline"`
	// Time of the restart.
	Time metav1.Time `json:"time"`
}

// SecretImport mirrors an exported Secret into its own namespace and restarts
// the processes that hold an older value.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=simp,categories=rebirth
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="From",type=string,JSONPath=`.spec.from.namespace`
// +kubebuilder:printcolumn:name="Secret",type=string,JSONPath=`.status.target.name`
// +kubebuilder:printcolumn:name="Changed",type=date,JSONPath=`.status.target.changedAt`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type SecretImport struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec SecretImportSpec `json:"spec"`
	// +optional
	// +kubebuilder:default:={"observedGeneration":-1}
	Status SecretImportStatus `json:"status,omitempty"`
}

// SecretImportList is a list of SecretImports.
//
// +kubebuilder:object:root=true
type SecretImportList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []SecretImport `json:"items"`
}

// GetConditions returns the status conditions.
func (i *SecretImport) GetConditions() []metav1.Condition { return i.Status.Conditions }

// SetConditions replaces the status conditions.
func (i *SecretImport) SetConditions(conditions []metav1.Condition) { i.Status.Conditions = conditions }
