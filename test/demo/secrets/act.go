// Package secrets is the demo's act of secret-sync: a database and its namespace are
// destroyed and restored, its password changes on the way, and Grafana gets the new one.
package secrets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/pgo"
	"github.com/tazzo/rebirth/test/controlplane"
	"github.com/tazzo/rebirth/test/demo/show"
	"github.com/tazzo/rebirth/test/demo/stage"
	"github.com/tazzo/rebirth/test/kubelet"
	"github.com/tazzo/rebirth/test/operator"
	"github.com/tazzo/rebirth/test/postgres"
)

// The names that the shipped manifests and example use.
const (
	// programName is that of Kustomization, namespace, HelmRelease and Deployment.
	programName       = "secret-sync"
	databaseNamespace = "tazlab-db"
	consumerNamespace = "monitoring"
	clusterName       = "tazlab-db"
	userName          = "grafana"
	secretName        = "tazlab-db-pguser-grafana"
	importName        = "grafana-db"

	logName = "secret-sync.jsonl"
)

// Act is the act. It implements stage.Act.
type Act struct {
	stage *stage.Stage
	// installed: another act has applied Installation.
	installed bool
	program   string // the built executable

	pace       Pace
	passwords  *Passwords
	world      *show.World[World]
	postgres   *postgres.Server
	cluster    *operator.Cluster
	controller *kubelet.Controller
	grafana    *grafana
	// backup is what the database knew of its users when the backup was made.
	backup map[string]string
	// running ends what watches, and Grafana's processes.
	running context.Context
	end     context.CancelFunc
}

// New returns the act. installed says that another act's scenes, which come before,
// apply Installation.
func New(s *stage.Stage, installed bool) *Act {
	a := &Act{stage: s, installed: installed, passwords: NewPasswords(), pace: normalPace}
	if s.Fast {
		a.pace = fastPace
	}
	a.running, a.end = context.WithCancel(context.Background())
	return a
}

// About implements stage.Act.
func (a *Act) About() stage.About {
	return stage.About{
		Name: programName,
		Real: []string{
			"cmd/secret-sync, as a process with what the chart gives it; PostgreSQL; every login",
		},
		Played: []string{
			"PGO's operator (its order, its pauses shortened), the kubelet and Grafana's process,",
			"External Secrets' one write. P0, P1, P2 stand for passwords; none is ever shown",
		},
		Proven: []string{
			"a password that changed in a rebirth and in a rotation reached Grafana once it logged in, with one",
			"restart each; one that a restore had made wrong was noticed, and repaired once its owner allowed it",
		},
		Log: logName,
		Look: []string{
			"kubectl get secretexports,secretimports,postgresclusters --all-namespaces",
			fmt.Sprintf("kubectl describe secretimport --namespace %s %s", consumerNamespace, importName),
		},
	}
}

// Prepare implements stage.Act.
func (a *Act) Prepare(ctx context.Context, progress io.Writer) error {
	if err := postgres.Prepare(ctx, progress); err != nil {
		return err
	}
	var err error
	a.program, err = a.stage.Build(ctx, progress, programName)
	return err
}

// Configure implements stage.Act.
func (a *Act) Configure(ctx context.Context, options *controlplane.Options) error {
	for _, read := range []func(context.Context) ([]byte, error){controlplane.PGOCRDs, controlplane.ExternalSecretsCRDs} {
		crds, err := read(ctx)
		if err != nil {
			return err
		}
		options.Manifests = append(options.Manifests, crds)
	}
	return nil
}

// Start implements stage.Act.
func (a *Act) Start(ctx context.Context) error {
	a.world = show.NewWorld(a.stage.Recorder, newsOf, rowsOf)
	var err error
	if a.postgres, err = postgres.Start(ctx, postgres.Options{}); err != nil {
		return err
	}
	played, err := operator.New(a.stage.Plane.AdminConfig(), a.postgres)
	if err != nil {
		return err
	}
	played.NewPassword = func(string) string { return a.passwords.Next() }
	a.cluster = played.Cluster(databaseNamespace, clusterName, userName)
	a.grafana = &grafana{ctx: a.running, client: a.stage.Admin, world: a.world, passwords: a.passwords,
		host: a.postgres.Host(), port: a.postgres.Port(), startup: a.pace.Container}
	a.stage.Recorder.Note(show.Good, postgreSQL, "answers")
	return nil
}

// Checks implements stage.Act.
func (a *Act) Checks(ctx context.Context) ([]show.Check, error) {
	places, err := a.places(ctx)
	_, shown := a.stage.Recorder.Outcome()
	return []show.Check{restarts(a.world.Now()), leaks(a.passwords, append(places, place{"this output", []byte(shown)}))}, err
}

// Help implements stage.Act.
func (a *Act) Help(ctx context.Context) string {
	if a.stage.Admin == nil {
		return ""
	}
	var out strings.Builder
	tell := func(kind string, obj client.Object, name string, namespace string, conditions func() []metav1.Condition) {
		fmt.Fprintf(&out, "\n%s %s/%s\n", kind, namespace, name)
		if err := a.stage.Admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, obj); err != nil {
			fmt.Fprintf(&out, "  %s\n", err)
			return
		}
		for _, c := range conditions() {
			fmt.Fprintf(&out, "  %s=%s (%s): %s\n", c.Type, c.Status, c.Reason, c.Message)
		}
	}
	cluster, export, imp := pgo.NewCluster(), &v1alpha1.SecretExport{}, &v1alpha1.SecretImport{}
	tell(pgo.Kind, cluster, clusterName, databaseNamespace, func() []metav1.Condition { return cluster.Status.Conditions })
	tell(v1alpha1.SecretExportKind, export, userName, databaseNamespace, export.GetConditions)
	tell(v1alpha1.SecretImportKind, imp, importName, consumerNamespace, imp.GetConditions)
	return out.String() + "\n"
}

// Stop implements stage.Act. Grafana's processes are gone when it returns.
func (a *Act) Stop() error {
	a.end()
	var errs []error
	if a.grafana != nil {
		a.grafana.all.Wait()
	}
	if a.controller != nil {
		errs = append(errs, a.controller.Stop(syscall.SIGTERM, 30*time.Second))
	}
	if a.postgres != nil {
		errs = append(errs, a.postgres.Stop())
	}
	return errors.Join(errs...)
}
