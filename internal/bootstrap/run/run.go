// Package run does what a plan says: it looks at what is there, runs the steps, and
// takes back what it has lent. Everything that it decides is decided in plan.
//
// The hazard: a run can end anywhere, by an error, a signal, or a crash. What must
// not stay is an auth key that works, so it is revoked on every way out, and it
// lives for a quarter of an hour in any case. What may stay are machines: the next
// run sees them as they are.
package run

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/tazzo/rebirth/internal/bootstrap/plan"
	"github.com/tazzo/rebirth/internal/bootstrap/progress"
	"github.com/tazzo/rebirth/internal/bootstrap/proxmox"
	"github.com/tazzo/rebirth/internal/bootstrap/secret"
	"github.com/tazzo/rebirth/internal/bootstrap/spec"
	"github.com/tazzo/rebirth/internal/bootstrap/tailnet"
	"github.com/tazzo/rebirth/internal/bootstrap/talos"
)

// returnTime is how long a run may take to give back what it has lent, after it was
// told to stop.
const returnTime = 30 * time.Second

// Need is what a run is opened for: it decides which secrets are read.
type Need int

// The needs.
const (
	// ToLook at the nodes that are there: the APIs' credentials, and the cluster's
	// secrets if they have a source.
	ToLook Need = iota
	// ToPlan a create: the same secrets, and what else a create looks at.
	ToPlan
	// ToDestroy: the APIs' credentials alone. The cluster may be dead.
	ToDestroy
	// ToCreate: everything.
	ToCreate
)

// Options are what a run is made of.
type Options struct {
	Cluster *spec.Cluster
	// File is where cluster.yaml is. The files that it names are relative to its folder.
	File string
	// Sources reads secrets.
	Sources  *secret.Reader
	Reporter progress.Reporter
	Clock    clock.WithTicker
	Need     Need
}

// Run is one run of bootstrap. It holds secrets in memory until Close.
type Run struct {
	cluster  *spec.Cluster
	need     Need
	files    files
	reporter progress.Reporter
	clock    clock.WithTicker

	proxmox *proxmox.Client
	// tailnet is nil for a cluster that joins none.
	tailnet *tailnet.Patient

	// secrets of the cluster: read from their source, or made by a create.
	secrets     *talos.Secrets
	haveSecrets bool
	// configs by node; only for a create.
	configs map[string]talos.Config
	// handOver has the data of the Secret for Flux.
	handOver map[string]secret.Value

	credentials Credentials
	kubeconfig  kubeconfig

	// sources are the secrets that were read from one.
	sources []secret.Value

	mutex sync.Mutex
	// key that is lent at the moment, guarded by mutex.
	key *lentKey
}

// Credentials take what a create makes, each as soon as it is there; nil is not at
// all. They are called once.
type Credentials struct {
	Kubeconfig  func(secret.Value) error
	Talosconfig func(secret.Value) error
	Secrets     func(secret.Value) error
	// Discard says that none of them is wanted, though nothing else can open the cluster.
	Discard bool
}

// RefusedError is a plan that refuses.
type RefusedError struct {
	Plan plan.Plan
	// Destroyed is true if something came in the way of a rebirth when its first half
	// was done.
	Destroyed bool
}

// Error has every reason, a line each.
func (e *RefusedError) Error() string {
	lines := make([]string, 0, len(e.Plan.Refusals))
	for _, refusal := range e.Plan.Refusals {
		lines = append(lines, refusal.String())
	}
	return "refused: " + strings.Join(lines, "\n")
}

// Confirm is asked before anything is destroyed that may hold something; an error
// stops the run.
type Confirm func(doomed plan.Plan) error

// Open reads the files that cluster.yaml names and the secrets that are needed, and
// prepares the connections. It changes nothing, and calls no API. Every secret that
// can't be read is named.
func Open(ctx context.Context, options Options) (*Run, error) {
	files, problems := loadFiles(options.File, options.Cluster)
	if wrong := problems.Errors(); len(wrong) > 0 {
		return nil, errors.New(wrong.String())
	}
	r := &Run{cluster: options.Cluster, need: options.Need, files: files, reporter: options.Reporter, clock: options.Clock}
	err := errors.Join(
		r.openProxmox(ctx, options.Sources),
		r.openTailnet(ctx, options.Sources),
	)
	if options.Need != ToDestroy {
		err = errors.Join(err, r.readSecrets(ctx, options.Sources))
	}
	if options.Need == ToCreate {
		err = errors.Join(err, r.readHandOver(ctx, options.Sources))
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// ClusterName is what a person calls the cluster.
func (r *Run) ClusterName() string { return r.cluster.Metadata.Name }

// Close gives back what is still lent, and wipes the secrets that are in memory of
// their own.
func (r *Run) Close() error {
	ctx, cancel := returning(context.Background())
	defer cancel()
	err := r.revokeKey(ctx)
	r.kubeconfig.value.Destroy()
	for _, config := range r.configs {
		config.Value().Destroy()
	}
	for _, value := range r.sources {
		value.Destroy()
	}
	return err
}

// Create brings the cluster to its end. It returns *RefusedError, or each step that
// failed. confirm is asked where machines must go that may hold something.
func (r *Run) Create(ctx context.Context, confirm Confirm, credentials Credentials) error {
	r.credentials = credentials
	if err := r.checkCredentials(); err != nil {
		return err
	}
	facts, err := r.ObserveForCreate(ctx)
	if err != nil {
		return err
	}
	p := plan.Create(facts)
	if err := r.mayFollow(ctx, p); err != nil {
		return err
	}
	return r.create(ctx, p, confirm)
}

// create follows a plan of plan.Create that preflight has passed.
func (r *Run) create(ctx context.Context, p plan.Plan, confirm Confirm) error {
	if doomed := p.Doomed(); len(doomed.Steps) > 0 {
		if err := confirm(doomed); err != nil {
			return err
		}
	}
	// A cluster that a former run has finished opens to secrets of a source alone.
	opens := r.haveSecrets || p.Has(plan.Configure)
	if opens {
		if err := r.deliverSecrets(); err != nil {
			return err
		}
	}
	if err := r.execute(ctx, p); err != nil {
		return err
	}
	if !opens {
		return r.credentials.refuse()
	}
	return r.deliverKubeconfig(ctx)
}

// Destroy removes what is the cluster's.
func (r *Run) Destroy(ctx context.Context, confirm Confirm) error {
	facts, err := r.Observe(ctx)
	if err != nil {
		return err
	}
	p := plan.Destroy(facts)
	if err := r.mayFollow(ctx, p); err != nil {
		return err
	}
	return r.destroy(ctx, p, confirm)
}

// destroy follows a plan of plan.Destroy, once somebody has said yes to it.
func (r *Run) destroy(ctx context.Context, p plan.Plan, confirm Confirm) error {
	if len(p.Steps) > 0 {
		if err := confirm(p); err != nil {
			return err
		}
	}
	return r.execute(ctx, p)
}

// Rebirth is Destroy and Create. What would stop the create is found, as far as it
// can be known, before anything is destroyed.
func (r *Run) Rebirth(ctx context.Context, confirm Confirm, credentials Credentials) error {
	r.credentials = credentials
	if err := r.checkCredentials(); err != nil {
		return err
	}
	facts, err := r.Observe(ctx)
	if err != nil {
		return err
	}
	doomed, ahead := plan.Destroy(facts), plan.Create(plan.AfterDestroy(facts))
	if err := r.mayFollow(ctx, doomed, ahead); err != nil {
		return err
	}
	if err := r.destroy(ctx, doomed, confirm); err != nil {
		return err
	}
	if facts, err = r.Observe(ctx); err != nil {
		return err
	}
	err = r.create(ctx, plan.Create(facts), confirm)
	var refused *RefusedError
	if errors.As(err, &refused) {
		refused.Destroyed = true
	}
	return err
}

// mayFollow says whether nothing stands in the way of the plans: no refusal, no
// mistake in the nodes' configurations, nothing that an API would not give.
func (r *Run) mayFollow(ctx context.Context, plans ...plan.Plan) error {
	works := false
	for _, p := range plans {
		if len(p.Refusals) > 0 {
			return &RefusedError{Plan: p}
		}
		works = works || len(p.Steps) > 0
		if p.Has(plan.Configure) && r.configs == nil {
			var err error
			if r.configs, err = generate(r.cluster, r.secrets, r.files); err != nil {
				return err
			}
		}
	}
	if !works {
		return nil
	}
	return r.preflight(ctx, plans...)
}

// Rejoin brings one node back into the tailnet.
func (r *Run) Rejoin(ctx context.Context, node string) error {
	facts, err := r.Observe(ctx)
	if err != nil {
		return err
	}
	return r.execute(ctx, plan.Rejoin(facts, node))
}

// execute runs a plan, and revokes its key whatever happened.
func (r *Run) execute(ctx context.Context, p plan.Plan) error {
	for _, note := range p.Notes {
		r.reporter.Report(progress.Event{At: r.clock.Now(), State: progress.Note, Detail: note})
	}
	if len(p.Refusals) > 0 {
		return &RefusedError{Plan: p}
	}
	interrupted := context.AfterFunc(ctx, func() {
		after, cancel := returning(ctx)
		defer cancel()
		r.revokeAtOnce(after)
	})
	g := &graph{clock: r.clock, reporter: r.reporter, perform: r.perform}
	err := g.execute(ctx, p.Steps)
	interrupted()

	after, cancel := returning(ctx)
	defer cancel()
	return errors.Join(err, r.revokeKey(after))
}

// returning is for giving back what was lent, also when ctx has ended.
func returning(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), returnTime)
}

// newRun names a run: eight hex digits are enough to tell one from the one before.
func newRun() string {
	random := make([]byte, 4)
	_, _ = rand.Read(random) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(random)
}
