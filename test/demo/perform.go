package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/pgo"
)

// perform starts everything, plays and checks.
func perform(ctx context.Context, s settings, stage *Stage, recorder *Recorder) Summary {
	recorder.Note(act, nobody, "0  Setting the stage")
	if err := stage.start(ctx, recorder); err != nil {
		return Summary{Err: err}
	}
	err := s.playOn(ctx, stage, recorder)
	goals, shown := recorder.Outcome()
	summary := Summary{Goals: goals, Err: err}
	if err != nil {
		return summary
	}
	places, err := stage.places(ctx)
	summary.Err = err
	summary.Checks = []Check{restarts(recorder.World()), leaks(stage.passwords, append(places, place{"this output", []byte(shown)}))}
	return summary
}

// playOn plays on the stage that is set. Grafana's processes end with it.
func (s settings) playOn(ctx context.Context, stage *Stage, recorder *Recorder) error {
	running, end := context.WithCancel(ctx)
	kubelet := &kubelet{ctx: running, client: stage.admin, recorder: recorder, passwords: stage.passwords,
		host: stage.postgres.Host(), port: stage.postgres.Port(), startup: 500 * time.Millisecond}
	defer kubelet.all.Wait()
	defer end()
	play := &Play{stage: stage, recorder: recorder, pace: normalPace, patience: s.timeout}
	if s.fast {
		play.pace, kubelet.startup = fastPace, 100*time.Millisecond
	}
	if err := watch(running, stage.plane.AdminConfig(), stage.scheme, &watcher{recorder: recorder, passwords: stage.passwords, kubelet: kubelet}); err != nil {
		return err
	}
	return play.run(ctx)
}

// help shows the conditions of what should have converged.
func (s *Stage) help(ctx context.Context) string {
	if s.admin == nil {
		return ""
	}
	var out strings.Builder
	show := func(kind string, obj client.Object, name string, namespace string, conditions func() []metav1.Condition) {
		fmt.Fprintf(&out, "\n%s %s/%s\n", kind, namespace, name)
		if err := s.admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, obj); err != nil {
			fmt.Fprintf(&out, "  %s\n", err)
			return
		}
		for _, c := range conditions() {
			fmt.Fprintf(&out, "  %s=%s (%s): %s\n", c.Type, c.Status, c.Reason, c.Message)
		}
	}
	cluster, export, imp := pgo.NewCluster(), &v1alpha1.SecretExport{}, &v1alpha1.SecretImport{}
	show(pgo.Kind, cluster, clusterName, databaseNamespace, func() []metav1.Condition { return cluster.Status.Conditions })
	show(v1alpha1.SecretExportKind, export, userName, databaseNamespace, export.GetConditions)
	show(v1alpha1.SecretImportKind, imp, importName, consumerNamespace, imp.GetConditions)
	return out.String() + "\n"
}

// lookAround says how to look at what still runs, and waits for Ctrl-C.
func (s *Stage) lookAround(ctx context.Context, out io.Writer) {
	if s.plane == nil {
		return
	}
	kubeconfig := filepath.Join(s.dir, "admin.kubeconfig")
	if err := s.plane.WriteKubeconfig(s.plane.AdminConfig(), kubeconfig); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		return
	}
	fmt.Fprintf(out, `
Everything still runs. In another terminal (kubectl is yours to bring):
  export KUBECONFIG=%s
  kubectl get secretexports,secretimports,postgresclusters --all-namespaces
  kubectl get events --all-namespaces
  kubectl describe secretimport -n %s %s
Ctrl-C stops it and removes that file.
`, kubeconfig, consumerNamespace, importName)
	<-ctx.Done()
}
