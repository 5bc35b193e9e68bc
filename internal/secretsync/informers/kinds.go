package informers

import (
	"fmt"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"

	"github.com/tazzo/rebirth/internal/secretsync/grants"
)

// Secrets watches the metadata of Secrets, of which only names and versions are
// kept: their data never enters the process by this way.
func Secrets(log logr.Logger, client metadata.Interface, watches []grants.Grant) (*Set, error) {
	resource := corev1.SchemeGroupVersion.WithResource("secrets")
	return New(log, watches, Options{
		Kind: "Secret",
		New: func(namespace, selector string) cache.SharedIndexInformer {
			return transforming(metadatainformer.NewFilteredMetadataInformer(client, resource, namespace, 0, cache.Indexers{}, selecting(selector)).Informer(), nameAndVersion)
		},
	})
}

// Custom watches objects of a custom resource, which transform makes small.
// changed reports whether an update is worth a reconcile.
func Custom(log logr.Logger, client dynamic.Interface, served discovery.DiscoveryInterface, resource schema.GroupVersionResource,
	watches []grants.Grant, transform cache.TransformFunc, changed func(before, after any) bool,
) (*Set, error) {
	return New(log, watches, Options{
		Kind:    resource.Resource,
		Changed: changed,
		Served:  func() bool { return serves(served, resource) },
		New: func(namespace, selector string) cache.SharedIndexInformer {
			return transforming(dynamicinformer.NewFilteredDynamicInformer(client, resource, namespace, 0, cache.Indexers{}, selecting(selector)).Informer(), transform)
		},
	})
}

func serves(client discovery.DiscoveryInterface, resource schema.GroupVersionResource) bool {
	list, err := client.ServerResourcesForGroupVersion(resource.GroupVersion().String())
	if err != nil {
		return false
	}
	for _, r := range list.APIResources {
		if r.Name == resource.Resource {
			return true
		}
	}
	return false
}

func selecting(selector string) func(*metav1.ListOptions) {
	return func(options *metav1.ListOptions) { options.FieldSelector = selector }
}

func transforming(informer cache.SharedIndexInformer, transform cache.TransformFunc) cache.SharedIndexInformer {
	// It fails only for an informer that runs already.
	if err := informer.SetTransform(transform); err != nil {
		panic(fmt.Sprintf("a new informer refuses its transform: %s", err))
	}
	return informer
}

func nameAndVersion(obj any) (any, error) {
	m, ok := obj.(*metav1.PartialObjectMetadata)
	if !ok {
		return obj, nil
	}
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Namespace: m.Namespace, Name: m.Name, UID: m.UID, ResourceVersion: m.ResourceVersion,
	}}, nil
}
