package secrets

import (
	"strings"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/test/demo/show"
)

// The stop conditions, each measured for itself: a single number for "the
// rebirth" would hide which part took its time.

func installGoals() []show.Goal[World] {
	return []show.Goal[World]{goal("Flux calls secret-sync Ready", func(w World) bool { return w.Installed.Ready() })}
}

func dayZeroGoals() []show.Goal[World] {
	return []show.Goal[World]{
		goal("Grafana's Secret is seeded", func(w World) bool { return w.Mirror == "P0" }),
		goal("P0 is proven to log in", func(w World) bool { return w.Proven == "P0" }),
		goal("Secret taken over from the ExternalSecret", func(w World) bool { return w.Owned && w.Mirror == "P0" }),
		goal("restart asked for (ca.crt is new)", func(w World) bool { return w.Restarts == 1 }),
		goal("Grafana logs in with P0", loggedInAs(2, "P0")),
		goal("SecretImport Ready", importReady),
	}
}

func destructionGoals(before World) []show.Goal[World] {
	return []show.Goal[World]{
		goal("source Secret gone", func(w World) bool { return w.Source == "" }),
		goal("mirror kept, and said so", func(w World) bool {
			return w.Source == "" && w.Mirror == "P0" && w.Owned && w.Restarts == before.Restarts &&
				w.Import.Reason == v1alpha1.ExportNotReadyReason && strings.Contains(w.Import.Message, "is being reborn")
		}),
	}
}

func rebirthGoals(before World) []show.Goal[World] {
	return []show.Goal[World]{
		goal("Secret appeared, with P1", func(w World) bool { return w.Source == "P1" }),
		goal("restore done (PostgresDataInitialized)", func(w World) bool { return w.Cluster == "starting" }),
		goal("database answers (with the old password)", func(w World) bool { return w.Database == "up" }),
		goal("PGO reports its users applied", func(w World) bool { return w.Cluster == "running" }),
		goal("P1 is proven to log in", func(w World) bool { return w.Proven == "P1" }),
		goal("mirror written", func(w World) bool { return w.Mirror == "P1" && w.Owned }),
		goal("restart asked for", restarted(before)),
		goal("Grafana logs in again", loggedInAs(before.Grafana.Number+1, "P1")),
		goal("SecretImport Ready", importReadyWith("P1")),
	}
}

func rotationGoals(before World) []show.Goal[World] {
	return []show.Goal[World]{
		goal("source written", func(w World) bool { return w.Source == "P2" }),
		goal("P2 is proven to log in", func(w World) bool { return w.Proven == "P2" }),
		goal("mirror written", func(w World) bool { return w.Mirror == "P2" && w.Owned }),
		goal("restart asked for", restarted(before)),
		goal("Grafana logs in again", loggedInAs(before.Grafana.Number+1, "P2")),
		goal("SecretImport Ready", importReadyWith("P2")),
	}
}

func inPlaceGoals() []show.Goal[World] {
	return []show.Goal[World]{
		goal("Grafana is refused", func(w World) bool { return w.Grafana.Login == refused }),
		goal("refusal seen", func(w World) bool { return w.Export.Reason == v1alpha1.PasswordRefusedReason }),
		goal("Stalled, with the way out", func(w World) bool {
			return w.Export.Mark() == show.Bad && w.Export.Reason == v1alpha1.PasswordRefusedReason && strings.Contains(w.Export.Message, "ReapplyVerifier")
		}),
	}
}

func repairGoals(before World) []show.Goal[World] {
	return []show.Goal[World]{
		goal("verifier emptied", func(w World) bool { return w.Source != "" && !w.SourceVerifier }),
		goal("P2 is proven to log in", func(w World) bool { return w.Proven == "P2" }),
		goal("Grafana logs in again, without a restart", func(w World) bool {
			return w.Grafana == Process{before.Grafana.Number, "P2", loggedIn} && w.Restarts == before.Restarts
		}),
		goal("SecretImport Ready", func(w World) bool { return importReady(w) && w.Proven == "P2" }),
	}
}

func goal(name string, reached func(World) bool) show.Goal[World] {
	return show.Goal[World]{Name: name, Reached: reached}
}

func importReady(w World) bool { return w.Import.Ready() }

func importReadyWith(password string) func(World) bool {
	return func(w World) bool { return importReady(w) && w.Proven == password && w.Mirror == password }
}

// restarted is exactly one restart more, so that a second one fails the goal of
// the next act.
func restarted(before World) func(World) bool {
	return func(w World) bool { return w.Restarts == before.Restarts+1 }
}

func loggedInAs(number int, password string) func(World) bool {
	return func(w World) bool { return w.Grafana == Process{number, password, loggedIn} }
}
