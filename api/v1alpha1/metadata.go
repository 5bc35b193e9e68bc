package v1alpha1

// Labels and annotations that secret-sync writes or reads.
const (
	// ManagedByLabel is the field's standard label for the program that manages
	// an object, and ManagedByValue what secret-sync writes there.
	ManagedByLabel = "app.kubernetes.io/managed-by"
	ManagedByValue = "secret-sync"

	// SourceAnnotation on a mirror names its export as "namespace/name".
	SourceAnnotation = "rebirth.tazlab.net/source"
	// ChangedAnnotation on a mirror is a JSON object from key to the moment
	// (RFC 3339, UTC, whole seconds) since which processes read that key's
	// present value: a process that started at or before it holds an older one.
	// It is written together with the data, so a crash can't part the two.
	ChangedAnnotation = "rebirth.tazlab.net/changed"

	// RestartedAnnotationPrefix, followed by the import's name (shortened where
	// it must be), is put on a workload's pod template; its value is the newest
	// moment of ChangedAnnotation that the restart answers.
	RestartedAnnotationPrefix = "restarted-for.rebirth.tazlab.net/"
	// RestartAnnotation on a workload, with RestartNever, keeps secret-sync from
	// restarting it (another tool does, or it reads its files again).
	RestartAnnotation = "rebirth.tazlab.net/restart"
	RestartNever      = "Never"

	// FrozenAnnotation on an ExternalSecret that secret-sync froze: a JSON object
	// with the policies that it had, for the way back.
	FrozenAnnotation = "rebirth.tazlab.net/frozen"
)
