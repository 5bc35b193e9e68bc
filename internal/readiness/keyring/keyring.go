// Package keyring keeps the key that controller and agents share: a Secret in the
// controller's own namespace, made where there is none. Agents mount it.
package keyring

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/readiness/agent/wire"
)

// The keys of the Secret: present signs; previous is accepted as well, while a key
// is being replaced.
const (
	Present  = "key"
	Previous = "previous"
)

// every is how often the Secret is read again, for a key that was replaced.
const every = 10 * time.Second

// Keyring reads the Secret, and makes it where there is none.
type Keyring struct {
	Client    client.Client
	Live      client.Reader
	Clock     clock.WithTicker
	Namespace string
	Name      string

	mu   sync.Mutex
	keys wire.Keys
	// problem is why the Secret could not be read the last time.
	problem error
}

// Keys returns the last keys that could be read, or why there are none.
func (k *Keyring) Keys() (wire.Keys, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.keys != nil:
		return k.keys, nil
	case k.problem != nil:
		return nil, k.problem
	}
	return nil, fmt.Errorf("the agents' key, Secret %s/%s, has not been read yet", k.Namespace, k.Name)
}

// Start implements manager.Runnable. It runs on the leader only, so that two
// controllers do not make two keys.
func (k *Keyring) Start(ctx context.Context) error {
	ticker := k.Clock.NewTicker(every)
	defer ticker.Stop()
	for {
		if err := k.refresh(ctx); err != nil && ctx.Err() == nil {
			ctrl.LoggerFrom(ctx).Error(err, "the agents' key can't be read; agents can't be asked until it can")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C():
		}
	}
}

func (k *Keyring) refresh(ctx context.Context) error {
	keys, err := k.load(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.problem = err
	if err == nil {
		k.keys = keys
	}
	return err
}

func (k *Keyring) load(ctx context.Context) (wire.Keys, error) {
	secret := &corev1.Secret{}
	err := k.Live.Get(ctx, client.ObjectKey{Namespace: k.Namespace, Name: k.Name}, secret)
	if apierrors.IsNotFound(err) {
		if err := k.create(ctx); err != nil {
			return nil, err
		}
		err = k.Live.Get(ctx, client.ObjectKey{Namespace: k.Namespace, Name: k.Name}, secret)
	}
	if err != nil {
		return nil, fmt.Errorf("reading Secret %s/%s: %w", k.Namespace, k.Name, err)
	}
	secrets := [][]byte{secret.Data[Present]}
	if previous := secret.Data[Previous]; len(previous) > 0 {
		secrets = append(secrets, previous)
	}
	keys, err := wire.ParseKeys(secrets...)
	if err != nil {
		return nil, fmt.Errorf("the agents' key, Secret %s/%s, is none: delete that Secret, and it is made anew: %w", k.Namespace, k.Name, err)
	}
	return keys, nil
}

// create applies server-side, since a Role with resourceNames can allow that. Of two
// leaders, should there be two for a moment, the later one's key stands, and the other
// reads it within every.
func (k *Keyring) create(ctx context.Context) error {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Secret", "type": string(corev1.SecretTypeOpaque),
		"metadata": map[string]any{"namespace": k.Namespace, "name": k.Name, "labels": map[string]any{v1alpha1.ManagedByLabel: "readiness-gate"}},
		"data":     map[string]any{Present: key},
	}}
	if err := k.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("readiness-gate")); err != nil {
		return fmt.Errorf("creating Secret %s/%s: %w", k.Namespace, k.Name, err)
	}
	return nil
}
