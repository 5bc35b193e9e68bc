package outcome

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

const (
	// lasting is from when on a failure is told: an API server that restarts, or a
	// webhook that does, is back before.
	lasting = 5 * time.Second
	// sameWords is how long a failure is told in the same words.
	sameWords = time.Minute
	// forgotten is when a failure begins anew: all that fails is tried again sooner.
	forgotten = 10 * time.Minute
)

// Failures remembers whose requests keep failing, and in which words that was told.
// The words are kept for a minute because each report wakes its reconciler: an error
// that names another port each time would otherwise be tried again without a pause.
type Failures struct {
	mu sync.Mutex
	of map[types.NamespacedName]failure
}

type failure struct {
	since, last, said time.Time
	reason, words     string
}

// Again notes another failure for this reason, and returns the words to tell it in.
// lasts reports whether it is worth telling: it has gone on for longer than a moment.
func (f *Failures) Again(key types.NamespacedName, reason, words string, now time.Time) (said string, lasts bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.of == nil {
		f.of = map[types.NamespacedName]failure{}
	}
	known, found := f.of[key]
	if !found || now.Sub(known.last) >= forgotten {
		known = failure{since: now}
	}
	if known.reason != reason || now.Sub(known.said) >= sameWords {
		known.said, known.reason, known.words = now, reason, words
	}
	known.last = now
	f.of[key] = known
	return known.words, now.Sub(known.since) >= lasting
}

// Over forgets the failures of an object whose requests work again, or that is gone.
func (f *Failures) Over(key types.NamespacedName) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.of, key)
}
