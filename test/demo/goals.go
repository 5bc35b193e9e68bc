package main

import (
	"strings"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

// The stop conditions, each measured for itself: a single number for "the
// rebirth" would hide which part took its time.

func dayZeroGoals() []*Goal {
	goal := goalsOf("Day zero", "the manifests are applied")
	return []*Goal{
		goal("Grafana's Secret is seeded", func(w World) bool { return w.Mirror == "P0" }),
		goal("P0 is proven to log in", func(w World) bool { return w.Proven == "P0" }),
		goal("Secret taken over from the ExternalSecret", func(w World) bool { return w.Owned && w.Mirror == "P0" }),
		goal("restart asked for (ca.crt is new)", func(w World) bool { return w.Restarts == 1 }),
		goal("Grafana logs in with P0", loggedInAs(2, "P0")),
		goal("SecretImport Ready", importReady),
	}
}

func destructionGoals(before World) []*Goal {
	goal := goalsOf("Destruction", "the PostgresCluster is deleted")
	return []*Goal{
		goal("source Secret gone", func(w World) bool { return w.Source == "" }),
		goal("mirror kept, and said so", func(w World) bool {
			return w.Source == "" && w.Mirror == "P0" && w.Owned && w.Restarts == before.Restarts &&
				w.Import.Reason == v1alpha1.ExportNotReadyReason && strings.Contains(w.Import.Message, "is being reborn")
		}),
	}
}

func rebirthGoals(before World) []*Goal {
	goal := goalsOf("Rebirth", "the PostgresCluster is created again")
	return []*Goal{
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

func rotationGoals(before World) []*Goal {
	goal := goalsOf("Rotation", "PGO writes the new password")
	return []*Goal{
		goal("source written", func(w World) bool { return w.Source == "P2" }),
		goal("P2 is proven to log in", func(w World) bool { return w.Proven == "P2" }),
		goal("mirror written", func(w World) bool { return w.Mirror == "P2" && w.Owned }),
		goal("restart asked for", restarted(before)),
		goal("Grafana logs in again", loggedInAs(before.Grafana.Number+1, "P2")),
		goal("SecretImport Ready", importReadyWith("P2")),
	}
}

func inPlaceGoals() []*Goal {
	goal := goalsOf("In-place restore", "the database starts again")
	return []*Goal{
		goal("Grafana is refused", func(w World) bool { return w.Grafana.Login == refused }),
		goal("refusal seen", func(w World) bool { return w.Export.Reason == v1alpha1.PasswordRefusedReason }),
		goal("Stalled, with the way out", func(w World) bool {
			return w.Export.mark() == bad && w.Export.Reason == v1alpha1.PasswordRefusedReason && strings.Contains(w.Export.Message, "ReapplyVerifier")
		}),
	}
}

func repairGoals(before World) []*Goal {
	goal := goalsOf("Repair", "spec.repair is set")
	return []*Goal{
		goal("verifier emptied", func(w World) bool { return w.Source != "" && !w.SourceVerifier }),
		goal("P2 is proven to log in", func(w World) bool { return w.Proven == "P2" }),
		goal("Grafana logs in again, without a restart", func(w World) bool {
			return w.Grafana == Process{before.Grafana.Number, "P2", loggedIn} && w.Restarts == before.Restarts
		}),
		goal("SecretImport Ready", func(w World) bool { return importReady(w) && w.Proven == "P2" }),
	}
}

func goalsOf(act, after string) func(string, func(World) bool) *Goal {
	return func(name string, reached func(World) bool) *Goal {
		return &Goal{Act: act, Name: name, After: after, Reached: reached}
	}
}

func importReady(w World) bool { return w.Import.mark() == good }

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
