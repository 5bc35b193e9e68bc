package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// The selectors of what is observed.
const (
	mirrorSelector = "app.kubernetes.io/managed-by=secret-sync"
	bareSelector   = "bench=bare"
)

// arrivalTimeout is far more than any measurement takes.
const arrivalTimeout = 3 * time.Minute

// observer notes, by a watch, when Secrets arrive at an expected value.
type observer struct {
	mu    sync.Mutex
	value string
	left  int
	seen  map[string]bool
	done  chan time.Time
}

// observe watches the Secrets with that label in all namespaces until ctx ends.
func (w *world) observe(ctx context.Context, selector string) (*observer, error) {
	o := &observer{}
	factory := informers.NewSharedInformerFactoryWithOptions(w.watcher, 0,
		informers.WithTweakListOptions(func(options *metav1.ListOptions) { options.LabelSelector = selector }))
	informer := factory.Core().V1().Secrets().Informer()
	if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    o.note,
		UpdateFunc: func(_, after any) { o.note(after) },
	}); err != nil {
		return nil, err
	}
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return nil, context.Cause(ctx)
	}
	return o, nil
}

func (o *observer) note(obj any) {
	now := time.Now()
	secret, ok := obj.(*corev1.Secret)
	o.mu.Lock()
	defer o.mu.Unlock()
	if !ok || o.left == 0 || string(secret.Data[roundKey]) != o.value || o.seen[secret.Namespace+"/"+secret.Name] {
		return
	}
	o.seen[secret.Namespace+"/"+secret.Name] = true
	if o.left--; o.left == 0 {
		o.done <- now
	}
}

// expect starts to count the Secrets with that value, which must be a new one. The
// returned function waits for the count and returns when the last one arrived.
func (o *observer) expect(value string, count int) (await func(context.Context) (time.Time, error)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	done := make(chan time.Time, 1)
	o.value, o.left, o.seen, o.done = value, count, map[string]bool{}, done
	return func(ctx context.Context) (time.Time, error) {
		timeout := time.NewTimer(arrivalTimeout)
		defer timeout.Stop()
		select {
		case at := <-done:
			return at, nil
		case <-ctx.Done():
			return time.Time{}, context.Cause(ctx)
		case <-timeout.C:
			o.mu.Lock()
			defer o.mu.Unlock()
			return time.Time{}, fmt.Errorf("%d of %d Secrets did not get their new value within %s", o.left, count, arrivalTimeout)
		}
	}
}
