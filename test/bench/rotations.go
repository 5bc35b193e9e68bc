package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/test/bench/figures"
	"github.com/tazzo/rebirth/test/operator"
)

// rotationBudget of the design: source written to mirror written, idle, p99.
const rotationBudget = 250 * time.Millisecond

// pace is the time from one rotation to the next: everything has come to rest.
const pace = 100 * time.Millisecond

// rotations measures single rotations on an idle control plane: of a Secret, by
// the controller and by the bare loop in turn; then of a postgresUser.
func (b *bench) rotations(ctx context.Context, w *world) error {
	b.progress.say("%d rotations each: a Secret, the bare loop, a postgresUser with a login", b.sizes.rotations)
	if err := w.startController(ctx); err != nil {
		return err
	}
	mirrors, err := w.observe(ctx, mirrorSelector)
	if err != nil {
		return err
	}
	ours, bare, err := b.secretRotations(ctx, w, mirrors)
	if err != nil {
		return err
	}
	b.add(percentiles("rotation of a Secret", ours, true)...)
	b.add(percentiles("the same by the bare loop", bare, false)...)
	b.add(figures.Plain("rotation, ratio to the bare loop (p50)", figures.Times(figures.Ratio(figures.Percentile(ours, 50), figures.Percentile(bare, 50)))))

	return b.userRotations(ctx, w, mirrors)
}

func percentiles(what string, samples []time.Duration, budget bool) []figures.Row {
	rows := []figures.Row{
		figures.Plain(what+", p50", figures.Milliseconds(figures.Percentile(samples, 50))),
		figures.Plain(what+", p99", figures.Milliseconds(figures.Percentile(samples, 99))),
	}
	if budget {
		rows[1] = figures.AtMost(what+", p99", figures.Percentile(samples, 99), rotationBudget, figures.Milliseconds)
	}
	return rows
}

func (b *bench) secretRotations(ctx context.Context, w *world, mirrors *observer) (ours, bare []time.Duration, err error) {
	for _, namespace := range []string{"one-source", "one-consumer", "one-bare"} {
		if err := w.createNamespace(ctx, namespace, nil); err != nil {
			return nil, nil, err
		}
	}
	for _, name := range []string{"exported", "copied"} {
		if err := w.createSource(ctx, "one-source", name); err != nil {
			return nil, nil, err
		}
	}
	first := mirrors.expect("initial", 1)
	if err := w.createExport(ctx, "one-source", aSecret("exported"), toNamespace("one-consumer")); err != nil {
		return nil, nil, err
	}
	if err := w.createImport(ctx, "one-consumer", "one-source", "mirror", v1alpha1.RestartModeAuto); err != nil {
		return nil, nil, err
	}
	if _, err := first(ctx); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	copies, err := w.observe(ctx, bareSelector)
	if err != nil {
		return nil, nil, err
	}
	if err := w.runBareLoop(ctx, bareLoop{namespace: "one-source", name: "copied", targets: []string{"one-bare"}, workers: 1}, cancel); err != nil {
		return nil, nil, err
	}
	if err := w.quiet(ctx); err != nil {
		return nil, nil, err
	}
	ours, bare = make([]time.Duration, 0, b.sizes.rotations), make([]time.Duration, 0, b.sizes.rotations)
	for range b.sizes.rotations {
		sample, err := w.timed(ctx, mirrors, 1, "one-source", "exported")
		if err != nil {
			return nil, nil, err
		}
		ours = append(ours, sample)
		if sample, err = w.timed(ctx, copies, 1, "one-source", "copied"); err != nil {
			return nil, nil, err
		}
		bare = append(bare, sample)
	}
	return ours, bare, nil
}

// timed rotates a Secret and measures until the last of count copies has arrived,
// then lets the pace pass.
func (w *world) timed(ctx context.Context, copies *observer, count int, namespace, name string) (time.Duration, error) {
	value := rand.Text()
	await := copies.expect(value, count)
	sent, err := w.rotate(ctx, namespace, name, map[string]string{roundKey: value})
	if err != nil {
		return 0, err
	}
	arrived, err := await(ctx)
	if err != nil {
		return 0, err
	}
	return arrived.Sub(sent), pause(ctx, pace)
}

func pause(ctx context.Context, long time.Duration) error {
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// userRotations measures the same with a real login before the mirror is written:
// once with the role already changed, so that the figure is the controller's own;
// once in PGO's order (the Secret first, the role after), where the first login
// may come too early.
func (b *bench) userRotations(ctx context.Context, w *world, mirrors *observer) error {
	cluster, password, err := w.createUser(ctx, mirrors)
	if err != nil {
		return err
	}
	var roleFirst, secretFirst []time.Duration
	for range b.sizes.rotations / 2 {
		value := rand.Text()
		if err := w.database.SetRole(ctx, "app", value, ""); err != nil {
			return err
		}
		verifier, err := w.database.Verifier(ctx, "app")
		if err != nil {
			return err
		}
		await := mirrors.expect(value, 1)
		sent, err := w.rotate(ctx, cluster.Namespace, cluster.SecretName("app"), map[string]string{"password": value, "verifier": verifier})
		if err != nil {
			return err
		}
		arrived, err := await(ctx)
		if err != nil {
			return err
		}
		roleFirst = append(roleFirst, arrived.Sub(sent))
		if err := pause(ctx, pace); err != nil {
			return err
		}
	}
	for range b.sizes.rotations / 20 {
		*password = rand.Text()
		await, sent := mirrors.expect(*password, 1), time.Now()
		if err := cluster.Rotate(ctx, "app"); err != nil {
			return err
		}
		arrived, err := await(ctx)
		if err != nil {
			return err
		}
		secretFirst = append(secretFirst, arrived.Sub(sent))
		if err := pause(ctx, pace); err != nil {
			return err
		}
	}
	b.add(percentiles("rotation of a postgresUser, with the login", roleFirst, true)...)
	b.add(percentiles("the same in PGO's order (the Secret before the role)", secretFirst, false)...)
	return nil
}

// createUser creates a PostgresCluster with one user, exported and imported.
// password is what the next rotation by PGO sets.
func (w *world) createUser(ctx context.Context, mirrors *observer) (cluster *operator.Cluster, password *string, err error) {
	const source, consumer = "user-source", "user-consumer"
	for _, namespace := range []string{source, consumer} {
		if err := w.createNamespace(ctx, namespace, nil); err != nil {
			return nil, nil, err
		}
	}
	played, err := operator.New(w.plane.AdminConfig(), w.database)
	if err != nil {
		return nil, nil, err
	}
	initial := rand.Text()
	password = &initial
	played.NewPassword = func(string) string { return *password }
	cluster = played.Cluster(source, "bench", "app")
	first := mirrors.expect(initial, 1)
	if err := cluster.Create(ctx, false); err != nil {
		return nil, nil, err
	}
	if err := cluster.Initdb(ctx); err != nil {
		return nil, nil, fmt.Errorf("the first start of the cluster: %w", err)
	}
	user := v1alpha1.ExportSource{PostgresUser: &v1alpha1.PostgresUserSource{Cluster: "bench", User: "app"}}
	required := func(spec *v1alpha1.SecretExportSpec) { spec.Verify = v1alpha1.VerifyRequired }
	if err := w.createExport(ctx, source, user, toNamespace(consumer), required); err != nil {
		return nil, nil, err
	}
	if err := w.createImport(ctx, consumer, source, "mirror", v1alpha1.RestartModeAuto); err != nil {
		return nil, nil, err
	}
	if _, err := first(ctx); err != nil {
		return nil, nil, err
	}
	return cluster, password, w.quiet(ctx)
}
