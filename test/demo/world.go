package main

import (
	"fmt"
	"strings"

	"github.com/fluxcd/pkg/apis/meta"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// World is what is seen in the API server and of Grafana. Passwords appear in it
// by their labels only: P0, P1 and so on, in the order in which they were made.
type World struct {
	// Database is what the demo does with PostgreSQL: "up", "stopped".
	Database string
	// Cluster is the state of the PostgresCluster in a few words.
	Cluster string
	// Source is the password in PGO's Secret; "" while there is none.
	Source string
	// SourceVersion is the resourceVersion of that Secret.
	SourceVersion string
	// SourceVerifier: that Secret's verifier is not empty.
	SourceVerifier bool
	// Export and Import are what secret-sync says.
	Export, Import Status
	// Proven is the password that the ready export hands on; "" if it is not ready.
	Proven string
	// Mirror is the password in Grafana's Secret, and Owned says that it is the
	// import's.
	Mirror string
	Owned  bool
	// Restarts is how often a restart of Grafana's Deployment was asked for.
	Restarts int
	// Grafana is the process that started last.
	Grafana Process
}

// Process is Grafana in one pod.
type Process struct {
	// Number counts the pods that started, from 1.
	Number int
	// Password is what its environment held when it started.
	Password string
	// Login is how its last login ended.
	Login LoginState
}

// LoginState is how a login of Grafana ended.
type LoginState string

// The ends of a login.
const (
	loggedIn    LoginState = "logs in"
	refused     LoginState = "is refused: wrong password (SQLSTATE 28P01)"
	unreachable LoginState = "cannot reach the database"
	withoutCA   LoginState = "has no ca.crt to verify the database with"
)

// Status is what the conditions of a SecretExport or SecretImport say.
type Status struct {
	// State is Ready, Reconciling, Stalled, or empty while there is none.
	State   string
	Reason  string
	Message string
}

// statusOf reads conditions as Flux does.
func statusOf(conditions []metav1.Condition) Status {
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

// sameNews reports whether a person would read both as one and the same.
func (s Status) sameNews(other Status) bool {
	return s.State == other.State && s.Reason == other.Reason && headline(s.Message) == headline(other.Message)
}

func (s Status) mark() Mark {
	switch s.State {
	case meta.ReadyCondition:
		return good
	case meta.StalledCondition:
		return bad
	default:
		return waiting
	}
}

// line is the status in one line: in full where somebody has to do something.
func (s Status) line() string {
	switch s.State {
	case "":
		return "-"
	case meta.ReadyCondition:
		return "is Ready"
	case meta.StalledCondition:
		return fmt.Sprintf("is Stalled, %s: %s", s.Reason, s.Message)
	default:
		return fmt.Sprintf("waits, %s: %s", s.Reason, headline(s.Message))
	}
}

// followsExport: an import that only waits for its export says nothing new.
func (s Status) followsExport() bool {
	return s.State == meta.ReconcilingCondition && strings.HasPrefix(s.Message, "waiting for SecretExport ")
}

// news is what a person wants to know of the way from one world to the next.
type news struct {
	mark  Mark
	actor Actor
	text  string
}

// newsOf compares two worlds.
func newsOf(before, after World) []news {
	var all []news
	say := func(mark Mark, actor Actor, format string, args ...any) {
		all = append(all, news{mark, actor, fmt.Sprintf(format, args...)})
	}
	if after.Export.State != "" && !before.Export.sameNews(after.Export) {
		say(after.Export.mark(), secretSync, "SecretExport %s %s%s", userName, after.Export.line(), provenBy(after))
	}
	if after.Mirror != "" && after.Owned && (before.Mirror != after.Mirror || !before.Owned) {
		say(good, secretSync, "Secret %s/%s holds %s, %s", consumerNamespace, secretName, after.Mirror, howWritten(before))
	}
	if after.Restarts > before.Restarts {
		say(done, secretSync, "restarts Deployment grafana, whose process started before that change (restart %d)", after.Restarts)
	}
	if after.Import.State != "" && !after.Import.followsExport() && !before.Import.sameNews(after.Import) {
		say(after.Import.mark(), secretSync, "SecretImport %s %s", importName, after.Import.line())
	}
	return append(all, grafanaNews(before.Grafana, after.Grafana)...)
}

func provenBy(w World) string {
	if w.Proven == "" {
		return ""
	}
	return ": a login with " + w.Proven + " succeeded"
}

func howWritten(before World) string {
	switch {
	case before.Mirror == "":
		return "newly created"
	case !before.Owned:
		return "taken over from the ExternalSecret"
	default:
		return "no longer " + before.Mirror
	}
}

func grafanaNews(before, after Process) []news {
	var all []news
	if after.Number > before.Number {
		all = append(all, news{done, playedGrafana, fmt.Sprintf("pod %d starts, with %s in its environment", after.Number, after.Password)})
	}
	if after.Login == "" || after == before {
		return all
	}
	mark := bad
	if after.Login == loggedIn {
		mark = good
	}
	return append(all, news{mark, playedGrafana, fmt.Sprintf("pod %d %s%s", after.Number, after.Login, by(after))})
}

func by(p Process) string {
	if p.Login == loggedIn {
		return " with " + p.Password + " (verify-full)"
	}
	return ""
}

// String is the process in a few words.
func (p Process) String() string {
	if p.Number == 0 {
		return ""
	}
	return fmt.Sprintf("pod %d with %s %s", p.Number, p.Password, p.Login)
}
