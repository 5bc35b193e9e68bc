package handover

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/clock"

	"github.com/tazzo/rebirth/internal/bootstrap/secret"
)

// fieldManager is who the applied fields belong to.
const fieldManager = "rebirth-bootstrap"

const (
	// attempt is how long the API may take for one answer.
	attempt = 15 * time.Second
	// pause between two attempts.
	pause = 2 * time.Second
)

// ApplySecret applies one Secret server-side, and its namespace if that isn't there.
// It waits until the API answers, and gives up with ctx. It reports whether anything
// changed: applied again as it is, the Secret isn't written.
//
// It never takes a field from another owner: what Flux, say, has changed meanwhile
// stays, and the error is a [*TakenError]. The Secret has no label and no owner, so
// that Flux may adopt it. Nothing of it is read back.
func ApplySecret(ctx context.Context, kubeconfig secret.Value, namespace, name, secretType string, data map[string]secret.Value) (changed bool, err error) {
	client, err := connect(kubeconfig)
	if err != nil {
		return false, err
	}
	a := applier{
		client: client, clock: clock.RealClock{},
		namespace: namespace, name: name, secretType: secretType, data: data,
	}
	return a.untilAnswered(ctx)
}

func connect(kubeconfig secret.Value) (metadata.Interface, error) {
	config, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig.Bytes())
	if err != nil {
		// The error may repeat a line of it.
		return nil, errors.New("the kubeconfig that Talos gave can't be read")
	}
	config.Timeout = attempt
	config.WarningHandler = rest.NoWarnings{}
	client, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("the kubeconfig that Talos gave can't be used (%T)", err)
	}
	return client, nil
}

// applier applies one Secret.
type applier struct {
	client                      metadata.Interface
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
	secrets := a.client.Resource(corev1.SchemeGroupVersion.WithResource("secrets")).Namespace(a.namespace)
	before, err := secrets.Get(ctx, a.name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		before = &metav1.PartialObjectMetadata{}
	case err != nil:
		return false, err
	}
	body, err := a.body()
	if err != nil {
		return false, err
	}
	defer clear(body)
	after, err := secrets.Patch(ctx, a.name, types.ApplyPatchType, body, metav1.PatchOptions{FieldManager: fieldManager})
	if apierrors.IsConflict(err) {
		return false, taken(before, err)
	}
	if err != nil {
		return false, err
	}
	return after.ResourceVersion != before.ResourceVersion, nil
}

func (a applier) applyNamespace(ctx context.Context) error {
	namespaces := a.client.Resource(corev1.SchemeGroupVersion.WithResource("namespaces"))
	if _, err := namespaces.Get(ctx, a.namespace, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		return err
	}
	body, err := json.Marshal(corev1Object("Namespace", metav1.ObjectMeta{Name: a.namespace}))
	if err != nil {
		return err
	}
	_, err = namespaces.Patch(ctx, a.namespace, types.ApplyPatchType, body, metav1.PatchOptions{FieldManager: fieldManager})
	return err
}

func corev1Object(kind string, meta metav1.ObjectMeta) metav1.PartialObjectMetadata {
	return metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: corev1.SchemeGroupVersion.String(), Kind: kind}, ObjectMeta: meta}
}

func (a applier) body() ([]byte, error) {
	data := make(map[string][]byte, len(a.data))
	for key, value := range a.data {
		data[key] = value.Bytes()
	}
	return json.Marshal(struct {
		metav1.PartialObjectMetadata `json:",inline"`

		Type string            `json:"type"`
		Data map[string][]byte `json:"data"`
	}{corev1Object("Secret", metav1.ObjectMeta{Namespace: a.namespace, Name: a.name}), a.secretType, data})
}

// passes says whether the error may be gone the next time: the API isn't there yet,
// or is busy, or the namespace of a former life is still going.
func passes(err error) bool {
	var untrusted *tls.CertificateVerificationError
	var status apierrors.APIStatus
	switch {
	case errors.As(err, &untrusted):
		return false
	case !errors.As(err, &status):
		var refused *TakenError
		return !errors.As(err, &refused)
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return true
	}
	return apierrors.IsServiceUnavailable(err) || apierrors.IsTooManyRequests(err) || apierrors.IsServerTimeout(err) ||
		apierrors.IsTimeout(err) || apierrors.IsInternalError(err) || apierrors.IsNotFound(err)
}

// explain names the object, and takes out of the error what the API may have
// repeated of it.
func (a applier) explain(err error) error {
	var refused *TakenError
	if err == nil || errors.As(err, &refused) {
		return err
	}
	way := ""
	switch {
	case apierrors.IsUnauthorized(err), apierrors.IsForbidden(err):
		way = ": the kubeconfig that Talos gave has no right to do it"
	case apierrors.IsInvalid(err):
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
