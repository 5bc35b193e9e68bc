package secrets

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tazzo/rebirth/api/v1alpha1"
	"github.com/tazzo/rebirth/internal/secretsync/externalsecret"
	"github.com/tazzo/rebirth/internal/secretsync/pgo"
	"github.com/tazzo/rebirth/test/demo/show"
	"github.com/tazzo/rebirth/test/kubelet"
)

// place is somewhere that no password may appear in.
type place struct {
	name    string
	content []byte
}

// places reads everything that secret-sync writes outside of the mirror's data.
func (a *Act) places(ctx context.Context) ([]place, error) {
	log, err := os.ReadFile(filepath.Join(a.stage.Logs, logName))
	if err != nil {
		return nil, err
	}
	metrics, err := kubelet.Get(ctx, a.controller.Metrics+"/metrics")
	if err != nil {
		return nil, err
	}
	events, eventCount, err := a.list(ctx, &eventsv1.EventList{})
	if err != nil {
		return nil, err
	}
	objects, objectCount, err := a.list(ctx,
		&v1alpha1.SecretExportList{}, &v1alpha1.SecretImportList{}, pgo.NewClusterList(), externalSecrets(), secretsMetadata(),
		&appsv1.DeploymentList{}, &appsv1.ReplicaSetList{}, &corev1.PodList{}, &corev1.ConfigMapList{}, &coordinationv1.LeaseList{})
	if err != nil {
		return nil, err
	}
	return []place{
		{fmt.Sprintf("secret-sync's log (%d lines)", bytes.Count(log, []byte("\n"))), log},
		{"its metrics", metrics},
		{fmt.Sprintf("%d events", eventCount), events},
		{fmt.Sprintf("%d objects", objectCount), objects},
	}, nil
}

func externalSecrets() client.ObjectList {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(asList(externalsecret.GroupVersionKind))
	return list
}

// secretsMetadata lists Secrets without their data, which is where passwords belong.
func secretsMetadata() client.ObjectList {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(asList(corev1.SchemeGroupVersion.WithKind("Secret")))
	return list
}

func asList(gvk schema.GroupVersionKind) schema.GroupVersionKind {
	gvk.Kind += "List"
	return gvk
}

func (a *Act) list(ctx context.Context, lists ...client.ObjectList) (content []byte, count int, err error) {
	for _, list := range lists {
		if err := a.stage.Admin.List(ctx, list); err != nil {
			return nil, 0, err
		}
		document, err := json.Marshal(list)
		if err != nil {
			return nil, 0, err
		}
		content, count = append(content, document...), count+meta.LenList(list)
	}
	return content, count, nil
}

// leaks looks for every secret in every place.
func leaks(passwords *Passwords, places []place) show.Check {
	names, found := make([]string, 0, len(places)), []string{}
	for _, p := range places {
		names = append(names, p.name)
		if n := passwords.Found(p.content); n > 0 {
			found = append(found, fmt.Sprintf("%d in %s", n, p.name))
		}
	}
	if len(found) > 0 {
		return show.Check{Text: "passwords or verifiers appear: " + strings.Join(found, ", ")}
	}
	return show.Check{OK: true, Text: fmt.Sprintf("no password and no verifier (%d looked for) in %s", passwords.Count(), strings.Join(names, ", "))}
}

// restarts holds if Grafana was restarted once for each change that it reads.
func restarts(w World) show.Check {
	const wanted = 3
	if w.Restarts != wanted || w.Grafana.Number != wanted+1 {
		return show.Check{Text: fmt.Sprintf("Grafana should have been restarted %d times; it was %d times, in %d pods", wanted, w.Restarts, w.Grafana.Number)}
	}
	return show.Check{OK: true, Text: fmt.Sprintf("Grafana was restarted %d times, once for each change (ca.crt, P1, P2) and not otherwise", wanted)}
}
