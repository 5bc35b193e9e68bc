// Package outcome is the one way in which every reconciler says how a reconcile
// ended, in the conditions that Flux and kstatus read.
package outcome

import (
	"slices"

	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Class is how an outcome goes on.
type Class int

const (
	// Ready: everything is as the spec asks.
	Ready Class = iota
	// Waiting: the course of events, or a retry, will bring it on.
	Waiting
	// Stalled: somebody has to do something; the message says what.
	Stalled
)

// Condition is one condition without its bookkeeping.
type Condition struct {
	Type    string
	Status  metav1.ConditionStatus
	Reason  string
	Message string
}

// True, False and Unknown make conditions.
func True(conditionType, reason, message string) Condition {
	return Condition{conditionType, metav1.ConditionTrue, reason, message}
}

// False makes a condition that is false.
func False(conditionType, reason, message string) Condition {
	return Condition{conditionType, metav1.ConditionFalse, reason, message}
}

// Unknown makes a condition that is unknown.
func Unknown(conditionType, reason, message string) Condition {
	return Condition{conditionType, metav1.ConditionUnknown, reason, message}
}

// Outcome is what a reconcile ended in.
type Outcome struct {
	Class   Class
	Reason  string
	Message string
	// Conditions besides Ready, Reconciling and Stalled. A type that is not listed
	// stays as it is.
	Conditions []Condition
	// Absent lists condition types that no longer apply.
	Absent []string
}

// Set writes the outcome into obj's conditions.
func (o Outcome) Set(obj conditions.Setter) {
	for _, c := range o.Conditions {
		conditions.Set(obj, &metav1.Condition{Type: c.Type, Status: c.Status, Reason: c.Reason, Message: c.Message})
	}
	for _, t := range o.Absent {
		conditions.Delete(obj, t)
	}
	switch o.Class {
	case Ready:
		conditions.Delete(obj, meta.ReconcilingCondition)
		conditions.Delete(obj, meta.StalledCondition)
		conditions.MarkTrue(obj, meta.ReadyCondition, o.Reason, "%s", o.Message)
	case Waiting:
		conditions.Delete(obj, meta.StalledCondition)
		conditions.MarkReconciling(obj, o.Reason, "%s", o.Message)
		conditions.MarkFalse(obj, meta.ReadyCondition, o.Reason, "%s", o.Message)
	case Stalled:
		conditions.Delete(obj, meta.ReconcilingCondition)
		conditions.MarkStalled(obj, o.Reason, "%s", o.Message)
		conditions.MarkFalse(obj, meta.ReadyCondition, o.Reason, "%s", o.Message)
	}
	observe(obj)
}

// observe gives every condition the generation that it is about.
func observe(obj conditions.Setter) {
	list := slices.Clone(obj.GetConditions())
	for i := range list {
		list[i].ObservedGeneration = obj.GetGeneration()
	}
	obj.SetConditions(list)
}
