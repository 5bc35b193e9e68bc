package v1alpha1

// Condition types besides those of Flux (Ready, Reconciling, Stalled).
const (
	// SettledCondition on an export: the source is in a state in which its
	// Secret is meant to be used (no restore under way, users applied).
	SettledCondition = "Settled"
	// VerifiedCondition on an export: True when a login with the Secret's
	// password succeeded, False when the database or the offline check refused
	// it, Unknown when nothing could be proven.
	VerifiedCondition = "Verified"
	// AllowedCondition on an import: the export names this namespace.
	AllowedCondition = "Allowed"
	// SyncedCondition on an import: the target Secret holds the exported data.
	SyncedCondition = "Synced"
	// TakenOverCondition on an import: the target was taken from another owner.
	TakenOverCondition = "TakenOver"
	// RestartedCondition on an import: no process holds an older value.
	RestartedCondition = "Restarted"
)

// Reasons of conditions. A reason is stable API: alerts and runbooks name it.
const (
	// All kinds.
	SucceededReason   = "Succeeded"
	InvalidSpecReason = "InvalidSpec"
	NoRightsReason    = "NoRights"

	// Exports and imports.
	RequestFailedReason = "RequestFailed"

	// Settled.
	SourceSettledReason    = "SourceSettled"
	CRDMissingReason       = "CRDMissing"
	ClusterMissingReason   = "ClusterMissing"
	ClusterDeletedReason   = "ClusterBeingDeleted"
	ClusterPausedReason    = "ClusterPaused"
	ClusterShutdownReason  = "ClusterShutdown"
	ClusterStartingReason  = "ClusterStarting"
	StandbyReason          = "Standby"
	RestoringReason        = "Restoring"
	RestoreFailedReason    = "RestoreFailed"
	UsersNotAppliedReason  = "UsersNotApplied"
	UserUnknownReason      = "UserUnknown"
	SourceMissingReason    = "SourceMissing"
	SourceNotOwnedReason   = "SourceNotOwned"
	SourceIncompleteReason = "SourceIncomplete"
	SourceTypeReason       = "SourceTypeRefused"
	CAMissingReason        = "CAMissing"

	// Verified.
	LoginSucceededReason   = "LoginSucceeded"
	PasswordRefusedReason  = "PasswordRefused"
	VerifierMismatchReason = "VerifierMismatch"
	LoginRefusedReason     = "LoginRefused"
	UnreachableReason      = "Unreachable"
	VerifyOffReason        = "VerifyOff"
	NotApplicableReason    = "NotApplicable"
	WaitingReason          = "Waiting"
	RepairingReason        = "Repairing"
	RepairFailedReason     = "RepairFailed"

	// Allowed.
	ExportedReason    = "Exported"
	NotExportedReason = "NotExported"
	RevokedReason     = "Revoked"

	// Synced.
	MirroredReason         = "Mirrored"
	ExportNotReadyReason   = "ExportNotReady"
	KeyMissingReason       = "KeyMissing"
	KeyEmptyReason         = "KeyEmpty"
	TemplateFailedReason   = "TemplateFailed"
	TooLargeReason         = "TooLarge"
	ConflictReason         = "Conflict"
	ImportConflictReason   = "ImportConflict"
	ManagedByGitReason     = "ManagedByGit"
	ImmutableReason        = "Immutable"
	NamespaceDeletedReason = "NamespaceBeingDeleted"

	// TakenOver.
	TakenOverReason              = "TakenOver"
	ExternalSecretNotSeedReason  = "ExternalSecretNotCooperating"
	ExternalSecretFrozenReason   = "ExternalSecretFrozen"
	ExternalSecretReleasedReason = "ExternalSecretReleased"

	// Restarted.
	NothingToRestartReason = "NothingToRestart"
	RestartedReason        = "Restarted"
	RestartPendingReason   = "RestartPending"
	WorkloadMissingReason  = "WorkloadMissing"
	RestartOffReason       = "RestartOff"

	// Ready of a ReadinessGate.
	GateOpenReason     = "Open"
	GateFailingReason  = "OpenButFailing"
	GateSettlingReason = "Settling"
	GateShutReason     = "Shut"
	GateOverdueReason  = "Overdue"
)
