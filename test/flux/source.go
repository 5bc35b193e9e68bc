package flux

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/test/git"
)

// Push makes the files (os.DirFS of a folder, or a fstest.MapFS) the whole content
// of a Git repository, in a new commit on its branch main, and returns the revision,
// such as main@sha1:…, once source-controller has pulled it. What uses the
// GitRepository of that name in Namespace, which is created if there is none, is
// then reconciled by itself. HelmReleases take charts from it by their path.
func (f *Flux) Push(ctx context.Context, name string, files fs.FS) (revision string, err error) {
	commit, err := f.git.Commit(ctx, name, files)
	if err != nil {
		return "", fmt.Errorf("push to %s: %w", name, err)
	}
	revision = git.Branch + "@sha1:" + commit
	// The annotation has it pulled at once.
	repository := fmt.Sprintf(`
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata:
  namespace: %s
  name: %s
  annotations: {reconcile.fluxcd.io/requestedAt: "%s"}
spec:
  interval: 1h
  url: %s
  ref: {branch: %s}
`, Namespace, name, commit, f.git.URL(name), git.Branch)
	if _, private := f.options.Private[name]; private {
		repository += "  secretRef: {name: " + name + "}\n"
	}
	if err := f.cp.ApplyYAML(ctx, []byte(repository)); err != nil {
		return "", err
	}
	return revision, f.awaitPulled(ctx, name, revision)
}

// Publish makes the files the whole content of a Git repository, in a new commit on
// its branch main, and returns its URL. Who takes anything from there has to say so.
func (f *Flux) Publish(ctx context.Context, name string, files fs.FS) (url string, err error) {
	if _, err := f.git.Commit(ctx, name, files); err != nil {
		return "", fmt.Errorf("push to %s: %w", name, err)
	}
	return f.git.URL(name), nil
}

func (f *Flux) awaitPulled(ctx context.Context, name, revision string) error {
	var ready metav1.Condition
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		repository, err := f.get(ctx, GitRepository, client.ObjectKey{Namespace: Namespace, Name: name})
		if err != nil {
			return false, err
		}
		if ready, err = ReadyOf(repository); err != nil {
			return false, err
		}
		pulled, _, _ := unstructured.NestedString(repository.Object, "status", "artifact", "revision")
		return pulled == revision && ready.Status == metav1.ConditionTrue, nil
	})
	if err != nil {
		return fmt.Errorf("source-controller hasn't pulled %s to %s: %w", revision, name, errors.Join(err, errors.New(ready.Message)))
	}
	return nil
}
