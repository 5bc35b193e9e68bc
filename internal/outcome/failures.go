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
)

// Failures remembers whose requests keep failing, and in which words that was told.
// The words are kept for a minute because each report wakes its reconciler: an error
// that names another port each time would otherwise be tried again without a pause.
type Failures struct {
	mu sync.Mutex
	of map[types.NamespacedName]failure
}

type failure struct {
	since, said time.Time
	words       string
}

// Again notes another failure, and returns the words to tell it in. lasts reports
// whether it is worth telling: it has gone on for longer than a moment.
func (f *Failures) Again(key types.NamespacedName, words string, now time.Time) (said string, lasts bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.of == nil {
		f.of = map[types.NamespacedName]failure{}
	}
	last, known := f.of[key]
	if !known {
		last.since = now
	}
	if !known || now.Sub(last.said) >= sameWords {
		last.said, last.words = now, words
	}
	f.of[key] = last
	return last.words, now.Sub(last.since) >= lasting
}

// Over forgets the failures of an object whose requests work again, or that is gone.
func (f *Failures) Over(key types.NamespacedName) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.of, key)
}
