package stage

import (
	"fmt"

	"github.com/fluxcd/pkg/apis/meta"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tazzo/rebirth/test/demo/show"
)

// Status is what the conditions of an object say, read as Flux does.
type Status struct {
	// State is Ready, Reconciling, Stalled, or empty while there is none.
	State   string
	Reason  string
	Message string
}

// StatusOf reads conditions.
func StatusOf(conditions []metav1.Condition) Status {
	ready := apimeta.FindStatusCondition(conditions, meta.ReadyCondition)
	switch {
	case ready == nil:
		return Status{}
	case ready.Status == metav1.ConditionTrue:
		return Status{meta.ReadyCondition, ready.Reason, ready.Message}
	case apimeta.IsStatusConditionTrue(conditions, meta.StalledCondition):
		return Status{meta.StalledCondition, ready.Reason, ready.Message}
	default:
		return Status{meta.ReconcilingCondition, ready.Reason, ready.Message}
	}
}

// SameNews reports whether a person would read both as one and the same.
func (s Status) SameNews(other Status) bool {
	return s.State == other.State && s.Reason == other.Reason && show.Headline(s.Message) == show.Headline(other.Message)
}

// Mark is what the status means for the person who reads it.
func (s Status) Mark() show.Mark {
	switch s.State {
	case meta.ReadyCondition:
		return show.Good
	case meta.StalledCondition:
		return show.Bad
	default:
		return show.Waiting
	}
}

// Ready reports whether the status says so.
func (s Status) Ready() bool { return s.State == meta.ReadyCondition }

// Line is the status in one line: in full where somebody has to do something.
func (s Status) Line() string {
	switch s.State {
	case "":
		return "-"
	case meta.ReadyCondition:
		return "is Ready"
	case meta.StalledCondition:
		return fmt.Sprintf("is Stalled, %s: %s", s.Reason, s.Message)
	default:
		return fmt.Sprintf("waits, %s: %s", s.Reason, show.Headline(s.Message))
	}
}
