package outcome

import (
	"strings"

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
	event := Event{Type: corev1.EventTypeNormal, Reason: is.Reason, Message: note(is.Message)}
	if conditions.IsStalled(after) {
		event.Type = corev1.EventTypeWarning
	}
	return event, true
}

// maxNote is how many bytes the API server lets an event's message have. It refuses
// a longer one, and the event is lost.
const maxNote = 1024

// note cuts a message for an event. The condition has the whole of it.
func note(message string) string {
	const more = "…"
	if len(message) <= maxNote {
		return message
	}
	return strings.ToValidUTF8(message[:maxNote-len(more)], "") + more
}
