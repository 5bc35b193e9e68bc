package importer

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// ownWrites remembers, for a moment, which version of an import this reconciler
// has written a status over. The write of the mirror wakes it, often sooner than
// the cache shows the status that was written next: a look at the cluster would
// then cost as many requests as the change itself did, and find nothing. The event
// that is still to come wakes it again.
type ownWrites struct {
	mu   sync.Mutex
	over map[types.NamespacedName]replaced
}

type replaced struct {
	version string
	until   time.Time
}

// patience is how long an older version in a cache is taken for a late cache. It
// may be a restored etcd.
const patience = 2 * time.Second

// wrote notes that the import's status was written over that version.
func (o *ownWrites) wrote(key types.NamespacedName, over string, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over == nil {
		o.over = map[types.NamespacedName]replaced{}
	}
	o.over[key] = replaced{over, now.Add(patience)}
}

// pending reports whether the cache, which shows that version, lacks the write.
func (o *ownWrites) pending(key types.NamespacedName, shown string, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	last, ok := o.over[key]
	if ok && last.version == shown && now.Before(last.until) {
		return true
	}
	delete(o.over, key)
	return false
}

// forget is for an import that is gone.
func (o *ownWrites) forget(key types.NamespacedName) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.over, key)
}
