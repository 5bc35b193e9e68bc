package outcome

import (
	"github.com/fluxcd/pkg/apis/meta"
	"github.com/fluxcd/pkg/runtime/conditions"
	corev1 "k8s.io/api/core/v1"
)

// Event is one Kubernetes event.
type Event struct {
	Type    string // corev1.EventTypeNormal or EventTypeWarning
	Reason  string
	Message string
}

// Transition returns the event that a change of Ready is worth. There is none
// while status and reason stay the same.
func Transition(before, after conditions.Getter) (Event, bool) {
	was, is := conditions.Get(before, meta.ReadyCondition), conditions.Get(after, meta.ReadyCondition)
	if is == nil || (was != nil && was.Status == is.Status && was.Reason == is.Reason) {
		return Event{}, false
	}
	event := Event{Type: corev1.EventTypeNormal, Reason: is.Reason, Message: is.Message}
	if conditions.IsStalled(after) {
		event.Type = corev1.EventTypeWarning
	}
	return event, true
}
