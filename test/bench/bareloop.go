package main

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// bareLoop is the least that mirrors a Secret at all: a client-go watch on the
// source, and one server-side apply for each copy, whatever was there. It proves
// nothing, checks no consent, owns nothing and reports nothing.
type bareLoop struct {
	namespace, name string   // the source
	targets         []string // namespaces
	workers         int
}

// runBareLoop runs it until ctx ends.
func (w *world) runBareLoop(ctx context.Context, loop bareLoop, failed func(error)) error {
	factory := informers.NewSharedInformerFactoryWithOptions(w.bare, 0, informers.WithNamespace(loop.namespace),
		informers.WithTweakListOptions(func(options *metav1.ListOptions) {
			options.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, loop.name).String()
		}))
	informer := factory.Core().V1().Secrets().Informer()
	apply := func(obj any) {
		source, ok := obj.(*corev1.Secret)
		if !ok {
			return
		}
		err := each(ctx, len(loop.targets), loop.workers, func(ctx context.Context, i int) error {
			mirror := corev1ac.Secret(source.Name, loop.targets[i]).WithLabels(map[string]string{"bench": "bare"}).WithType(source.Type).WithData(source.Data)
			_, err := w.bare.CoreV1().Secrets(loop.targets[i]).Apply(ctx, mirror, metav1.ApplyOptions{FieldManager: "bare-loop", Force: true})
			return err
		})
		if err != nil && ctx.Err() == nil {
			failed(err)
		}
	}
	if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    apply,
		UpdateFunc: func(_, after any) { apply(after) },
	}); err != nil {
		return err
	}
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return context.Cause(ctx)
	}
	return nil
}
