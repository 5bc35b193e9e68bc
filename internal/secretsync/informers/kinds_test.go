package informers_test

import (
	"context"

	"github.com/go-logr/logr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	discoveryfake "k8s.io/client-go/discovery/fake"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	metadatafake "k8s.io/client-go/metadata/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/tazzo/rebirth/internal/secretsync/grants"
	"github.com/tazzo/rebirth/internal/secretsync/informers"
)

// run runs a set until the spec ends.
func run(s *informers.Set) {
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- s.Start(ctx) }()
	DeferCleanup(func() {
		cancel()
		Eventually(stopped).Should(Receive(BeNil()))
	})
}

var _ = Describe("The informers on Secrets", func() {
	It("ask for what was granted, and keep names and versions only", func() {
		scheme := metadatafake.NewTestScheme()
		Expect(metav1.AddMetaToScheme(scheme)).To(Succeed())
		client := metadatafake.NewSimpleMetadataClient(scheme, &metav1.PartialObjectMetadata{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "db", Name: "a", UID: "u", ResourceVersion: "7", Labels: map[string]string{"l": "canary"},
				Annotations: map[string]string{"kubectl.kubernetes.io/last-applied-configuration": "canary"},
			},
		})
		s, err := informers.Secrets(logr.Discard(), client, []grants.Grant{{Namespace: "db", Name: "a"}})
		Expect(err).NotTo(HaveOccurred())
		run(s)
		Eventually(func() metav1.Object { obj, _ := s.Get("db", "a"); return obj }).ShouldNot(BeNil())
		obj, _ := s.Get("db", "a")
		Expect(obj).To(Equal(&metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: "db", Name: "a", UID: "u", ResourceVersion: "7"}}))
		for _, action := range client.Actions() {
			Expect(action.GetNamespace()).To(Equal("db"))
			Expect(action.GetResource().Resource).To(Equal("secrets"))
			if list, ok := action.(clienttesting.ListAction); ok {
				Expect(list.GetListRestrictions().Fields.String()).To(Equal("metadata.name=a"))
			}
		}
	})
})

var _ = Describe("The informers on a custom resource", func() {
	resource := schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "things"}
	custom := func(served ...*metav1.APIResourceList) *informers.Set {
		client := dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{resource: "ThingList"},
			&unstructured.Unstructured{Object: map[string]any{"apiVersion": "example.com/v1", "kind": "Thing", "metadata": map[string]any{"namespace": "db", "name": "a"}, "spec": "large"}})
		discovery := &discoveryfake.FakeDiscovery{Fake: &clienttesting.Fake{Resources: served}}
		small := func(obj any) (any, error) {
			u := obj.(*unstructured.Unstructured)
			return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: u.GetNamespace(), Name: u.GetName()}}, nil
		}
		s, err := informers.Custom(logr.Discard(), client, discovery, resource, []grants.Grant{{Namespace: "db"}}, small, nil)
		Expect(err).NotTo(HaveOccurred())
		run(s)
		return s
	}

	It("run where the API server serves it, and keep what the transform leaves", func() {
		s := custom(&metav1.APIResourceList{GroupVersion: "example.com/v1", APIResources: []metav1.APIResource{{Name: "others"}, {Name: "things"}}})
		Eventually(func() metav1.Object { obj, _ := s.Get("db", "a"); return obj }).Should(Equal(
			&metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: "db", Name: "a"}}))
	})

	DescribeTable("don't run where it doesn't",
		func(served ...*metav1.APIResourceList) {
			s := custom(served...)
			Eventually(s.Settled).Should(BeTrue())
			_, known := s.Get("db", "a")
			Expect(known).To(BeFalse())
		},
		Entry("no such group"),
		Entry("another version", &metav1.APIResourceList{GroupVersion: "example.com/v1beta1", APIResources: []metav1.APIResource{{Name: "things"}}}),
		Entry("another kind", &metav1.APIResourceList{GroupVersion: "example.com/v1", APIResources: []metav1.APIResource{{Name: "others"}}}),
	)
})
