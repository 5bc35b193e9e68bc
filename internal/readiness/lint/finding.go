package lint

import (
	"cmp"
	"fmt"
	"slices"
)

// Severity says whether a finding breaks the order of a rebirth.
type Severity string

// The severities. An error lets something start before the network works, or
// keeps it from starting at all; a warning makes a rebirth slow or fragile.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Code names a kind of finding. Codes are stable: scripts may rely on them.
type Code string

// The findings.
const (
	// Reading.
	PathMissing      Code = "path-missing"
	BuildFailed      Code = "build-failed"
	ObjectUnreadable Code = "object-unreadable"
	FileUnreadable   Code = "file-unreadable"
	RemoteResource   Code = "remote-resource"
	ObjectDuplicate  Code = "object-duplicate"

	// The gate.
	GateMissing             Code = "gate-missing"
	GateAmbiguous           Code = "gate-ambiguous"
	GateVerdictUnchecked    Code = "gate-verdict-unchecked"
	GateControllerUnchecked Code = "gate-controller-unchecked"

	// The graph.
	NotBehindGate       Code = "not-behind-gate"
	NetworkBehindGate   Code = "network-behind-gate"
	DependencyMissing   Code = "dependency-missing"
	DependencyCycle     Code = "dependency-cycle"
	DependencyDuplicate Code = "dependency-duplicate"

	// Health checks.
	HealthChecksIgnored          Code = "health-checks-ignored"
	DaemonSetCheckProvesNothing  Code = "daemonset-check-proves-nothing"
	ConfigMapCheckProvesNothing  Code = "configmap-check-proves-nothing"
	VerdictCheckedElsewhere      Code = "verdict-checked-elsewhere"
	HealthCheckExpressionTooWide Code = "health-check-expression-too-wide"
	RetryIntervalMissing         Code = "retry-interval-missing"
	TimeoutMissing               Code = "timeout-missing"
	InstallMayUninstall          Code = "install-may-uninstall"
	InstallNotRetried            Code = "install-not-retried"
)

// Finding is one thing that is wrong, and the way out.
type Finding struct {
	Code     Code     `json:"code"`
	Severity Severity `json:"severity"`
	// Object is what the finding is about; nil if it is about a file or the
	// whole repository.
	Object *Ref `json:"object,omitempty"`
	// File and Line say where the object, or the culprit in it, stands; the file
	// is relative to the directory that is linted, or "<source>:<file>".
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// Message says what is wrong, Remedy the way out.
	Message string `json:"message"`
	Remedy  string `json:"remedy"`
	// Affected are other objects that share the fault because of this one.
	Affected []Ref `json:"affected,omitempty"`
}

// Counts returns how many of the findings are errors and how many warnings.
func Counts(findings []Finding) (errors, warnings int) {
	for _, f := range findings {
		if f.Severity == Error {
			errors++
		} else {
			warnings++
		}
	}
	return errors, warnings
}

// Tally is "1 error, 2 warnings".
func Tally(findings []Finding) string {
	errors, warnings := Counts(findings)
	return counted(errors, "error") + ", " + counted(warnings, "warning")
}

func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// Failed says whether a pipeline is to stop: because of an error, or, if strict,
// of any finding.
func Failed(findings []Finding, strict bool) bool {
	errors, warnings := Counts(findings)
	return errors > 0 || strict && warnings > 0
}

// sorted orders findings by place, so that two runs print the same.
func sorted(findings []Finding) []Finding {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line),
			compareObjects(a.Object, b.Object),
			cmp.Compare(a.Code, b.Code),
			cmp.Compare(a.Message, b.Message),
		)
	})
	return findings
}

func compareObjects(a, b *Ref) int {
	if a == nil || b == nil {
		return boolToInt(a != nil) - boolToInt(b != nil)
	}
	return a.compare(*b)
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
