package secrets

import (
	"fmt"
	"strings"

	"github.com/fluxcd/pkg/apis/meta"

	"github.com/tazzo/rebirth/test/demo/show"
	"github.com/tazzo/rebirth/test/demo/stage"
)

// The actors of this act.
const (
	playedPGO     show.Actor = "PGO (played)"
	playedESO     show.Actor = "ESO (played)"
	playedGrafana show.Actor = "Grafana (played)"
	postgreSQL    show.Actor = "PostgreSQL"
	secretSync    show.Actor = "secret-sync"
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
	Export, Import stage.Status
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
	// Installed, DatabaseApplied and ConsumerApplied are the Kustomizations secret-sync,
	// tazlab-db and monitoring.
	Installed, DatabaseApplied, ConsumerApplied stage.Status
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

// followsExport: an import that only waits for its export says nothing new.
func followsExport(s stage.Status) bool {
	return s.State == meta.ReconcilingCondition && strings.HasPrefix(s.Message, "waiting for SecretExport ")
}

// newsOf compares two worlds.
func newsOf(before, after World) []show.News {
	var all []show.News
	say := func(mark show.Mark, actor show.Actor, format string, args ...any) {
		all = append(all, show.News{Mark: mark, Actor: actor, Text: fmt.Sprintf(format, args...)})
	}
	if after.Export.State != "" && !before.Export.SameNews(after.Export) {
		say(after.Export.Mark(), secretSync, "SecretExport %s %s%s", userName, after.Export.Line(), provenBy(after))
	}
	if after.Mirror != "" && after.Owned && (before.Mirror != after.Mirror || !before.Owned) {
		say(show.Good, secretSync, "Secret %s/%s holds %s, %s", consumerNamespace, secretName, after.Mirror, howWritten(before))
	}
	if after.Restarts > before.Restarts {
		say(show.Happened, secretSync, "restarts Deployment grafana, whose process started before that change (restart %d)", after.Restarts)
	}
	if after.Import.State != "" && !followsExport(after.Import) && !before.Import.SameNews(after.Import) {
		say(after.Import.Mark(), secretSync, "SecretImport %s %s", importName, after.Import.Line())
	}
	all = append(all, grafanaNews(before.Grafana, after.Grafana)...)
	if after.Installed.Ready() && !before.Installed.Ready() {
		say(show.Good, show.Flux, "Kustomization %s is Ready", programName)
	}
	all = append(all, stage.KustomizationNews(databaseKustomization, before.DatabaseApplied, after.DatabaseApplied)...)
	return append(all, stage.KustomizationNews(consumerKustomization, before.ConsumerApplied, after.ConsumerApplied)...)
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

func grafanaNews(before, after Process) []show.News {
	var all []show.News
	if after.Number > before.Number {
		all = append(all, show.News{Mark: show.Happened, Actor: playedGrafana, Text: fmt.Sprintf("pod %d starts, with %s in its environment", after.Number, after.Password)})
	}
	if after.Login == "" || after == before {
		return all
	}
	mark := show.Bad
	if after.Login == loggedIn {
		mark = show.Good
	}
	return append(all, show.News{Mark: mark, Actor: playedGrafana, Text: fmt.Sprintf("pod %d %s%s", after.Number, after.Login, by(after))})
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

// rowsOf is the present state.
func rowsOf(w World) []show.Row {
	return []show.Row{
		{Mark: show.GoodIf(w.Database == "up"), What: "PostgreSQL", Text: w.Database},
		{Mark: show.GoodIf(w.Cluster == "running"), What: "PostgresCluster", Text: w.Cluster},
		{Mark: w.Export.Mark(), What: "SecretExport", Text: w.Export.Line()},
		{Mark: w.Import.Mark(), What: "SecretImport", Text: w.Import.Line()},
		{Mark: show.GoodIf(w.Owned && w.Mirror == w.Source), What: "Grafana's Secret", Text: strings.TrimSpace(w.Mirror + " " + whose(w))},
		{Mark: show.GoodIf(w.Grafana.Login == loggedIn), What: "Grafana", Text: w.Grafana.String()},
	}
}

func whose(w World) string {
	switch {
	case w.Mirror == "":
		return ""
	case w.Owned:
		return "(mirror)"
	default:
		return "(seeded by the ExternalSecret)"
	}
}
