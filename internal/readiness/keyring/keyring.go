// Package keyring keeps the key that controller and agents share: a Secret in the
// controller's own namespace, made where there is none. Agents mount it.
package keyring

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
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

// refresh is how often the Secret is read again, for a key that was replaced.
const refresh = 30 * time.Second

// Keyring reads the Secret, and makes it where there is none.
type Keyring struct {
	Client    client.Client
	Live      client.Reader
	Namespace string
	Name      string

	mu   sync.Mutex
	keys wire.Keys
}

// Keys returns the present keys, or why there are none.
func (k *Keyring) Keys() (wire.Keys, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keys == nil {
		return nil, fmt.Errorf("the agents' key, Secret %s/%s, has not been read yet", k.Namespace, k.Name)
	}
	return k.keys, nil
}

// Start implements manager.Runnable. It runs on the leader only, so that two
// controllers do not make two keys.
func (k *Keyring) Start(ctx context.Context) error {
	ticker := time.NewTicker(refresh)
	defer ticker.Stop()
	for {
		if err := k.load(ctx); err != nil && ctx.Err() == nil {
			ctrl.LoggerFrom(ctx).Error(err, "the agents' key can't be read; agents can't be asked until it can")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (k *Keyring) load(ctx context.Context) error {
	secret := &corev1.Secret{}
	err := k.Live.Get(ctx, client.ObjectKey{Namespace: k.Namespace, Name: k.Name}, secret)
	if apierrors.IsNotFound(err) {
		if err := k.create(ctx); err != nil {
			return err
		}
		err = k.Live.Get(ctx, client.ObjectKey{Namespace: k.Namespace, Name: k.Name}, secret)
	}
	if err != nil {
		return fmt.Errorf("reading Secret %s/%s: %w", k.Namespace, k.Name, err)
	}
	secrets := [][]byte{secret.Data[Present]}
	if previous := secret.Data[Previous]; len(previous) > 0 {
		secrets = append(secrets, previous)
	}
	keys, err := wire.ParseKeys(secrets...)
	if err != nil {
		return errors.Join(fmt.Errorf("the agents' key, Secret %s/%s, is none: delete that Secret, and it is made anew", k.Namespace, k.Name), err)
	}
	k.mu.Lock()
	k.keys = keys
	k.mu.Unlock()
	return nil
}

// create applies server-side, since a Role with resourceNames can allow that; and
// not by force, so that of two controllers one fails.
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
