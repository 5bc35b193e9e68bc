package main

import (
	"context"
	"errors"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/revision"
	"github.com/tazzo/rebirth/internal/secretsync/rollout"
)

// watcher sees, as admin, what happens in the API server and puts it into the
// recorder's world.
type watcher struct {
	recorder  *Recorder
	passwords *Passwords
	kubelet   *kubelet
	// versions are the labels of the source Secret's resourceVersions: an export's
	// status names one of them.
	versions map[string]string
	stamps   map[string]bool
}

// watch returns once everything is seen; ctx ends it.
func watch(ctx context.Context, cfg *rest.Config, scheme *runtime.Scheme, w *watcher) error {
	w.versions, w.stamps = map[string]string{}, map[string]bool{}
	seen, err := cache.New(cfg, cache.Options{Scheme: scheme, DefaultNamespaces: map[string]cache.Config{
		databaseNamespace: {}, consumerNamespace: {},
	}})
	if err != nil {
		return err
	}
	for _, kind := range []struct {
		object client.Object
		see    func(obj client.Object, gone bool)
	}{
		{&corev1.Secret{}, w.secret},
		{&v1alpha1.SecretExport{}, w.export},
		{&v1alpha1.SecretImport{}, w.imported},
		{&appsv1.Deployment{}, w.deployment},
		{&corev1.Pod{}, w.pod},
	} {
		informer, err := seen.GetInformer(ctx, kind.object, cache.BlockUntilSynced(false))
		if err != nil {
			return err
		}
		if _, err := informer.AddEventHandler(handler(kind.see)); err != nil {
			return err
		}
	}
	go func() { _ = seen.Start(ctx) }() // it returns an error only if started twice
	if !seen.WaitForCacheSync(ctx) {
		return errors.Join(errors.New("watching the API server ended before it began"), context.Cause(ctx))
	}
	return nil
}

func handler(see func(client.Object, bool)) toolscache.ResourceEventHandler {
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { see(obj.(client.Object), false) },
		UpdateFunc: func(_, obj any) { see(obj.(client.Object), false) },
		DeleteFunc: func(obj any) {
			if gone, ok := obj.(toolscache.DeletedFinalStateUnknown); ok {
				obj = gone.Obj
			}
			if obj, ok := obj.(client.Object); ok {
				see(obj, true)
			}
		},
	}
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
		w.recorder.Update(func(now *World) { now.Mirror, now.Owned = label, owned })
		return
	}
	w.passwords.Hide(secret.Data["verifier"])
	w.recorder.Update(func(now *World) {
		w.versions[secret.ResourceVersion] = label
		now.Source, now.SourceVersion = label, secret.ResourceVersion
		now.SourceVerifier = !gone && len(secret.Data["verifier"]) > 0
	})
}

func (w *watcher) export(obj client.Object, gone bool) {
	export := obj.(*v1alpha1.SecretExport)
	w.recorder.Update(func(now *World) {
		now.Export, now.Proven = Status{}, ""
		if gone {
			return
		}
		now.Export = statusOf(export.Status.Conditions)
		if now.Export.mark() == good {
			now.Proven = w.versions[revision.Source(export.Status.Revision)]
		}
	})
}

func (w *watcher) imported(obj client.Object, gone bool) {
	w.recorder.Update(func(now *World) {
		now.Import = Status{}
		if !gone {
			now.Import = statusOf(obj.(*v1alpha1.SecretImport).Status.Conditions)
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
	w.recorder.Update(func(now *World) {
		w.stamps[stamp] = true
		now.Restarts = len(w.stamps)
	})
}

func (w *watcher) pod(obj client.Object, gone bool) {
	pod := obj.(*corev1.Pod)
	if gone || pod.DeletionTimestamp != nil {
		w.kubelet.stop(pod.UID)
		return
	}
	w.kubelet.run(pod)
}
