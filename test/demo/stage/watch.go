package stage

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Sight is a kind of object, and who sees each change of one.
type Sight struct {
	Object client.Object
	// See is called once at a time for each kind.
	See func(obj client.Object, gone bool)
}

// Kind is a Sight's object for a kind that has no type here.
func Kind(gvk schema.GroupVersionKind) client.Object {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(gvk)
	return object
}

// Watch sees, as administrator, what happens in these namespaces. It returns once
// everything that is there has been seen; ctx ends it.
func (s *Stage) Watch(ctx context.Context, namespaces []string, sights ...Sight) error {
	options := cache.Options{Scheme: s.Admin.Scheme(), DefaultNamespaces: map[string]cache.Config{}}
	for _, namespace := range namespaces {
		options.DefaultNamespaces[namespace] = cache.Config{}
	}
	seen, err := cache.New(s.Plane.AdminConfig(), options)
	if err != nil {
		return err
	}
	var synced []toolscache.InformerSynced
	for _, sight := range sights {
		informer, err := seen.GetInformer(ctx, sight.Object, cache.BlockUntilSynced(false))
		if err != nil {
			return err
		}
		handled, err := informer.AddEventHandler(handler(sight.See))
		if err != nil {
			return err
		}
		synced = append(synced, handled.HasSynced)
	}
	go func() { _ = seen.Start(ctx) }() // it returns an error only if started twice
	if !toolscache.WaitForCacheSync(ctx.Done(), synced...) {
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
