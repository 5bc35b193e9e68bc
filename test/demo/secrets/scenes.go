package secrets

import (
	"context"
	"time"

	"github.com/tazzo/rebirth/test/demo/show"
	"github.com/tazzo/rebirth/test/demo/stage"
)

type step = show.Step[World]

// Scenes implements stage.Act.
func (a *Act) Scenes() []stage.Scene {
	return []stage.Scene{
		{Title: "Flux installs secret-sync", Play: a.install},
		{Title: "First life: a seeded Secret, a new database", Play: a.dayZero},
		{Title: "Destruction: the database and its namespace", Play: a.destroy},
		{Title: "Rebirth: a restore, with another password", Play: a.rebirth},
		{Title: "Rotation: the owner asks for a new password", Play: a.rotate},
		{Title: "In-place restore: the database knows the old password again", Play: a.restoreInPlace},
		{Title: "Repair: PGO sets the Secret's password once more", Play: a.repair},
	}
}

// Pace is how long the played parts take. The real ones take their own time.
type Pace struct {
	// Job is a pgBackRest Job's time, Boot the database's until it answers, Old the
	// time in which a restored database still knows the old password, Report the
	// time until PGO writes its status, Container a container's until it has started.
	Job, Boot, Old, Report, Container time.Duration
}

// The paces. Facts of a small database on PGO 5.4: Job 22 s, Boot 6 s, Old 0.5 s,
// Report 1.2 s.
var (
	normalPace = Pace{Job: 1500 * time.Millisecond, Boot: time.Second, Old: 500 * time.Millisecond, Report: 700 * time.Millisecond, Container: 500 * time.Millisecond}
	fastPace   = Pace{Job: 400 * time.Millisecond, Boot: 200 * time.Millisecond, Old: 300 * time.Millisecond, Report: 100 * time.Millisecond, Container: 100 * time.Millisecond}
)

// cluster and database are what a step makes of the world.
func cluster(state string) func(*World)  { return func(w *World) { w.Cluster = state } }
func database(state string) func(*World) { return func(w *World) { w.Database = state } }

func (a *Act) dayZero(ctx context.Context) error {
	password := a.passwords.Next()
	await := a.world.Expect("First life", "the manifests are applied", dayZeroGoals()...)
	return inOrder(ctx,
		func(ctx context.Context) error {
			return a.world.Take(ctx,
				step{Actor: show.Owner, Text: "adds the Kustomizations tazlab-db and monitoring: SecretExport, ExternalSecret, SecretImport, and Grafana", Do: a.applyDatabaseAndConsumer},
				step{Actor: playedESO, Text: "seeds Secret monitoring/" + secretName + " with P0, once and without an owner", Pause: a.pace.Report,
					Do: func(ctx context.Context) error { return a.seed(ctx, password) }},
				step{Actor: playedPGO, Text: "creates the database with user grafana; its password is P0, too, for the owner put it there", Then: cluster("starting"), Pause: a.pace.Boot,
					Do: func(ctx context.Context) error {
						return inOrder(ctx, func(ctx context.Context) error { return a.plant(ctx, password) },
							func(ctx context.Context) error { return a.cluster.Create(ctx, false) })
					}},
				step{Actor: playedPGO, Text: "has applied the users and reports usersRevision", Then: func(w *World) { w.Cluster, w.Database = "running", "up" }, Do: a.cluster.Initdb},
			)
		}, await)
}

func (a *Act) destroy(ctx context.Context) error {
	kept := a.world.Expect("Destruction", "the PostgresCluster is deleted", destructionGoals(a.world.Now())...)
	return inOrder(ctx,
		func(ctx context.Context) (err error) { a.backup, err = a.cluster.Verifiers(ctx); return err },
		func(ctx context.Context) error {
			return a.world.Take(ctx,
				step{Actor: playedPGO, Text: "has a backup, which knows P0; now the PostgresCluster is deleted", Then: cluster("gone"), Do: a.cluster.Delete},
				step{Actor: postgreSQL, Text: "is stopped", Then: database("stopped"), Do: func(context.Context) error { return a.postgres.StopServer() }},
				step{Actor: show.Owner, Text: "deletes namespace tazlab-db: Secrets, export and the chart's Roles go with it", Do: a.deleteNamespace},
			)
		}, kept)
}

func (a *Act) rebirth(ctx context.Context) error {
	if err := a.world.Take(ctx, step{Actor: show.Flux, Text: "is asked to look again (flux reconcile): puts namespace, chart's Roles and export back", Do: a.bringBack}); err != nil {
		return err
	}
	await := a.world.Expect("Rebirth", "the PostgresCluster is created again", rebirthGoals(a.world.Now())...)
	return inOrder(ctx,
		func(ctx context.Context) error {
			return a.world.Take(ctx,
				step{Actor: show.Owner, Text: "creates the PostgresCluster again, with its dataSource", Then: cluster("created"), Pause: a.pace.Report,
					Do: func(ctx context.Context) error { return a.cluster.Create(ctx, true) }},
				step{Actor: playedPGO, Text: "PGBackRestoreProgressing=True (ReadyForRestore): the restore Job runs", Then: cluster("restoring"), Do: a.cluster.BeginBootstrapRestore, Pause: a.pace.Job},
				step{Actor: playedPGO, Text: "the Job has succeeded: writes the users' Secrets, with a new password: P1", Do: a.cluster.WriteSecrets, Pause: a.pace.Old},
				step{Actor: playedPGO, Text: "PostgresDataInitialized=True, PGBackRestoreProgressing removed", Then: cluster("starting"), Do: a.cluster.FinishRestoreJob, Pause: a.pace.Boot},
			)
		},
		func(ctx context.Context) error { return a.answerWithBackup(ctx, a.pace.Old) },
		func(ctx context.Context) error {
			return a.world.Take(ctx,
				step{Actor: playedPGO, Text: "sets the role's password (ALTER ROLE): now P1 logs in, P0 no more", Do: a.cluster.ApplyUsers, Pause: a.pace.Report},
				step{Actor: playedPGO, Text: "usersRevision and systemIdentifier set, startupInstance cleared", Then: cluster("running"), Do: a.reportUsers},
			)
		}, await)
}

// answerWithBackup starts the database with the passwords of its backup.
func (a *Act) answerWithBackup(ctx context.Context, then time.Duration) error {
	return a.world.Take(ctx, step{Actor: postgreSQL, Text: "answers, with the passwords of the backup", Then: database("up"), Pause: then,
		Do: func(ctx context.Context) error {
			return inOrder(ctx, a.postgres.StartServer, func(ctx context.Context) error { return a.cluster.RestoreVerifiers(ctx, a.backup) })
		}})
}

func (a *Act) reportUsers(ctx context.Context) error {
	return a.cluster.Up(ctx, "users-"+a.world.Now().SourceVersion)
}

func (a *Act) rotate(ctx context.Context) error {
	var err error
	if a.backup, err = a.cluster.Verifiers(ctx); err != nil {
		return err
	}
	if err := a.world.Take(ctx, step{Actor: show.Owner, Text: "removes password and verifier from PGO's Secret", Pause: a.pace.Report, Do: func(ctx context.Context) error {
		return a.cluster.EditSecret(ctx, userName, func(data map[string][]byte) { delete(data, "password"); delete(data, "verifier") })
	}}); err != nil {
		return err
	}
	await := a.world.Expect("Rotation", "PGO writes the new password", rotationGoals(a.world.Now())...)
	return inOrder(ctx,
		func(ctx context.Context) error {
			return a.world.Take(ctx,
				step{Actor: playedPGO, Text: "writes a new password: P2", Do: a.cluster.WriteSecrets, Pause: 100 * time.Millisecond},
				step{Actor: playedPGO, Text: "sets the role's password (ALTER ROLE)", Do: a.cluster.ApplyUsers},
				step{Actor: playedPGO, Text: "usersRevision changes", Do: a.reportUsers},
			)
		}, await)
}

func (a *Act) restoreInPlace(ctx context.Context) error {
	if err := a.world.Take(ctx,
		step{Actor: show.Owner, Text: "asks for a restore to a moment before the rotation (annotation pgbackrest-restore)",
			Do: func(ctx context.Context) error { return a.cluster.RequestInPlaceRestore(ctx, "before-the-rotation") }, Pause: a.pace.Report},
		step{Actor: playedPGO, Text: "PGBackRestoreProgressing=True (RestoreInPlaceRequested)", Then: cluster("restoring in place"), Do: a.cluster.BeginInPlaceRestore, Pause: a.pace.Report},
		step{Actor: postgreSQL, Text: "is stopped; the restore puts the old data in place", Then: database("stopped"), Do: a.putOldDataInPlace},
		step{Actor: playedPGO, Text: "PostgresDataInitialized removed (ReadyForRestore): the restore Job runs", Do: a.cluster.ReadyForInPlaceRestore, Pause: a.pace.Job},
		step{Actor: playedPGO, Text: "PostgresDataInitialized=True; the Secret still says P2", Then: cluster("starting"), Do: a.cluster.FinishRestoreJob, Pause: a.pace.Boot},
	); err != nil {
		return err
	}
	await := a.world.Expect("In-place restore", "the database starts again", inPlaceGoals()...)
	if err := a.answerWithBackup(ctx, 0); err != nil {
		return err
	}
	return inOrder(ctx, func(ctx context.Context) error {
		return a.world.Take(ctx, step{Actor: playedPGO, Text: "startupInstance cleared; usersRevision unchanged, so no ALTER ROLE, ever", Then: cluster("running"),
			Do: func(ctx context.Context) error { return a.cluster.Up(ctx, "") }})
	}, await)
}

func (a *Act) putOldDataInPlace(ctx context.Context) error {
	if err := a.cluster.RestoreVerifiers(ctx, a.backup); err != nil {
		return err
	}
	return a.postgres.StopServer()
}

func (a *Act) repair(ctx context.Context) error {
	goals := repairGoals(a.world.Now())
	emptied := a.world.Expect("Repair", "spec.repair is set", goals[0])
	await := a.world.Expect("Repair", "spec.repair is set", goals[1:]...)
	if err := a.world.Take(ctx, step{Actor: show.Owner, Text: "sets spec.repair: ReapplyVerifier on the SecretExport", Do: a.setRepair}); err != nil {
		return err
	}
	if err := emptied(ctx); err != nil {
		return err
	}
	show.Wait(ctx, a.pace.Old)
	return inOrder(ctx,
		func(ctx context.Context) error {
			return a.world.Take(ctx,
				step{Actor: playedPGO, Text: "finds an empty verifier: writes a new one, for the same password", Do: a.cluster.WriteSecrets},
				step{Actor: playedPGO, Text: "sets the role's password (ALTER ROLE)", Do: a.cluster.ApplyUsers},
				step{Actor: playedPGO, Text: "usersRevision changes", Do: a.reportUsers},
			)
		}, await)
}

func inOrder(ctx context.Context, parts ...func(context.Context) error) error {
	for _, part := range parts {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}
