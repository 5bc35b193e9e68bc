package manager

import (
	"time"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Retries says how soon an object is looked at again after an error: after first,
// then after twice as long each time, and never later than after longest.
// controller-runtime's default grows to a quarter of an hour, which is more than a
// whole rebirth takes: after an API server that was away for so long, nobody would do
// anything. Each controller needs its own.
func Retries(first, longest time.Duration) workqueue.TypedRateLimiter[reconcile.Request] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](first, longest)
}
