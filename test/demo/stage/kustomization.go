package stage

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/test/demo/show"
	"github.com/tazzo/rebirth/test/flux"
)

// The reasons of a Kustomization's condition Ready that the demo tells apart.
const (
	DependencyNotReady = "DependencyNotReady"
	progressing        = "Progressing"
)

// FluxStatus is the status of a watched object of Flux, of its present generation only.
// What an object only passes through leaves the status before.
func FluxStatus(before Status, obj client.Object, gone bool) Status {
	ready, err := flux.ReadyOf(obj.(*unstructured.Unstructured))
	if gone || err != nil || ready.Reason == "" {
		return Status{}
	}
	if ready.Reason == progressing {
		return before
	}
	return StatusOf([]metav1.Condition{ready})
}

// KustomizationNews tells of a Kustomization what is new.
func KustomizationNews(name string, before, after Status) []show.News {
	if after.State == "" || after.SameNews(before) {
		return nil
	}
	return []show.News{{Mark: after.Mark(), Actor: show.Flux, Text: "Kustomization " + name + " " + KustomizationLine(after)}}
}

// KustomizationLine is what a Kustomization is doing.
func KustomizationLine(s Status) string {
	switch {
	case s.State == "":
		return "is not Ready yet"
	case s.Ready():
		return "is Ready"
	default:
		return "waits: " + s.Message
	}
}

// Appear waits until an object that Flux applies is there, and reads it.
func (s *Stage) Appear(ctx context.Context, object client.Object, key client.ObjectKey) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.Patience, fmt.Errorf("not within %s (--timeout)", s.Patience))
	defer cancel()
	err := wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		err := s.Admin.Get(ctx, key, object)
		return err == nil, client.IgnoreNotFound(err)
	})
	if err != nil {
		return fmt.Errorf("waiting for %T %s: %w", object, key, errors.Join(err, context.Cause(ctx)))
	}
	return nil
}
