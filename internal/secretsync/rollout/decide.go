// Package rollout restarts the processes that hold an old value of a mirrored
// Secret, and no others.
//
// The hazard: a restart too many is an outage of its own (a loop of restarts
// most of all), a restart too few leaves a process with a password that the
// database refuses. So a restart follows from two facts alone: when a value
// changed, as the mirror itself says, and when a process that reads it started.
// Each workload's pod template carries the moment that its last restart answers,
// so that deciding twice restarts once.
//
// Bare pods, Jobs and pods of other controllers are never restarted: nobody
// would start them again.
package rollout

import (
	"cmp"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

// DefaultMinInterval holds where spec.restart.minInterval is not set.
const DefaultMinInterval = 30 * time.Second

// Facts is everything that Decide looks at.
type Facts struct {
	// Now is the present time.
	Now time.Time
	// Import is the name of the SecretImport.
	Import string
	// Secret is the name of the mirror.
	Secret string
	// Changed is the mirror's ChangedAnnotation: since when each key has its
	// present value. Fractions of a second are dropped.
	Changed map[string]time.Time
	// MirrorCreated is the mirror's creationTimestamp. Who reads a value that is no
	// newer was waiting for the Secret. Zero if that is not known.
	MirrorCreated time.Time
	// HandledUpTo is the status field of that name. It decides nothing here, and
	// it never runs backwards.
	HandledUpTo time.Time
	// Spec is the import's spec.restart.
	Spec v1alpha1.RestartSpec
	// Workloads and Pods are what Observe found. Neither is needed in mode Never.
	Workloads []Workload
	Pods      []corev1.Pod
}

// Workload is a Deployment, a StatefulSet or a DaemonSet.
type Workload struct {
	v1alpha1.WorkloadReference
	UID         types.UID
	Annotations map[string]string
	PodTemplate corev1.PodTemplateSpec
	// Selector is spec.selector; required.
	Selector labels.Selector
	// RollingOut says that pods of an older template are still being replaced.
	RollingOut bool
	// Paused says that a Deployment's spec.paused holds its rollouts back.
	Paused bool
	// OnDelete says that pods are replaced only when somebody deletes them.
	OnDelete bool
	// Partition is a StatefulSet's spec.updateStrategy.rollingUpdate.partition:
	// pods with a lower ordinal are replaced only when somebody deletes them.
	Partition int32
}

// Plan is what is to be done, and what the Restarted condition says once it is.
type Plan struct {
	// Restarts are for Apply.
	Restarts []Restart
	// Deferred are the restarts that spec.restart.minInterval holds back.
	Deferred []Deferral
	// WaitUntil is when to decide again: when the first deferred restart is due, or
	// a kubelet may have reported a start. Zero when there is nothing to wait for.
	WaitUntil time.Time
	// HandledUpTo is the new value of the status field once Apply's answer has
	// every one of Restarts. If it lacks one, keep the old value and decide again.
	HandledUpTo time.Time

	// Status, Reason and Message of the Restarted condition.
	Status  metav1.ConditionStatus
	Reason  string
	Message string
}

// Restart asks for the restart of one workload.
type Restart struct {
	Ref v1alpha1.WorkloadReference
	UID types.UID
	// Annotation is the key that Stamp is written under, in the pod template.
	Annotation string
	// Stamp is the newest change of any key that the workload reads.
	Stamp time.Time
	// Time is when the restart was decided.
	Time time.Time
	// Because is the process that has run longest with an old value.
	Because Process
}

// Deferral is a restart that has to wait.
type Deferral struct {
	Ref   v1alpha1.WorkloadReference
	Until time.Time
}

// Decide says which workloads are to be restarted. It is pure, and the order of
// its answer doesn't depend on the order of its facts.
func Decide(f Facts) Plan {
	if f.Spec.Mode == v1alpha1.RestartModeNever {
		return Plan{
			HandledUpTo: f.HandledUpTo,
			Status:      metav1.ConditionUnknown,
			Reason:      v1alpha1.RestartOffReason,
			Message:     "spec.restart.mode is Never: nobody looks whether processes hold an older value",
		}
	}

	f.Changed = wholeSeconds(f.Changed)
	chosen, missing := choose(f.Spec, f.Secret, f.Workloads)
	findings := make([]finding, 0, len(chosen))
	for _, w := range chosen {
		findings = append(findings, judge(f, w))
	}
	return conclude(f, findings, missing)
}

// answer is what is to be done about one workload.
type answer int

const (
	// nothingOld: no process of the workload holds an older value.
	nothingOld answer = iota
	// optedOut: one does, and the workload says that it is to be left alone.
	optedOut
	// askedFor: one does, and what replaces it has been asked for already.
	askedFor
	// tooSoon: one does, and the last restart was less than minInterval ago.
	tooSoon
	// restart: one does.
	restart
)

// finding is the answer for one workload.
type finding struct {
	workload Workload
	answer   answer
	oldest   Process
	stamp    time.Time
	until    time.Time // tooSoon: when the restart is due
	unsure   []Process // nothingOld: processes that may turn out to be old
}

func judge(f Facts, w Workload) finding {
	all := f.Spec.Mode == v1alpha1.RestartModeListed
	pods := podsOf(w, f.Pods)
	old := oldProcesses(f, pods, all)
	if len(old) == 0 {
		return finding{workload: w, answer: nothingOld, unsure: notYetKnown(f, w, pods, all)}
	}

	found := finding{
		workload: w,
		oldest:   slices.MinFunc(old, Process.compare),
		stamp:    newestChange(f, w, pods, all),
	}
	until, wait := notBefore(f, w)
	switch {
	case w.Annotations[v1alpha1.RestartAnnotation] == v1alpha1.RestartNever:
		found.answer = optedOut
	case !stampOf(w.PodTemplate.Annotations, f.Import).Before(found.stamp), beingReplaced(w, old):
		found.answer = askedFor
	case wait:
		found.answer, found.until = tooSoon, until
	default:
		found.answer = restart
	}
	return found
}

// notYetKnown returns the processes whose start has to be waited for: not of a
// workload that is left alone, nor of one whose pods are being replaced anyway.
func notYetKnown(f Facts, w Workload, pods []*corev1.Pod, all bool) []Process {
	if w.Annotations[v1alpha1.RestartAnnotation] == v1alpha1.RestartNever {
		return nil
	}
	stamp := stampOf(w.PodTemplate.Annotations, f.Import)
	return slices.DeleteFunc(unreported(f, pods, all), func(p Process) bool { return !stamp.Before(p.Changed) })
}

// choose returns the workloads that the spec is about, in a fixed order, and the
// listed ones that don't exist.
func choose(spec v1alpha1.RestartSpec, secret string, workloads []Workload) (chosen []Workload, missing []absence) {
	sorted := slices.SortedFunc(slices.Values(workloads), func(a, b Workload) int {
		return compareRefs(a.WorkloadReference, b.WorkloadReference)
	})
	if spec.Mode != v1alpha1.RestartModeListed {
		return slices.DeleteFunc(sorted, func(w Workload) bool {
			return !references(&w.PodTemplate.Spec, secret)
		}), nil
	}

	listed := slices.Compact(slices.SortedFunc(slices.Values(spec.Workloads), compareRefs))
	for _, ref := range listed {
		i := slices.IndexFunc(sorted, func(w Workload) bool { return w.WorkloadReference == ref })
		if i < 0 {
			missing = append(missing, absence{ref: ref, nearest: nearestTo(ref, sorted)})
			continue
		}
		chosen = append(chosen, sorted[i])
	}
	return chosen, missing
}

func compareRefs(a, b v1alpha1.WorkloadReference) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
}

// notBefore says when minInterval is over, if it isn't yet.
func notBefore(f Facts, w Workload) (until time.Time, wait bool) {
	interval := DefaultMinInterval
	if f.Spec.MinInterval != nil {
		interval = f.Spec.MinInterval.Duration
	}
	last := newestStamp(w.PodTemplate.Annotations)
	// A stamp from further in the future than one interval tells of a clock that
	// was set back: waiting for it could take for ever.
	if last.IsZero() || last.Sub(f.Now) > interval {
		return time.Time{}, false
	}
	until = last.Add(interval)
	return until, f.Now.Before(until)
}

// beingReplaced reports whether a rollout that is under way replaces every pod
// with an old process: those pods lack a stamp that the template already has.
// Their successors read what the Secret says now, so another restart would only
// begin the rollout anew. Two Secrets rotated at once end here.
func beingReplaced(w Workload, old []Process) bool {
	if !w.RollingOut {
		return false
	}
	for _, p := range old {
		if !lacksStamp(p.podAnnotations, w.PodTemplate.Annotations) {
			return false
		}
	}
	return true
}

// newestChange is the newest change of any key that the workload's template or
// its present pods read, so that one restart answers every change so far.
func newestChange(f Facts, w Workload, pods []*corev1.Pod, all bool) time.Time {
	read := everyKey()
	if !all {
		read = readByAny(&w.PodTemplate.Spec, f.Secret)
		for _, pod := range pods {
			read = read.with(readByAny(&pod.Spec, f.Secret))
		}
	}
	_, newest := read.newest(f.Changed)
	return newest
}

func wholeSeconds(changed map[string]time.Time) map[string]time.Time {
	changed = maps.Clone(changed)
	for key, at := range changed {
		changed[key] = at.UTC().Truncate(time.Second)
	}
	return changed
}
