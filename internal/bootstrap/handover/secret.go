package handover

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"k8s.io/utils/clock"

	"github.com/tazzo/rebirth/internal/bootstrap/secret"
)

// fieldManager is who the applied fields belong to.
const fieldManager = "rebirth-bootstrap"

// pause between two attempts.
const pause = 2 * time.Second

// ApplySecret applies one Secret server-side, and its namespace if that isn't there.
// It waits until the API answers, and gives up with ctx. It reports whether anything
// changed: applied again as it is, the Secret isn't written.
//
// It never takes a field from another owner: what Flux, say, has changed meanwhile
// stays, and the error is a [*TakenError]. The Secret has no label and no owner, so
// that Flux may adopt it. Nothing of it is read back.
func ApplySecret(ctx context.Context, kubeconfig secret.Value, namespace, name, secretType string, data map[string]secret.Value) (changed bool, err error) {
	api, err := connect(kubeconfig)
	if err != nil {
		return false, err
	}
	defer api.close()
	a := applier{
		api: api, clock: clock.RealClock{},
		namespace: namespace, name: name, secretType: secretType, data: data,
	}
	return a.untilAnswered(ctx)
}

// applier applies one Secret.
type applier struct {
	api                         *api
	clock                       clock.WithTicker
	namespace, name, secretType string
	data                        map[string]secret.Value
}

// untilAnswered tries again as long as it may help.
func (a applier) untilAnswered(ctx context.Context) (bool, error) {
	var last error
	for {
		changed, err := a.apply(ctx)
		if err == nil || !passes(err) {
			return changed, a.explain(err)
		}
		if ctx.Err() == nil {
			last = err // and not that time is up, which says nothing about why
		}
		timer := a.clock.NewTimer(pause)
		select {
		case <-timer.C():
		case <-ctx.Done():
			timer.Stop()
			if last == nil {
				return false, a.explain(context.Cause(ctx))
			}
			return false, fmt.Errorf("%w (%w)", a.explain(last), context.Cause(ctx))
		}
	}
}

// apply returns whether the Secret is another version than before.
func (a applier) apply(ctx context.Context) (bool, error) {
	if err := a.applyNamespace(ctx); err != nil {
		return false, err
	}
	where := []string{"api/v1/namespaces", a.namespace, "secrets", a.name}
	before, err := a.api.get(ctx, where...)
	if err != nil && codeOf(err) != http.StatusNotFound {
		return false, err
	}
	body, err := a.secret()
	if err != nil {
		return false, err
	}
	after, err := a.api.apply(ctx, body, where...)
	if err != nil {
		return false, a.taken(before, err)
	}
	return after.Metadata.ResourceVersion != before.Metadata.ResourceVersion, nil
}

func (a applier) applyNamespace(ctx context.Context) error {
	where := []string{"api/v1/namespaces", a.namespace}
	if _, err := a.api.get(ctx, where...); codeOf(err) != http.StatusNotFound {
		return err
	}
	body, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": a.namespace}})
	if err != nil {
		return err
	}
	_, err = a.api.apply(ctx, body, where...)
	return err
}

func (a applier) secret() ([]byte, error) {
	data := make(map[string][]byte, len(a.data))
	for key, value := range a.data {
		data[key] = value.Bytes()
	}
	return json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Secret", "type": a.secretType, "data": data,
		"metadata": map[string]any{"namespace": a.namespace, "name": a.name},
	})
}

// passes says whether the error may be gone the next time: the API isn't there yet,
// or is busy, or the namespace of a former life is still going.
func passes(err error) bool {
	var untrusted *tls.CertificateVerificationError
	var owned *TakenError
	var refused *refusal
	switch {
	case errors.As(err, &untrusted), errors.As(err, &owned):
		return false
	case !errors.As(err, &refused):
		return true // it was not reached
	case len(refused.causes("NamespaceTerminating")) > 0:
		return true
	}
	return refused.Code >= http.StatusInternalServerError || refused.Code == http.StatusTooManyRequests || refused.Code == http.StatusNotFound
}

// explain names the object, and takes out of the error what the API may have
// repeated of it.
func (a applier) explain(err error) error {
	var owned *TakenError
	if err == nil || errors.As(err, &owned) {
		return err
	}
	way := ""
	switch codeOf(err) {
	case http.StatusUnauthorized, http.StatusForbidden:
		way = ": the kubeconfig that Talos gave has no right to do it"
	case http.StatusUnprocessableEntity:
		way = ": correct handOver.secret; if only its type has changed, delete the Secret first"
	}
	return &applyError{
		message: secret.Scrub(fmt.Sprintf("apply Secret %s/%s%s: %v", a.namespace, a.name, way, err), slices.Collect(maps.Values(a.data))...),
		cause:   err,
	}
}

// applyError keeps its cause for errors.Is, and not for printing.
type applyError struct {
	message string
	cause   error
}

func (e *applyError) Error() string { return e.message }

// Is answers for the causes alone: they themselves may hold a secret.
func (e *applyError) Is(target error) bool { return errors.Is(e.cause, target) }
