package v1alpha1

import (
	"github.com/fluxcd/pkg/apis/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SecretExportKind is the kind's name.
const SecretExportKind = "SecretExport"

// SecretExportSpec says which Secret may be mirrored, by whom, and what must be
// proven first.
type SecretExportSpec struct {
	// Source is the Secret that is exported: exactly one of its fields is set.
	// +required
	Source ExportSource `json:"source"`

	// To lists the namespaces whose imports are served. An import elsewhere gets
	// the same answer as if this export did not exist.
	// +required
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	To []ExportDestination `json:"to"`

	// Keys narrows the exported keys. The default, also of an empty filter, is every
	// key for a Secret, and every key but "verifier" for a postgresUser.
	// +optional
	Keys *KeyFilter `json:"keys,omitempty"`

	// IncludeCA adds "ca.crt", the certificate authority that the cluster's
	// server certificate is signed by. Only for a postgresUser, where true is the
	// default. Never a private key.
	// +optional
	IncludeCA *bool `json:"includeCA,omitempty"`

	// Verify says what must be proven before a new password is handed on. Only
	// for a postgresUser. Required: a login succeeded. BestEffort: the database
	// has not refused the password, and a login was tried for two minutes.
	// Off: no login; the offline check against "verifier" remains.
	// +optional
	// +kubebuilder:default=BestEffort
	Verify VerifyPolicy `json:"verify,omitempty"`

	// Repair says what to do when the database keeps refusing the Secret's
	// password, as it does after an in-place restore to a moment before a
	// rotation. ReapplyVerifier empties the source Secret's "verifier", which
	// makes PGO set the Secret's password again. It needs the chart's value
	// exports[].repair for the namespace.
	// +optional
	// +kubebuilder:default=None
	Repair RepairPolicy `json:"repair,omitempty"`

	// OnRevoke says what becomes of a mirror when consent is withdrawn: a
	// namespace is taken from "to", or this export is deleted while its namespace
	// lives on. Retain keeps the mirror as it is; Delete removes it once
	// consent has been withdrawn for ten seconds.
	// +optional
	// +kubebuilder:default=Retain
	OnRevoke RevokePolicy `json:"onRevoke,omitempty"`

	// Suspend stops all work on this export; mirrors stay as they are.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
}

// ExportSource names the exported Secret.
//
// +kubebuilder:validation:XValidation:rule="has(self.postgresUser) != has(self.secret)",message="set exactly one of postgresUser and secret"
type ExportSource struct {
	// PostgresUser is a user of a PostgresCluster in this namespace; the Secret is
	// the one that PGO keeps for that user.
	// +optional
	PostgresUser *PostgresUserSource `json:"postgresUser,omitempty"`

	// Secret is any Secret in this namespace.
	// +optional
	Secret *SecretSource `json:"secret,omitempty"`
}

// PostgresUserSource is a user of a PostgresCluster.
type PostgresUserSource struct {
	// Cluster is the name of the PostgresCluster.
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Cluster string `json:"cluster"`

	// User is the name of the user, as in the cluster's spec.users.
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	User string `json:"user"`
}

// SecretSource is a Secret by name.
type SecretSource struct {
	// Name of the Secret.
	// +required
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name"`
}

// ExportDestination is one namespace or a selection of namespaces.
//
// +kubebuilder:validation:XValidation:rule="has(self.namespace) != has(self.namespaceSelector)",message="set exactly one of namespace and namespaceSelector"
type ExportDestination struct {
	// Namespace by name: the safe choice.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Namespace string `json:"namespace,omitempty"`

	// NamespaceSelector by labels. Mind who may label a namespace: that person
	// can then read this Secret. An empty selector selects every namespace.
	// +optional
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`
}

// KeyFilter narrows a Secret's keys.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.include) && has(self.exclude))",message="set at most one of include and exclude"
type KeyFilter struct {
	// Include lists the only keys that are exported.
	// +optional
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	Include []string `json:"include,omitempty"`
	// Exclude lists keys that are not exported, in place of the default.
	// +optional
	// +kubebuilder:validation:MaxItems=256
	Exclude []string `json:"exclude,omitempty"`
}

// VerifyPolicy says what must be proven about a password.
// +kubebuilder:validation:Enum=Required;BestEffort;Off
type VerifyPolicy string

// The verify policies.
const (
	VerifyRequired   VerifyPolicy = "Required"
	VerifyBestEffort VerifyPolicy = "BestEffort"
	VerifyOff        VerifyPolicy = "Off"
)

// RepairPolicy says what to do about a refused password.
// +kubebuilder:validation:Enum=None;ReapplyVerifier
type RepairPolicy string

// The repair policies.
const (
	RepairNone            RepairPolicy = "None"
	RepairReapplyVerifier RepairPolicy = "ReapplyVerifier"
)

// RevokePolicy says what becomes of a mirror when consent is withdrawn.
// +kubebuilder:validation:Enum=Retain;Delete
type RevokePolicy string

// The revoke policies.
const (
	RevokeRetain RevokePolicy = "Retain"
	RevokeDelete RevokePolicy = "Delete"
)

// SecretExportStatus is what the controller found out. It holds no secret.
type SecretExportStatus struct {
	meta.ReconcileRequestStatus `json:",inline"`

	// ObservedGeneration is the generation of the spec that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Conditions: Ready, Reconciling, Stalled, Settled, Verified.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// Revision is what imports may copy: the resourceVersion of the source Secret
	// at which it was proven, and, after a dot, a short hash of the certificate
	// authority where one is included. It says nothing about the content.
	// +optional
	Revision string `json:"revision,omitempty"`

	// RevisionTime is when Revision was proven.
	// +optional
	RevisionTime *metav1.Time `json:"revisionTime,omitempty"`

	// CA is the certificate authority (PEM) that imports add as "ca.crt".
	// +optional
	CA string `json:"ca,omitempty"`

	// CAResourceVersion is the version of the Secret that CA was read from.
	// +optional
	CAResourceVersion string `json:"caResourceVersion,omitempty"`

	// Verification is the state of the present proof.
	// +optional
	Verification *VerificationStatus `json:"verification,omitempty"`

	// Repair is the last repair that was asked of PGO.
	// +optional
	Repair *RepairStatus `json:"repair,omitempty"`
}

// VerificationStatus is the state of one proof.
type VerificationStatus struct {
	// Revision of the source Secret (its resourceVersion) that is being proven.
	Revision string `json:"revision"`
	// Database names the incarnation of the database: another restore, another one.
	// +optional
	Database string `json:"database,omitempty"`
	// UsersRevision is the PostgresCluster's status field of that name at the last
	// attempt: once PGO reports that it applied its users anew, it is worth another.
	// +optional
	UsersRevision string `json:"usersRevision,omitempty"`
	// Result is the reason of the Verified condition.
	Result string `json:"result"`
	// Since is when the first attempt for this revision and database was made.
	Since metav1.Time `json:"since"`
	// RefusedSince is since when the password has been refused without a break.
	// +optional
	RefusedSince *metav1.Time `json:"refusedSince,omitempty"`
	// LastAttempt is when the last attempt was made.
	LastAttempt metav1.Time `json:"lastAttempt"`
	// Attempts counts the attempts.
	Attempts int32 `json:"attempts"`
}

// RepairStatus is a request to PGO to set a password again.
type RepairStatus struct {
	// Revision of the source Secret (its resourceVersion) whose verifier is emptied.
	Revision string `json:"revision"`
	// Database is the incarnation of the database that refused the password.
	// +optional
	Database string `json:"database,omitempty"`
	// Time of the request.
	Time metav1.Time `json:"time"`
}

// SecretExport lets the imports of other namespaces mirror one Secret of its own
// namespace, once that Secret's password is proven to log in.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=sexp,categories=rebirth
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Verified",type=string,JSONPath=`.status.conditions[?(@.type=="Verified")].status`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type SecretExport struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec SecretExportSpec `json:"spec"`
	// +optional
	// +kubebuilder:default:={"observedGeneration":-1}
	Status SecretExportStatus `json:"status,omitempty"`
}

// SecretExportList is a list of SecretExports.
//
// +kubebuilder:object:root=true
type SecretExportList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []SecretExport `json:"items"`
}

// GetConditions returns the status conditions.
func (e *SecretExport) GetConditions() []metav1.Condition { return e.Status.Conditions }

// SetConditions replaces the status conditions.
func (e *SecretExport) SetConditions(conditions []metav1.Condition) { e.Status.Conditions = conditions }

// SecretName is the name of the exported Secret. PGO names a user's Secret
// "<cluster>-pguser-<user>" (its internal/naming/names.go).
func (e *SecretExport) SecretName() string {
	if u := e.Spec.Source.PostgresUser; u != nil {
		return u.Cluster + "-pguser-" + u.User
	}
	if s := e.Spec.Source.Secret; s != nil {
		return s.Name
	}
	return ""
}

// IncludesCA reports whether "ca.crt" is added.
func (e *SecretExport) IncludesCA() bool {
	return e.Spec.Source.PostgresUser != nil && (e.Spec.IncludeCA == nil || *e.Spec.IncludeCA)
}
