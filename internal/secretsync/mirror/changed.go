package mirror

import (
	"bytes"
	"encoding/json"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/redact"
)

// Changed says for each key of a mirror since when processes read its present
// value: one that started at or before that moment holds an older one.
type Changed map[string]time.Time

// ReadChanged reads a mirror's ChangedAnnotation. One that can't be read counts
// as empty: the data was not changed by us, so nobody needs a restart.
func ReadChanged(annotations map[string]string) Changed {
	out := Changed{}
	if err := json.Unmarshal([]byte(annotations[v1alpha1.ChangedAnnotation]), &out); err != nil {
		return Changed{}
	}
	return out
}

// Newest returns the newest moment, or the zero time.
func (c Changed) Newest() time.Time {
	var newest time.Time
	for _, moment := range c {
		if moment.After(newest) {
			newest = moment
		}
	}
	return newest
}

func (c Changed) annotation() string {
	if len(c) == 0 {
		return ""
	}
	out, err := json.Marshal(c) // a map of times always marshals, its keys sorted
	if err != nil {
		return ""
	}
	return string(out)
}

// beforeNow is the moment of a mirror that is created where no Secret was: the
// second before. A process that starts within this very second was waiting for
// the Secret (docs/decisions.md).
func beforeNow(now time.Time) time.Time {
	return now.UTC().Truncate(time.Second).Add(-time.Second)
}

// created returns the moments of a mirror whose keys all changed at moment; none
// if that is the zero time.
func created(data redact.Data, moment time.Time) Changed {
	out := Changed{}
	if moment.IsZero() {
		return out
	}
	for key := range data {
		out[key] = moment.UTC()
	}
	return out
}

// updated returns the moments after live was replaced by data. Keys whose value
// stays keep their moment; those that go lose it; moments never run backwards, and
// are after the Secret's creation: one that is not tells of a value that made it.
func updated(before Changed, live *corev1.Secret, data redact.Data, now time.Time) Changed {
	moment := now.UTC().Truncate(time.Second)
	for _, past := range []time.Time{before.Newest(), live.CreationTimestamp.Time} {
		if next := past.UTC().Truncate(time.Second).Add(time.Second); moment.Before(next) && next.Year() <= 9999 { // what JSON can hold
			moment = next
		}
	}
	out := Changed{}
	for key, value := range data {
		old, had := live.Data[key]
		if !had || !bytes.Equal(old, value) {
			out[key] = moment
			continue
		}
		if kept, ok := before[key]; ok {
			out[key] = kept
		}
	}
	return out
}
