package rollout

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

// maxNamed is how many workloads of one kind of news a message names.
const maxNamed = 10

// lookAgainAfter is the time between two looks at processes whose start is not
// reported yet.
const lookAgainAfter = 5 * time.Second

// lookAgainLater is the same where a pod doesn't start for long: for want of its
// image, say.
const lookAgainLater = 30 * time.Second

// conclude turns the findings about single workloads into the plan.
func conclude(f Facts, findings []finding, missing []absence) Plan {
	plan := Plan{HandledUpTo: f.HandledUpTo}
	unsure := false
	for _, found := range findings {
		switch found.answer {
		case restart:
			plan.Restarts = append(plan.Restarts, Restart{
				Ref:        found.workload.WorkloadReference,
				UID:        found.workload.UID,
				Annotation: AnnotationKey(f.Import),
				Stamp:      found.stamp,
				Time:       f.Now,
				Because:    found.oldest,
			})
		case tooSoon:
			plan.Deferred = append(plan.Deferred, Deferral{Ref: found.workload.WorkloadReference, Until: found.until})
			plan.wait(found.until)
		case nothingOld, optedOut, askedFor:
		}
		if len(found.unsure) > 0 {
			unsure = true
			plan.wait(lookAgain(f, found.unsure))
		}
	}

	plan.Status, plan.Reason = verdict(findings, missing)
	plan.Message = message(f, findings, missing)
	if plan.Status == metav1.ConditionTrue && !unsure {
		if _, newest := everyKey().newest(f.Changed); newest.After(plan.HandledUpTo) {
			plan.HandledUpTo = newest
		}
	}
	return plan
}

func lookAgain(f Facts, unsure []Process) time.Time {
	for _, p := range unsure {
		if f.Now.Before(p.Changed.Add(reportedWithin)) {
			return f.Now.Add(lookAgainAfter)
		}
	}
	return f.Now.Add(lookAgainLater)
}

// wait brings WaitUntil forward.
func (p *Plan) wait(until time.Time) {
	if p.WaitUntil.IsZero() || until.Before(p.WaitUntil) {
		p.WaitUntil = until
	}
}

func verdict(findings []finding, missing []absence) (metav1.ConditionStatus, string) {
	var asked, deferred bool
	for _, found := range findings {
		asked = asked || found.answer == restart || found.answer == askedFor
		deferred = deferred || found.answer == tooSoon
	}
	switch {
	case len(missing) > 0:
		return metav1.ConditionFalse, v1alpha1.WorkloadMissingReason
	case deferred:
		return metav1.ConditionFalse, v1alpha1.RestartPendingReason
	case asked:
		return metav1.ConditionTrue, v1alpha1.RestartedReason
	default:
		return metav1.ConditionTrue, v1alpha1.NothingToRestartReason
	}
}

// message tells the news in the order of its urgency.
func message(f Facts, findings []finding, missing []absence) string {
	var absent, restarted, asked, deferred, left, unsure, hints []string
	for _, a := range missing {
		absent = append(absent, a.String())
	}
	for _, found := range findings {
		name := found.workload.Kind + "/" + found.workload.Name
		switch found.answer {
		case nothingOld:
			for _, p := range found.unsure {
				unsure = append(unsure, p.awaited())
			}
			continue
		case optedOut:
			left = append(left, fmt.Sprintf("%s holds an older value and is left alone, as its annotation %s says",
				name, v1alpha1.RestartAnnotation))
			continue
		case restart:
			restarted = append(restarted, fmt.Sprintf("restarted %s (%s)", name, found.oldest))
		case askedFor:
			asked = append(asked, fmt.Sprintf("the restart of %s is already asked for", name))
		case tooSoon:
			deferred = append(deferred, fmt.Sprintf("%s is restarted at %s, not earlier because of spec.restart.minInterval (%s)",
				name, found.until.UTC().Format(time.RFC3339), found.oldest))
		}
		hints = append(hints, byHand(found.workload)...)
		hints = append(hints, reloaderHint(found.workload, f.Secret)...)
	}

	var parts []string
	for _, some := range [][]string{absent, restarted, asked, deferred, left, unsure, hints} {
		parts = append(parts, atMost(some)...)
	}
	if len(parts) == 0 {
		return fmt.Sprintf("no process holds an older value of Secret %q", f.Secret)
	}
	return strings.Join(parts, "; ")
}

func atMost(some []string) []string {
	if len(some) <= maxNamed {
		return some
	}
	return append(some[:maxNamed:maxNamed], fmt.Sprintf("and %d more", len(some)-maxNamed))
}

// byHand says what somebody has to do where the annotation alone replaces no pod.
func byHand(w Workload) []string {
	name := w.Kind + "/" + w.Name
	switch {
	case w.Paused:
		return []string{fmt.Sprintf("%s is paused (spec.paused): resume it, its pods are not replaced before", name)}
	case w.OnDelete:
		return []string{fmt.Sprintf("%s has spec.updateStrategy.type OnDelete: delete its pods, they are not replaced before", name)}
	case w.Partition > 0:
		return []string{fmt.Sprintf("%s has spec.updateStrategy.rollingUpdate.partition %d: delete its pods below that ordinal, they are not replaced before", name, w.Partition)}
	default:
		return nil
	}
}
