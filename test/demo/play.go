package main

import (
	"context"
	"fmt"
	"time"

	"github.com/tazzo/rebirth/test/operator"
)

// Play is the rebirth in acts.
type Play struct {
	stage    *Stage
	recorder *Recorder
	pace     Pace
	// patience is how long a stop condition may take.
	patience time.Duration
	cluster  *operator.Cluster
	// backup is what the database knew of its users when the backup was made.
	backup map[string]string
}

// Pace is how long the played parts take. The real ones take their own time.
type Pace struct {
	// Job is a pgBackRest Job's time, Boot the database's until it answers, Old the
	// time in which a restored database still knows the old password, Report the
	// time until PGO writes its status, Read the time to read between two acts.
	Job, Boot, Old, Report, Read time.Duration
}

// The paces. Facts of a small database on PGO 5.4: Job 22 s, Boot 6 s, Old 0.5 s,
// Report 1.2 s.
var (
	normalPace = Pace{Job: 3 * time.Second, Boot: 1500 * time.Millisecond, Old: 500 * time.Millisecond, Report: time.Second, Read: time.Second}
	fastPace   = Pace{Job: 400 * time.Millisecond, Boot: 200 * time.Millisecond, Old: 300 * time.Millisecond, Report: 100 * time.Millisecond, Read: 0}
)

// run plays all acts, up to the first that fails.
func (p *Play) run(ctx context.Context) error {
	p.cluster = p.stage.cluster()
	for i, part := range []struct {
		title string
		play  func(context.Context) error
	}{
		{"Day zero: a seeded Secret, a new database", p.dayZero},
		{"Destruction: the database and its namespace", p.destroy},
		{"Rebirth: a restore, with another password", p.rebirth},
		{"Rotation: the owner asks for a new password", p.rotate},
		{"In-place restore: the database knows the old password again", p.restoreInPlace},
		{"Repair: PGO sets the Secret's password once more", p.repair},
	} {
		if i > 0 && !wait(ctx, p.pace.Read) {
			return context.Cause(ctx)
		}
		p.recorder.Note(act, nobody, "%d  %s", i+1, part.title)
		if err := part.play(ctx); err != nil {
			return err
		}
	}
	return nil
}

// step tells something and does it.
type step struct {
	actor Actor
	text  string
	do    func(context.Context) error
	// cluster and database are the new states, if they change.
	cluster, database string
	// then is the pause after it.
	then time.Duration
}

func (p *Play) steps(ctx context.Context, steps ...step) error {
	for _, s := range steps {
		p.recorder.Note(done, s.actor, "%s", s.text)
		if s.do != nil {
			if err := s.do(ctx); err != nil {
				return fmt.Errorf("%s %s: %w", s.actor, s.text, err)
			}
		}
		p.recorder.Update(func(w *World) {
			if s.cluster != "" {
				w.Cluster = s.cluster
			}
			if s.database != "" {
				w.Database = s.database
			}
		})
		if !wait(ctx, s.then) {
			return context.Cause(ctx)
		}
	}
	return nil
}

// expect begins to measure goals and returns a function that waits for them.
func (p *Play) expect(goals ...*Goal) (await func(context.Context) error) {
	p.recorder.Expect(goals...)
	return func(ctx context.Context) error { return p.recorder.Await(ctx, p.patience, goals...) }
}

func (p *Play) dayZero(ctx context.Context) error {
	password := p.stage.passwords.Next()
	await := p.expect(dayZeroGoals()...)
	return inOrder(ctx,
		func(ctx context.Context) error {
			return p.steps(ctx,
				step{actor: playedFlux, text: "applies the shipped SecretExport, ExternalSecret and SecretImport, and Grafana", do: func(ctx context.Context) error {
					return inOrder(ctx, p.stage.applyExport, func(ctx context.Context) error { return p.stage.seed(ctx, password) }, p.stage.applyConsumer)
				}},
				step{actor: playedESO, text: "has seeded Secret monitoring/" + secretName + " with P0, once and without an owner", then: p.pace.Report},
				step{actor: playedPGO, text: "creates the database with user grafana; its password is P0, too, for the owner put it there", cluster: "starting", then: p.pace.Boot,
					do: func(ctx context.Context) error {
						return inOrder(ctx, func(ctx context.Context) error { return p.stage.plant(ctx, password) },
							func(ctx context.Context) error { return p.cluster.Create(ctx, false) })
					}},
				step{actor: playedPGO, text: "has applied the users and reports usersRevision", cluster: "running", database: "up", do: p.cluster.Initdb},
			)
		}, await)
}

func (p *Play) destroy(ctx context.Context) error {
	kept := p.expect(destructionGoals(p.recorder.World())...)
	return inOrder(ctx,
		func(ctx context.Context) (err error) { p.backup, err = p.cluster.Verifiers(ctx); return err },
		func(ctx context.Context) error {
			return p.steps(ctx,
				step{actor: playedPGO, text: "has a backup, which knows P0; now the PostgresCluster is deleted", cluster: "gone", do: p.cluster.Delete},
				step{actor: postgreSQL, text: "is stopped", database: "stopped", do: func(context.Context) error { return p.stage.postgres.StopServer() }},
				step{actor: owner, text: "deletes namespace tazlab-db: Secrets, export and the chart's Roles go with it", do: p.stage.deleteNamespace},
			)
		}, kept)
}

func (p *Play) rebirth(ctx context.Context) error {
	await := p.expect(rebirthGoals(p.recorder.World())...)
	return inOrder(ctx,
		func(ctx context.Context) error {
			return p.steps(ctx,
				step{actor: playedFlux, text: "puts namespace, chart's Roles and export back, and the PostgresCluster with its dataSource", cluster: "created",
					do: func(ctx context.Context) error {
						return inOrder(ctx, p.stage.applyRights, p.stage.applyExport, func(ctx context.Context) error { return p.cluster.Create(ctx, true) })
					}, then: p.pace.Report},
				step{actor: playedPGO, text: "PGBackRestoreProgressing=True (ReadyForRestore): the restore Job runs", cluster: "restoring", do: p.cluster.BeginBootstrapRestore, then: p.pace.Job},
				step{actor: playedPGO, text: "the Job has succeeded: writes the users' Secrets, with a new password: P1", do: p.cluster.WriteSecrets, then: p.pace.Old},
				step{actor: playedPGO, text: "PostgresDataInitialized=True, PGBackRestoreProgressing removed", cluster: "starting", do: p.cluster.FinishRestoreJob, then: p.pace.Boot},
			)
		},
		func(ctx context.Context) error { return p.answerWithBackup(ctx, p.pace.Old) },
		func(ctx context.Context) error {
			return p.steps(ctx,
				step{actor: playedPGO, text: "sets the role's password (ALTER ROLE): now P1 logs in, P0 no more", do: p.cluster.ApplyUsers, then: p.pace.Report},
				step{actor: playedPGO, text: "usersRevision and systemIdentifier set, startupInstance cleared", cluster: "running", do: p.reportUsers},
			)
		}, await)
}

// answerWithBackup starts the database with the passwords of its backup.
func (p *Play) answerWithBackup(ctx context.Context, then time.Duration) error {
	return p.steps(ctx, step{actor: postgreSQL, text: "answers, with the passwords of the backup", database: "up", then: then,
		do: func(ctx context.Context) error {
			return inOrder(ctx, p.stage.postgres.StartServer, func(ctx context.Context) error { return p.cluster.RestoreVerifiers(ctx, p.backup) })
		}})
}

func (p *Play) reportUsers(ctx context.Context) error {
	return p.cluster.Up(ctx, "users-"+p.recorder.World().SourceVersion)
}

func (p *Play) rotate(ctx context.Context) error {
	var err error
	if p.backup, err = p.cluster.Verifiers(ctx); err != nil {
		return err
	}
	if err := p.steps(ctx, step{actor: owner, text: "removes password and verifier from PGO's Secret", then: p.pace.Report, do: func(ctx context.Context) error {
		return p.cluster.EditSecret(ctx, userName, func(data map[string][]byte) { delete(data, "password"); delete(data, "verifier") })
	}}); err != nil {
		return err
	}
	await := p.expect(rotationGoals(p.recorder.World())...)
	return inOrder(ctx,
		func(ctx context.Context) error {
			return p.steps(ctx,
				step{actor: playedPGO, text: "writes a new password: P2", do: p.cluster.WriteSecrets, then: 100 * time.Millisecond},
				step{actor: playedPGO, text: "sets the role's password (ALTER ROLE)", do: p.cluster.ApplyUsers},
				step{actor: playedPGO, text: "usersRevision changes", do: p.reportUsers},
			)
		}, await)
}

func (p *Play) restoreInPlace(ctx context.Context) error {
	if err := p.steps(ctx,
		step{actor: owner, text: "asks for a restore to a moment before the rotation (annotation pgbackrest-restore)",
			do: func(ctx context.Context) error { return p.cluster.RequestInPlaceRestore(ctx, "before-the-rotation") }, then: p.pace.Report},
		step{actor: playedPGO, text: "PGBackRestoreProgressing=True (RestoreInPlaceRequested)", cluster: "restoring in place", do: p.cluster.BeginInPlaceRestore, then: p.pace.Report},
		step{actor: postgreSQL, text: "is stopped; the restore puts the old data in place", database: "stopped", do: p.putOldDataInPlace},
		step{actor: playedPGO, text: "PostgresDataInitialized removed (ReadyForRestore): the restore Job runs", do: p.cluster.ReadyForInPlaceRestore, then: p.pace.Job},
		step{actor: playedPGO, text: "PostgresDataInitialized=True; the Secret still says P2", cluster: "starting", do: p.cluster.FinishRestoreJob, then: p.pace.Boot},
	); err != nil {
		return err
	}
	await := p.expect(inPlaceGoals()...)
	if err := p.answerWithBackup(ctx, 0); err != nil {
		return err
	}
	return inOrder(ctx, func(ctx context.Context) error {
		return p.steps(ctx, step{actor: playedPGO, text: "startupInstance cleared; usersRevision unchanged, so no ALTER ROLE, ever", cluster: "running",
			do: func(ctx context.Context) error { return p.cluster.Up(ctx, "") }})
	}, await)
}

func (p *Play) putOldDataInPlace(ctx context.Context) error {
	if err := p.cluster.RestoreVerifiers(ctx, p.backup); err != nil {
		return err
	}
	return p.stage.postgres.StopServer()
}

func (p *Play) repair(ctx context.Context) error {
	goals := repairGoals(p.recorder.World())
	await := p.expect(goals...)
	if err := p.steps(ctx, step{actor: owner, text: "sets spec.repair: ReapplyVerifier on the SecretExport", do: p.stage.setRepair}); err != nil {
		return err
	}
	if err := p.recorder.Await(ctx, p.patience, goals[0]); err != nil {
		return err
	}
	wait(ctx, p.pace.Old)
	return inOrder(ctx,
		func(ctx context.Context) error {
			return p.steps(ctx,
				step{actor: playedPGO, text: "finds an empty verifier: writes a new one, for the same password", do: p.cluster.WriteSecrets},
				step{actor: playedPGO, text: "sets the role's password (ALTER ROLE)", do: p.cluster.ApplyUsers},
				step{actor: playedPGO, text: "usersRevision changes", do: p.reportUsers},
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
