package secrets

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/revision"
	"github.com/tazzo/rebirth/internal/secretsync/rollout"
	"github.com/tazzo/rebirth/test/demo/show"
	"github.com/tazzo/rebirth/test/demo/stage"
	"github.com/tazzo/rebirth/test/flux"
)

// watcher sees, as admin, what happens in the API server and puts it into the
// recorder's world.
type watcher struct {
	world     *show.World[World]
	passwords *Passwords
	grafana   *grafana
	// versions are the labels of the source Secret's resourceVersions: an export's
	// status names one of them.
	versions map[string]string
	stamps   map[string]bool
}

// watch sees what secret-sync and its users do, once its kinds are there.
func (a *Act) watch() error {
	w := &watcher{world: a.world, passwords: a.passwords, grafana: a.grafana, versions: map[string]string{}, stamps: map[string]bool{}}
	return a.stage.Watch(a.running, []string{databaseNamespace, consumerNamespace},
		stage.Sight{Object: &corev1.Secret{}, See: w.secret},
		stage.Sight{Object: &v1alpha1.SecretExport{}, See: w.export},
		stage.Sight{Object: &v1alpha1.SecretImport{}, See: w.imported},
		stage.Sight{Object: &appsv1.Deployment{}, See: w.deployment},
		stage.Sight{Object: &corev1.Pod{}, See: w.pod},
	)
}

// watchFlux sees what Flux says of the Kustomizations.
func (a *Act) watchFlux() error {
	return a.stage.Watch(a.running, []string{flux.Namespace}, stage.Sight{Object: stage.Kind(flux.Kustomization), See: func(obj client.Object, gone bool) {
		a.world.Update(func(now *World) {
			for name, status := range map[string]*stage.Status{
				programName: &now.Installed, databaseKustomization: &now.DatabaseApplied, consumerKustomization: &now.ConsumerApplied,
			} {
				if obj.GetName() == name {
					*status = stage.FluxStatus(*status, obj, gone)
				}
			}
		})
	}})
}

func (w *watcher) secret(obj client.Object, gone bool) {
	secret := obj.(*corev1.Secret)
	if secret.Name != secretName {
		return
	}
	label := ""
	if !gone {
		label = w.passwords.Label(secret.Data["password"])
	}
	if secret.Namespace == consumerNamespace {
		owner := metav1.GetControllerOfNoCopy(secret)
		owned := !gone && owner != nil && owner.Kind == v1alpha1.SecretImportKind
		w.world.Update(func(now *World) { now.Mirror, now.Owned = label, owned })
		return
	}
	w.passwords.Hide(secret.Data["verifier"])
	w.world.Update(func(now *World) {
		w.versions[secret.ResourceVersion] = label
		now.Source, now.SourceVersion = label, secret.ResourceVersion
		now.SourceVerifier = !gone && len(secret.Data["verifier"]) > 0
	})
}

func (w *watcher) export(obj client.Object, gone bool) {
	export := obj.(*v1alpha1.SecretExport)
	w.world.Update(func(now *World) {
		now.Export, now.Proven = stage.Status{}, ""
		if gone {
			return
		}
		now.Export = stage.StatusOf(export.Status.Conditions)
		if now.Export.Ready() {
			now.Proven = w.versions[revision.Source(export.Status.Revision)]
		}
	})
}

func (w *watcher) imported(obj client.Object, gone bool) {
	w.world.Update(func(now *World) {
		now.Import = stage.Status{}
		if !gone {
			now.Import = stage.StatusOf(obj.(*v1alpha1.SecretImport).Status.Conditions)
		}
	})
}

// deployment counts the restarts that secret-sync asked for: each leaves another
// moment in the pod template.
func (w *watcher) deployment(obj client.Object, gone bool) {
	deployment := obj.(*appsv1.Deployment)
	stamp := deployment.Spec.Template.Annotations[rollout.AnnotationKey(importName)]
	if gone || stamp == "" {
		return
	}
	w.world.Update(func(now *World) {
		w.stamps[stamp] = true
		now.Restarts = len(w.stamps)
	})
}

func (w *watcher) pod(obj client.Object, gone bool) {
	pod := obj.(*corev1.Pod)
	if gone || pod.DeletionTimestamp != nil {
		w.grafana.stop(pod.UID)
		return
	}
	w.grafana.run(pod)
}
