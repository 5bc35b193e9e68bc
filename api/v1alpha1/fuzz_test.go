package v1alpha1_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/tazzo/rebirth/api/v1alpha1"
)

// object is one of our kinds.
type object interface {
	runtime.Object
	metav1.Object
	SetConditions([]metav1.Condition)
}

// roundTrip looks for documents that don't survive being read and written, or
// whose copy is another or shares memory.
func roundTrip(t *testing.T, document []byte, newObject func() object) {
	first := newObject()
	if json.Unmarshal(document, first) != nil {
		return
	}
	copied := first.DeepCopyObject()
	if !reflect.DeepEqual(first, copied) {
		t.Fatalf("the copy differs:\n%#v\n%#v", first, copied)
	}
	written, err := json.Marshal(first)
	if err != nil {
		return // such as a time beyond year 9999: metav1's own limit
	}
	second := newObject()
	if err := json.Unmarshal(written, second); err != nil {
		t.Fatalf("%s can't be read again: %v", written, err)
	}
	again, err := json.Marshal(second)
	if err != nil || !bytes.Equal(written, again) {
		t.Fatalf("became another: %v\n%s\n%s", err, written, again)
	}
	first.SetConditions(nil)
	first.SetAnnotations(nil)
	if fromCopy, err := json.Marshal(copied); err != nil || !bytes.Equal(written, fromCopy) {
		t.Fatalf("the copy changed with the original: %v\n%s\n%s", err, written, fromCopy)
	}
}

func FuzzDecodeExport(f *testing.F) {
	for _, seed := range []string{
		`{}`, `null`, `{"spec":{"source":{"secret":{"name":"s"}},"to":[{"namespace":"n"},{"namespaceSelector":{"matchExpressions":[{"key":"a","operator":"In","values":["b"]}]}}],"keys":{"include":["a"]},"includeCA":true}}`,
		`{"status":{"verification":{"since":"2026-03-01T10:00:00Z","refusedSince":null,"attempts":2147483647},"repair":{},"conditions":[{"type":"Ready"}]}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		roundTrip(t, document, func() object { return &v1alpha1.SecretExport{} })
	})
}

func FuzzDecodeImport(f *testing.F) {
	for _, seed := range []string{
		`{}`, `null`, `{"spec":{"from":{"namespace":"n","name":"e"},"target":{"keys":[],"template":{"a":"{{ .b }}"}},"externalSecret":{},"restart":{"mode":"Listed","workloads":[{"kind":"Deployment","name":"g"}],"minInterval":"1h30m"}}}`,
		`{"status":{"source":{},"target":{"changedAt":"2026-03-01T10:00:00+01:00"},"restart":{"handledUpTo":null,"last":[{"kind":"x","time":"2026-03-01T10:00:00.5Z"}]}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		roundTrip(t, document, func() object { return &v1alpha1.SecretImport{} })
	})
}
