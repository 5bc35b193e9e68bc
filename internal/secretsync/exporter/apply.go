package exporter

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/internal/secretsync/proof"
)

// FieldOwner is what secret-sync writes as.
const FieldOwner = "secret-sync"

// apply asks PGO to set a password again, where the plan says so. PGO keeps the
// password, makes a new verifier and applies the role when the verifier is empty.
// Nothing but that key is touched, and only at the version that was proven wrong.
func (r *Reconciler) apply(ctx context.Context, f proof.Facts, plan proof.Plan) error {
	if plan.Repair == nil {
		return nil
	}
	patch, err := json.Marshal([]map[string]string{
		{"op": "test", "path": "/metadata/resourceVersion", "value": plan.Repair.Revision},
		{"op": "replace", "path": "/data/verifier", "value": ""},
	})
	if err != nil {
		return err
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: f.Export.Namespace, Name: f.Export.SecretName()}}
	if err := r.Client.Patch(ctx, secret, client.RawPatch(types.JSONPatchType, patch), client.FieldOwner(FieldOwner)); err != nil {
		return fmt.Errorf("emptying the key verifier of Secret %s/%s: %w", secret.Namespace, secret.Name, err)
	}
	return nil
}
